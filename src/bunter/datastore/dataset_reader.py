"""Datasets read from their artifacts: from one, from a part of one, or from several put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bunter.datastore.composites import assembled, read_component
from bunter.datastore.direct import DirectFiles
from bunter.datastore.format import ONE_WAY, ReadRequest, format_of
from bunter.datastore.key import is_direct
from bunter.datastore.reading import part_for, result_class
from bunter.errors import KeyMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.chain import Chain
    from bunter.datastore.fetching import Fetching
    from bunter.datastore.store import ArtifactStore, Staged
    from bunter.storage_class import StorageClass

__all__ = ["Asked", "DatasetReader"]

_DIRECT = DirectFiles()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be read of a dataset; see `Datastore.read`.

    Parameters
    ----------
    storage_class : StorageClass or str
        What to return; or, with a component, the storage class that has it.
    component : str, optional
        Only this component.
    parameters : mapping
        Restrictions.
    keeps : bool
        Whether the cache may keep what comes from afar.
    """

    storage_class: StorageClass | str
    component: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    keeps: bool = True


class DatasetReader:
    """Reads datasets from the stores of a chain.

    Parameters
    ----------
    chain : Chain
        The stores.
    fetching : Fetching
        Brings artifacts from them, through the cache where there is one.
    """

    def __init__(self, chain: Chain, fetching: Fetching) -> None:
        self._chain = chain
        self._fetching = fetching
        self._stores = {child.name: child.store for child in chain.children}

    def holders(self, stored: StoredArtifact) -> list[ArtifactStore]:
        """Return the stores that may have an artifact, in the order to ask them."""
        if is_direct(stored.key):
            return [_DIRECT]
        if found := self._chain.holders(stored.datastore):
            return [self._fetching.seen(store) for store in found]
        raise _unconfigured(stored)

    def read(
        self,
        stored: Sequence[StoredArtifact],
        asked: Asked,
        *,
        staged: Sequence[Staged] = (),
        ahead: ArtifactStore | None = None,
    ) -> object:
        """Read a dataset, or part of it; see `Datastore.read`."""
        if len(stored) > 1 or (stored and stored[0].component):
            return self._read_parts(stored, asked, staged)
        wanted = result_class(asked.storage_class, asked.component)
        artifact, remaining = part_for(stored, asked.component)
        request = ReadRequest(wanted.python_type, remaining, asked.parameters, artifact.selector)
        obj = self._read_one(artifact, request, staged, keeps=asked.keeps, ahead=ahead)
        # A part is what its format makes of it (no mask is None, a picture stays one); a whole is what was asked for.
        return obj if asked.component or artifact.format in ONE_WAY else wanted.convert(obj)

    def _read_one(
        self,
        artifact: StoredArtifact,
        request: ReadRequest,
        staged: Sequence[Staged],
        *,
        keeps: bool,
        ahead: ArtifactStore | None = None,
    ) -> object:
        waiting = next((item for item in staged if item.key == artifact.key), None)
        if waiting is not None:
            content = self._stores[waiting.datastore].read_staged(waiting)
            return format_of(artifact.format).from_bytes(content, request)
        stores: Sequence[ArtifactStore] = (
            [_DIRECT] if is_direct(artifact.key) else self._chain.holders(artifact.datastore)
        )
        stores = stores or self.holders(artifact)
        try:
            return self._fetching.read(stores if ahead is None else [ahead, *stores], artifact, request, keeps=keeps)
        except KeyMissingError as exc:
            if is_direct(artifact.key) or artifact.datastore in self._stores:
                raise
            raise _unconfigured(artifact) from exc

    def _read_parts(self, stored: Sequence[StoredArtifact], asked: Asked, staged: Sequence[Staged]) -> object:
        """Read a composite that is kept in several artifacts, or the one of them that answers a component."""
        whole, component = result_class(asked.storage_class), asked.component
        read = {
            item.component: lambda request, item=item: self._read_one(
                item, replace(request, selector=item.selector), staged, keeps=asked.keeps
            )
            for item in stored
        }
        if component is None:
            return whole.convert(assembled(whole, read, asked.parameters))
        whole.component(component)  # raises if there is no such
        return read_component(component, result_class(whole, component).python_type, read, asked.parameters)


def _unconfigured(stored: StoredArtifact) -> KeyMissingError:
    return KeyMissingError(
        f"{stored.key} is in the store {stored.datastore!r}, which is not configured here; "
        f"give it its place again, below datastore.stores.{stored.datastore} in bunter.yaml"
    )

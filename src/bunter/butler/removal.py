"""Datasets and runs out: rows first, in one commit with the list of files to unlink; then the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import CollectionType
from bunter.dataset.changes import RemoveCollection, RemoveDatasets
from bunter.errors import CollectionTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.butler.session import Session
    from bunter.dataset import DatasetRef

__all__ = ["Removal"]


class Removal:
    """Removes what a user no longer wants.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def datasets(self, refs: Sequence[DatasetRef]) -> int:
        """Remove datasets with their memberships and artifacts; return how many."""
        if refs:
            self._session.commit([RemoveDatasets([ref.id.bytes for ref in refs])])
        return len(refs)

    def runs(self, names: str | Iterable[str], *, unlink_from_chains: bool = False) -> int:
        """Remove RUN collections with their datasets; return how many datasets went."""
        listed = (names,) if isinstance(names, str) else tuple(names)
        catalog = self._session.facts.collections
        for name in listed:
            if catalog.info(name).type is not CollectionType.RUN:
                raise CollectionTypeError(
                    f"{name!r} is a {catalog.info(name).type.name} collection, not a RUN; `bunter remove-collections REPO {name}` removes it"
                )
        ids = self._session.repository.members(self._session.principal, listed)
        changes = [RemoveCollection(name, unlink_from_chains=unlink_from_chains) for name in listed]
        self._session.commit([RemoveDatasets(ids), *changes])
        return len(ids)

"""Artifacts that may have to be recalled before they can be read, such as from tape."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bunter.errors import ConfigurationError, RecallNeededError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import PublishingStore
    from bunter.values import ByteRange

__all__ = ["NearlineState", "NearlineStore", "Recall", "RecallOrder", "recall_artifacts", "recall_named"]


class NearlineState(StrEnum):
    """How near an artifact is."""

    ONLINE = "online"
    """It can be read now."""
    RECALLED = "recalled"
    """A recall is on its way."""
    NEARLINE = "nearline"
    """It has to be recalled first."""


@runtime_checkable
class Recall(Protocol):
    """What brings artifacts back from tape; found by its short name among the entry points ``bunter.recall``.

    The entry point is called with the address of the store. Every method is bulk.
    """

    def states(self, keys: Sequence[str]) -> list[NearlineState]:
        """Say how near each artifact is, in the order asked for; plain words such as "online" will do."""

    def containers(self, keys: Sequence[str]) -> list[str]:
        """Name what each artifact lies in and comes back with, such as a tape or an archive."""

    def recall(self, containers: Mapping[str, Sequence[str]]) -> str:
        """Order the artifacts of containers back, each container once; return the ticket. What is on its way is no error."""


@dataclass(frozen=True, slots=True)
class RecallOrder:
    """What was ordered back from one container of a store.

    Parameters
    ----------
    datastore : str
        The store.
    container : str
        Such as a tape.
    keys : tuple of str
        The artifacts.
    size : int
        Their bytes.
    ticket : str
        Of the recall; empty if nothing was ordered.
    """

    datastore: str
    container: str
    keys: tuple[str, ...]
    size: int
    ticket: str


def recall_named(name: str, address: str) -> Recall:
    """Find what recalls artifacts by its short name.

    Raises
    ------
    ConfigurationError
        If there is none of this name, or it is none.
    """
    from importlib.metadata import entry_points

    found = {entry.name: entry for entry in entry_points(group="bunter.recall")}
    if name not in found:
        raise ConfigurationError(
            f"nothing recalls artifacts by the name {name!r}{near(name, found)}; install the package that brings the entry "
            "point bunter.recall, or leave 'nearline' out"
        )
    made = found[name].load()(address)
    if not isinstance(made, Recall):
        raise ConfigurationError(f"the entry point {name!r} of bunter.recall makes no Recall; upgrade or remove it")
    return made


class NearlineStore:
    """A store whose artifacts are looked for before they are read; all else it does itself.

    Parameters
    ----------
    store : PublishingStore
        The store.
    hook : Recall
        Knows what is where.
    """

    is_remote = True

    def __init__(self, store: PublishingStore, hook: Recall) -> None:
        self._store, self.hook = store, hook

    def __repr__(self) -> str:
        return f"NearlineStore({self._store!r})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in {"path", "chunks"}:  # a file that is on tape is not to be opened by its path
            raise AttributeError(name)
        return getattr(self._store, name)

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the artifact or ranges of it; RecallNeededError if it has to be recalled first."""
        if (state := _states(self.hook, [key])[0]) is not NearlineState.ONLINE:
            container = self.hook.containers([key])[0]
            hint = (
                "its recall is on its way, try later"
                if state is NearlineState.RECALLED
                else "`bunter recall` orders it back, in bulk"
            )
            raise RecallNeededError(
                f"{key} is nearline, in {container}; {hint}", keys=[key], containers=[container], ticket=""
            )
        return self._store.read(key, ranges)


def _states(hook: Recall, keys: Sequence[str]) -> list[NearlineState]:
    """Ask a hook, which may answer in plain words."""
    told = hook.states(keys)
    try:
        return [NearlineState(state) for state in told]
    except ValueError as exc:
        raise ConfigurationError(
            f"{type(hook).__name__}.states says {exc}; an artifact is {', '.join(NearlineState)}"
        ) from exc


def recall_artifacts(
    stored: Sequence[StoredArtifact], stores: Mapping[str, PublishingStore], *, dry_run: bool = False
) -> list[RecallOrder]:
    """Order back what is nearline, with one order for each store.

    Parameters
    ----------
    stored : sequence of StoredArtifact
        What is wanted.
    stores : mapping of str to PublishingStore
        The stores by name.
    dry_run : bool
        Whether only to say what would be ordered.

    Returns
    -------
    list of RecallOrder
        One for each container, sorted by store and container; none for what is online or on its way.
    """
    orders: list[RecallOrder] = []
    for name, store in sorted(stores.items()):
        if isinstance(store, NearlineStore):
            sizes = {item.key: item.size for item in stored if item.datastore == name}
            orders += _ordered(name, store.hook, sizes, dry_run=dry_run)
    return orders


def _ordered(name: str, hook: Recall, sizes: Mapping[str, int], *, dry_run: bool) -> list[RecallOrder]:
    keys = list(sizes)
    away = [key for key, state in zip(keys, _states(hook, keys), strict=True) if state is NearlineState.NEARLINE]
    grouped: dict[str, list[str]] = {}
    for key, container in zip(away, hook.containers(away), strict=True):
        grouped.setdefault(container, []).append(key)
    if not grouped:
        return []
    ticket = "" if dry_run else hook.recall(grouped)
    return [
        RecallOrder(name, container, tuple(held), sum(max(sizes[key], 0) for key in held), ticket)
        for container, held in sorted(grouped.items())
    ]

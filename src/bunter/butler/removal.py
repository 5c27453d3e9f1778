"""Datasets and runs out: rows first, in one commit with the list of files to unlink; then the files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bunter.butler.activities import performed
from bunter.butler.chosen_ids import chosen_ids
from bunter.butler.operators import Operators
from bunter.butler.trash import trash_of
from bunter.dataset import CollectionType
from bunter.dataset.changes import (
    ChangesAsRead,
    Disassociate,
    RemoveCollection,
    RemoveDatasets,
    UndoChange,
    UnstoreDatasets,
)
from bunter.errors import CollectionTypeError, MissingCollectionError
from bunter.registry.undoable import UNDOING
from bunter.values.packed_ids import PackedIds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bunter.butler.restoration import Removed, Restoration, Undoable
    from bunter.butler.session import Session
    from bunter.dataset import DatasetRef
    from bunter.dataset.changes import Change

__all__ = ["Removal", "RemovalPreview"]


@dataclass(frozen=True, slots=True)
class RemovalPreview:
    """What a removal would take away.

    Parameters
    ----------
    rows : list of tuple
        Dataset type, run, datasets, bytes of artifacts that are ours, memberships in TAGGED and CALIBRATION collections;
        sorted.
    collections : tuple of str
        Collections that would go.
    chains : tuple of str
        Chains that these are in; they must be taken out of them first, or with them.
    """

    rows: list[tuple[Any, ...]]
    collections: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()

    @property
    def datasets(self) -> int:
        """Number of datasets."""
        return sum(row[2] for row in self.rows)

    @property
    def bytes(self) -> int:
        """Size of their artifacts in bytes; files that are not ours stay, and are not counted."""
        return sum(row[3] for row in self.rows)

    @property
    def memberships(self) -> int:
        """Number of places in TAGGED and CALIBRATION collections that would become empty."""
        return sum(row[4] for row in self.rows)

    def __str__(self) -> str:
        from bunter.values import counted

        parts = [counted(self.datasets, "dataset"), f"{self.bytes} bytes"]
        if self.memberships:
            parts.append(counted(self.memberships, "membership"))
        if self.collections:
            parts.insert(0, counted(len(self.collections), "collection"))
        return ", ".join(parts) + (f"; in {', '.join(self.chains)}" if self.chains else "")


class Removal:
    """Removes what a user no longer wants, and says before what that would be.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def preview(
        self,
        refs: Iterable[DatasetRef] | PackedIds = (),
        *,
        runs: str | Iterable[str] = (),
        collections: str | Iterable[str] = (),
    ) -> RemovalPreview:
        """Count what would go, without changing anything.

        Parameters
        ----------
        refs : iterable of DatasetRef
            Datasets.
        runs, collections : str or iterable of str
            RUN collections with their datasets; collections of other types, whose datasets stay.
        """
        listed, others = self._runs(runs), _listed(collections)
        ids = chosen_ids(refs)
        if listed:
            ids += PackedIds.of(self._session.repository.members(self._session.principal, listed))
        catalog = self._session.facts.collections
        chains = {parent for name in (*listed, *others) for parent in catalog.info(name).parents}
        rows = sorted(Operators(self._session).toll(ids)) if ids else []
        return RemovalPreview(rows, (*listed, *others), tuple(sorted(chains - {*listed, *others})))

    def datasets(
        self,
        refs: Iterable[DatasetRef] | PackedIds,
        *,
        purge: bool = True,
        unstore: bool = True,
        disassociate: str | Iterable[str] | None = None,
        keep_days: float | None = None,
    ) -> int:
        """Remove datasets with their memberships and artifacts, as `Butler.remove_datasets` tells; return how many there were."""
        ids = chosen_ids(refs)
        tags = self._tags(disassociate)
        if purge:
            changes: list[Change] = [RemoveDatasets(ids, keep_days)]
        else:
            changes = [Disassociate(name, ids) for name in tags]
            if unstore:
                changes.append(UnstoreDatasets(ids, keep_days))
        if ids and changes:
            self._session.commit(changes)
        return len(ids)

    def _tags(self, names: str | Iterable[str] | None) -> tuple[str, ...]:
        listed = _listed(names or ())
        catalog = self._session.facts.collections
        for name in listed:
            if (kind := catalog.info(name).type) is not CollectionType.TAGGED:
                raise CollectionTypeError(
                    f"{name!r} is a {kind.name} collection; datasets are taken out of TAGGED ones"
                )
        return listed

    def runs(
        self, names: str | Iterable[str], *, unlink_from_chains: bool = False, keep_days: float | None = None
    ) -> int:
        """Remove RUN collections with their datasets; return how many datasets went."""
        listed = self._runs(names)
        gone: list[int] = []

        def all_of_them() -> Iterator[Change]:
            # Within the transaction, so that what others put meanwhile goes as well.
            ids = self._session.repository.members(self._session.principal, listed)
            gone.append(len(ids))
            yield RemoveDatasets(ids, keep_days)

        changes = [RemoveCollection(name, unlink_from_chains=unlink_from_chains) for name in listed]
        self._session.commit([ChangesAsRead(all_of_them), *changes])
        return gone[-1] if gone else len(self._session.repository.members(self._session.principal, listed))

    def undoable(self) -> list[Removed]:
        """Return the removals whose files are kept, the latest first."""
        return trash_of(self._session.repository).removals()

    def undoable_changes(self, limit: int = 20) -> list[Undoable]:
        """Return the latest changes that can be undone, see `Butler.undoable`."""
        return trash_of(self._session.repository).undoable(limit)

    def undo(self, change: int | None = None, *, partly: bool = False, dry_run: bool = False) -> Restoration:
        """Take back what a change, or the last one, did; see `Butler.undo`."""
        trash = trash_of(self._session.repository)
        number = trash.latest(self._session.principal.user) if change is None else change
        restoration = trash.restoration(number)
        if dry_run:
            return restoration
        restoration.refuse(partly=partly)
        # The commit finds the changes anew, as things stand then: once is enough memory.
        restoration = replace(restoration, changes=())
        with performed(self._session, "undo", kind=UNDOING, facts={"change": number}):
            self._session.commit([UndoChange(number, partly)])
        return restoration

    def _runs(self, names: str | Iterable[str]) -> tuple[str, ...]:
        listed = _listed(names)
        catalog = self._session.facts.collections
        for name in listed:
            if (kind := catalog.info(name).type) is not CollectionType.RUN:
                raise CollectionTypeError(
                    f"{name!r} is a {kind.name} collection, not a RUN; `bunter remove-collections REPO {name}` removes it"
                )
        return listed


def _listed(names: str | Iterable[str]) -> tuple[str, ...]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    if any(not isinstance(name, str) for name in listed):
        raise MissingCollectionError("collections are named by texts, such as 'u/me/run1'")
    return tuple(dict.fromkeys(listed))

"""The trash: artifacts of removed datasets, kept for a while so that the removal can be undone, and then unlinked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.butler.exact_names import exact_keys
from bunter.butler.restoration import Removed, Restoration, Undoable
from bunter.dataset.changes import ChangesAsRead, ForgetRemoval, RemoveDatasets, UnstoreDatasets
from bunter.datastore.kept_records import restored
from bunter.errors import ConfigurationError, UndoError
from bunter.registry.removed_rows import forget_beside, names_of, present
from bunter.registry.reversing import reversal
from bunter.registry.undoable import deeds_of, edits, latest_deed, settled
from bunter.values.packed_ids import LOT_IDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from bunter.butler.exact_names import ExactNames
    from bunter.butler.repository import Repository
    from bunter.database import Connection, Database, Transaction
    from bunter.dataset.changes import Change, UndoChange
    from bunter.datastore import Datastore
    from bunter.datastore.kept_records import KeptArtifact, KeptRemoval
    from bunter.datastore.records import ArtifactRecords
    from bunter.registry import Registry

__all__ = ["Trash", "trash_of"]

_DAY_NS = 86_400 * 10**9
_FAR_NS = 2**62


class Trash:
    """What was removed from a repository and is not gone yet.

    Parameters
    ----------
    database : Database
        Holds registry and records.
    registry : Registry
        Knows the datasets.
    records : ArtifactRecords
        Knows where they were.
    datastore : Datastore
        Has their artifacts.
    exact : ExactNames
        Unlinks those whose names may come again.
    """

    def __init__(
        self, database: Database, registry: Registry, records: ArtifactRecords, datastore: Datastore, exact: ExactNames
    ) -> None:
        self._database, self._registry, self._records, self._datastore = database, registry, records, datastore
        self._exact = exact
        self._days = 0.0 if datastore.config is None else datastore.config.trash_days

    def dated(self, change: Change) -> Change:
        """Return a change that says for how long what it removes is kept."""
        if isinstance(change, RemoveDatasets | UnstoreDatasets) and change.keep_days is None:
            return replace(change, keep_days=self._days)
        return change

    @staticmethod
    def until_ns(change: RemoveDatasets | UnstoreDatasets) -> int:
        """Until when what a change removes is kept, ns UTC since 1970; 0 for not at all."""
        if not change.keep_days:
            return 0
        return min(effects.now_ns() + int(change.keep_days * _DAY_NS), _FAR_NS)

    # ------------------------------------------------------------------ undoing

    def removals(self) -> list[Removed]:
        """Return what can be undone, the latest first."""
        with self._database.read(snapshot=True) as connection:
            kept = {removal.change: removal for removal in self._records.kept.removals(connection)}
            if not kept:
                return []
            told = connection.upload("removals", 1, ((change,) for change in kept))
            sql = (
                'SELECT c.n, c.committed, c."user", c.command, (SELECT count(*) FROM removed_dataset r WHERE r.removed = c.n) '  # noqa: S608 - our names
                f"FROM {told} q JOIN change c ON c.n = q.c0 ORDER BY c.n DESC"
            )
            return [_told(kept[row[0]], row) for row in connection.fetchall(sql)]

    def undoable(self, limit: int) -> list[Undoable]:
        """Return the latest changes that can be undone, the last one first."""
        kept = {removal.change: removal for removal in self.removals()}
        with self._database.read(snapshot=True) as connection:
            roster = self._registry.roster(connection)
            numbers = sorted({*edits(connection, roster), *kept}, reverse=True)[:limit]
            deeds, done = deeds_of(connection, roster, numbers), settled(connection)
            told = connection.upload("changes", 1, ((number,) for number in numbers))
            sql = f'SELECT c.n, c.committed, c."user", c.command FROM {told} q JOIN change c ON c.n = q.c0 ORDER BY c.n DESC'  # noqa: S608 - our names
            return [
                Undoable(n, time_ns, user, command, deeds[n], kept.get(n), n in done)
                for n, time_ns, user, command in connection.fetchall(sql)
            ]

    def latest(self, user: str) -> int:
        """Return the number of the last change of a user that did anything and is not undone.

        Raises
        ------
        UndoError
            If there is none.
        """
        with self._database.read(snapshot=True) as connection:
            kept = list(self._records.kept.until_ns(connection))
            found = latest_deed(connection, self._registry.roster(connection), user, kept)
        if found is None:
            raise UndoError(
                f"{user or 'you'} did nothing here that is not undone; `bunter undo REPO --list` lists all changes"
            )
        return found

    def restoration(self, change: int) -> Restoration:
        """Say what undoing a change would do.

        Raises
        ------
        UndoError
            If there is no such change, or files of it that should be kept are gone.
        """
        with self._database.read(snapshot=True) as connection:
            return self._restoration(connection, change, is_looking=True)

    def restoration_within(self, transaction: Transaction, undoing: UndoChange) -> Restoration:
        """Say what undoing a change does, for those who do it now; what is in the way is an error unless it may stay."""
        restoration = self._restoration(transaction, undoing.change)
        restoration.refuse(partly=undoing.partly)
        return restoration

    def _restoration(self, connection: Connection, change: int, *, is_looking: bool = False) -> Restoration:
        """Say what undoing a change does, if asked after a look whether the files are there; files are read as they are applied."""
        if connection.fetchone("SELECT 1 FROM change WHERE n = ?", (change,)) is None:
            raise UndoError(f"there is no change {change}; `bunter undo REPO --list` lists what can be undone")
        kept = self._records.kept.until_ns(connection)
        found = reversal(connection, self._registry.roster(connection), change, kept=change in kept)
        sizes: dict[str, int] = {}
        for artifacts in self._wanted(connection, change, found.ids):
            if is_looking:
                self._require(artifacts, change)
            sizes.update((item.row.nonce, item.row.size) for item in artifacts)
        files: list[Change] = [ChangesAsRead(lambda: self._again(connection, change))] if sizes else []
        if change in kept:
            files.append(ForgetRemoval(change))
        return Restoration(
            change,
            (*found.changes, *files),
            tuple(found.steps),
            tuple(found.conflicts),
            found.counts,
            len(sizes),
            sum(sizes.values()),
        )

    def _again(self, connection: Connection, change: int) -> Iterator[Change]:
        """Record artifacts again, when the datasets are there."""
        for artifacts in self._wanted(connection, change):
            recorded = self._records.nonces(connection, [item.row.nonce for item in artifacts])
            yield restored(artifacts, recorded)

    def _wanted(
        self, connection: Connection, change: int, coming: AbstractSet[bytes] = frozenset()
    ) -> Iterator[list[KeptArtifact]]:
        """Yield the artifacts of datasets that are there or coming, without those that are there again with others."""
        for artifacts in self._records.kept.of(connection, change):
            ids = list({item.link.dataset_id for item in artifacts})
            there = present(connection, ids)
            stored = self._records.stored(connection, ids)
            missing = {id_ for id_, has in zip(ids, stored, strict=True) if not has and (id_ in there or id_ in coming)}
            if wanted := [item for item in artifacts if item.link.dataset_id in missing]:
                yield wanted

    def _require(self, artifacts: Sequence[KeptArtifact], change: int) -> None:
        """Refuse to bring back datasets whose files somebody took away."""
        names: dict[str, list[str]] = {}
        for item in artifacts:
            if not item.key.startswith("/"):
                names.setdefault(item.row.datastore, []).append(item.key)
        for name, keys in names.items():
            store = self._datastore.stores.get(name)
            stats = [None] * len(keys) if store is None else store.stat_many(keys)
            if gone := [key for key, stat in zip(keys, stats, strict=True) if stat is None]:
                raise UndoError(
                    f"{len(gone)} files of change {change} are gone, such as {gone[0]}; nothing was brought back"
                )

    # ------------------------------------------------------------------ emptying

    def due(self, *, all_: bool = False) -> list[int]:
        """Return the removals whose time is over; or all of them."""
        now_ns = effects.now_ns()
        with self._database.read() as connection:
            kept = self._records.kept.until_ns(connection)
        return [change for change, until_ns in kept.items() if all_ or until_ns <= now_ns]

    def expire(self, changes: Sequence[int]) -> None:
        """Give removals up: what they kept goes to the artifacts that are to be unlinked, in one transaction."""
        if not changes:
            return
        with self._database.write() as transaction:
            still = set(self._records.kept.until_ns(transaction))
            given_up = [change for change in changes if change in still]
            forget_beside(transaction, given_up, sorted(still.difference(given_up)))
            self._records.kept.expire(transaction, given_up)

    def given_up(self, changes: Sequence[int]) -> list[tuple[str, str, int, int]]:
        """Return dataset type, run, number and bytes of the artifacts that go with some removals."""
        with self._database.read(snapshot=True) as connection:
            sizes = self._records.kept.sizes(connection, changes)
            named = names_of(connection, [id_ for id_, _ in sizes])
        counts: Counter[tuple[str, str]] = Counter()
        total: Counter[tuple[str, str]] = Counter()
        for id_, size in sizes:
            counts[named[id_]] += 1
            total[named[id_]] += max(size, 0)
        return [(*name, count, total[name]) for name, count in sorted(counts.items())]

    def registered(self, keys: Sequence[str]) -> set[str]:
        """Which of some keys are recorded in any store, or kept."""
        with self._database.read() as connection:
            found: set[str] = set()
            for name in self._datastore.stores:
                found |= self._records.registered(connection, keys, name)
                found |= self._records.kept.registered(connection, keys, name)
        return found

    def settle(self) -> int:
        """Finish or undo what dead writers left; return how many artifacts they had staged."""
        return self._datastore.recover(self.registered)

    def waiting(self) -> Iterator[tuple[str, list[tuple[str, int]]]]:
        """Yield stores with keys and sizes of what is to be unlinked, lot by lot, as it stands when a lot is wanted."""
        for name in self._datastore.stores:
            last = ""
            while True:
                with self._database.read() as connection:
                    rows = self._records.trash(connection, name, last, LOT_IDS)
                if rows:
                    yield name, rows
                if len(rows) < LOT_IDS:
                    break
                last = rows[-1][0]

    def kept(self) -> list[tuple[str, int]]:
        """Return keys and sizes of what removals keep."""
        with self._database.read(snapshot=True) as connection:
            changes = self._records.kept.until_ns(connection)
            lots = (lot for change in changes for lot in self._records.kept.of(connection, change))
            return sorted({(item.key, item.row.size) for lot in lots for item in lot if item.row.owned})

    def empty(self) -> dict[str, OSError]:
        """Unlink what is to be unlinked, also what removals kept whose time is over; return why some files could not be."""
        self.expire(self.due())
        failed: dict[str, OSError] = {}
        for name, rows in self.waiting():
            keys, exact = exact_keys([key for key, _ in rows])
            failed |= self._exact.empty(name, exact)
            if keys:
                failed |= self._datastore.delete(keys, name)
                with self._database.write() as transaction:
                    self._records.forget_trash(transaction, [key for key in keys if key not in failed], name)
        return failed


def trash_of(repository: Repository) -> Trash:
    """Return the trash of a repository.

    Raises
    ------
    ConfigurationError
        If it is not one of this machine.
    """
    trash = getattr(repository, "trash", None)
    if not isinstance(trash, Trash):
        raise ConfigurationError(
            "only the present state of a repository opened directly has a trash; open it without as_of"
        )
    return trash


def _told(kept: KeptRemoval, row: tuple[Any, ...]) -> Removed:
    change, committed, user, command, datasets = row
    return Removed(change, committed, user, command, datasets, kept.artifacts, kept.size, kept.until_ns)

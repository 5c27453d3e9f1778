"""Files whose names an operator's exact template gives: linked and unlinked under the write lock, as their names come again.

All other artifacts have names that are never used twice, so that whoever unlinks late hits nothing new. An exact name may be
removed and put again. So both happen in transactions that hold the repository's write lock: one writer at a time, and what
was unlinked and what was linked is never in doubt. A put takes over what a removal has not unlinked yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import is_exact
from bunter.datastore.local import LocalStore
from bunter.errors import KeyTakenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Database, Transaction
    from bunter.datastore import Datastore, Staged
    from bunter.datastore.records import ArtifactRecords

__all__ = ["ExactNames", "exact_keys"]

_PORTION = 500
"""Files that are unlinked in one transaction: for so long others wait."""

_PATIENCE_S = 30.0
_NAP_S = 0.02


class ExactNames:
    """Gives exact names to artifacts, and frees them.

    Parameters
    ----------
    database : Database
        Holds the records.
    records : ArtifactRecords
        What is where, and what is to be unlinked.
    datastore : Datastore
        Has the artifacts.
    """

    def __init__(self, database: Database, records: ArtifactRecords, datastore: Datastore) -> None:
        self._database, self._records, self._datastore = database, records, datastore

    # ------------------------------------------------------------------ putting

    def free(self, tx: Transaction, staged: Sequence[Staged]) -> None:
        """Unlink what removals left under names that are to be given again; called before anything else in a transaction.

        So nothing goes here that the transaction itself removes, which may still be taken back.
        """
        names: dict[str, list[str]] = {}
        for item in self._datastore.exact(staged):
            names.setdefault(item.datastore, []).append(item.key)
        for name, keys in names.items():
            failed = self._unlink(tx, name, self._records.trashed(tx, keys, name))
            for key, reason in failed.items():
                raise KeyTakenError(
                    f"{key} was removed from the registry, and its file cannot be: {reason}"
                ) from reason

    def give(self, tx: Transaction, staged: Sequence[Staged]) -> None:
        """Link staged artifacts to their exact names; called when the transaction has accepted the rest."""
        for item in self._datastore.exact(staged):
            for one in (*item.copies, item):
                try:
                    self._store(one.datastore).link_exact(one)
                except FileExistsError as exc:
                    raise KeyTakenError(self._taken(tx, one)) from exc

    def _store(self, name: str) -> LocalStore:
        store = self._datastore.stores[name]
        assert isinstance(store, LocalStore), "other stores take no exact names"
        return store

    def _taken(self, tx: Transaction, item: Staged) -> str:
        where = self._store(item.datastore).path(item.key)
        if self._records.kept.registered(tx, [item.key], item.datastore):
            return (
                f"{where} is kept as long as its removal can be undone; `bunter undo` brings it back, and "
                "`bunter trash empty --kept` gives it up"
            )
        return (
            f"{where} is there already, which no dataset has; its template is exact, so move the file away, or have "
            "`bunter check --repair` set it aside"
        )

    def waits(self, staged: Sequence[Staged], began_s: float) -> bool:
        """Whether somebody else is about to give or take back one of the names, after a nap; dead ones are settled first."""
        keys = {item.key for item in self._datastore.exact(staged)}
        mine = {(item.datastore, item.owner) for item in staged}
        if not keys or effects.monotonic() - began_s > _PATIENCE_S:
            return False
        if not any(self._store(name).is_staged_by_others(keys, owner) for name, owner in mine):
            return False
        effects.sleep(_NAP_S)
        return True

    def mine(self, staged: Sequence[Staged], registered: set[str]) -> set[str]:
        """Return the registered keys without those exact ones that belong to somebody else's file."""
        others = {
            item.key
            for item in self._datastore.exact(staged)
            if item.key in registered and not self._store(item.datastore).has_linked(item)
        }
        return registered - others

    # ------------------------------------------------------------------ removing

    def empty(self, name: str, keys: Sequence[str]) -> dict[str, OSError]:
        """Unlink what was removed, as far as it is still to be unlinked; return why some files could not be."""
        failed: dict[str, OSError] = {}
        for first in range(0, len(keys), _PORTION):
            some = keys[first : first + _PORTION]
            with self._database.write() as transaction:
                failed |= self._unlink(transaction, name, self._records.trashed(transaction, some, name))
        return failed

    def _unlink(self, tx: Transaction, name: str, keys: Sequence[str]) -> dict[str, OSError]:
        if not keys:
            return {}
        known = self._records.registered(tx, keys, name) | self._records.kept.registered(tx, keys, name)
        due = [key for key in keys if key not in known]
        failed = self._datastore.delete(due, name)
        self._records.forget_trash(tx, [key for key in keys if key not in failed], name)
        return failed


def exact_keys(keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part keys into those of names that are never used twice, and exact ones."""
    exact = list(filter(is_exact, keys))
    if not exact:
        return list(keys), []
    known = set(exact)
    return [key for key in keys if key not in known], exact

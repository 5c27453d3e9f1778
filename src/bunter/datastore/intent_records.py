"""Intents as rows beside the records of artifacts, so that a commit takes them out in the same transaction."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from bunter import effects
from bunter.database import IntegrityError
from bunter.database.migrations import table_names
from bunter.datastore.intents import Intent, Process, refuse_taken
from bunter.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Connection, Database, Transaction

__all__ = ["DatabaseJournal"]

_TABLE = """
    CREATE TABLE IF NOT EXISTS intent (
        datastore TEXT NOT NULL, key TEXT NOT NULL, owner TEXT NOT NULL, place TEXT NOT NULL, process INTEGER NOT NULL,
        started INTEGER NOT NULL, seen INTEGER NOT NULL, move TEXT NOT NULL, PRIMARY KEY (key, datastore)
    )
"""
_OUT_OF_SIGHT_NS = 3600 * 10**9
"""An owner on another machine that was not heard of for so long counts as dead."""

_RENEWAL_NS = 300 * 10**9


class DatabaseJournal:
    """Intents of one store of a repository, in the repository's database.

    Parameters
    ----------
    database : Database
        Where they are kept; the table is made when the first is announced.
    datastore : str
        Name of the store.
    """

    def __init__(self, database: Database, datastore: str) -> None:
        self._database, self._datastore = database, datastore
        self._owners: dict[str, Process] = {}
        self._renewed_ns: dict[str, int] = {}
        self._has_table = False

    def own(self) -> str:
        """See `IntentJournal`."""
        host = "".join(char for char in socket.gethostname() if char.isalnum() or char == "-")[:40]
        owner = f"{host}-{os.getpid()}-{secrets.token_hex(6)}"
        self._owners[owner] = Process.current()
        return owner

    def disown(self, owner: str) -> None:
        """See `IntentJournal`; what is left shows an owner without a process."""
        self._owners.pop(owner, None)
        if self._has_table and owner in self._renewed_ns and not self._database.read_only:
            with self._database.write() as transaction:
                transaction.execute(
                    "UPDATE intent SET place = '', process = 0 WHERE datastore = ? AND owner = ?",
                    (self._datastore, owner),
                )

    def announce(self, intents: Sequence[Intent]) -> None:
        """See `IntentJournal`; one transaction."""
        self._ensure_table()
        now = effects.now_ns()
        rows = [self._row(intent, now) for intent in intents]
        try:
            with self._database.write() as transaction:
                transaction.executemany("INSERT INTO intent VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        except IntegrityError:
            refuse_taken([intent.key for intent, _ in self.unsettled()], [intent.key for intent in intents])
            raise
        self._renewed_ns |= dict.fromkeys({intent.owner for intent in intents}, now)

    def _row(self, intent: Intent, now: int) -> tuple[object, ...]:
        process = self._owners.get(intent.owner) or Process.current()
        return (
            self._datastore,
            intent.key,
            intent.owner,
            process.place,
            process.number,
            process.started,
            now,
            intent.move,
        )

    def renew(self, owner: str) -> None:
        """See `IntentJournal`; writes no more than once in five minutes."""
        now = effects.now_ns()
        if now - self._renewed_ns.get(owner, now) < _RENEWAL_NS:
            return
        self._renewed_ns[owner] = now
        with self._database.write() as transaction:
            transaction.execute(
                "UPDATE intent SET seen = ? WHERE datastore = ? AND owner = ?", (now, self._datastore, owner)
            )

    def confirm(self, transaction: Transaction, owner: str, keys: Sequence[str]) -> None:
        """See `IntentJournal`; those of moves stay until the sources are gone."""
        names = transaction.upload("confirmed", 1, ((key,) for key in keys))
        mine = f"datastore = ? AND owner = ? AND key IN (SELECT c0 FROM {names})"
        found = transaction.fetchone(f"SELECT count(*) FROM intent WHERE {mine}", (self._datastore, owner))
        if found is None or found[0] != len(keys):
            raise StoreUnavailableError(
                f"this process was taken for dead while it wrote to the store {self._datastore!r}, and what it had written was "
                "removed; nothing is registered, do the same again"
            )
        transaction.execute(f"DELETE FROM intent WHERE {mine} AND move = ''", (self._datastore, owner))

    def withdraw(self, owner: str, keys: Sequence[str]) -> None:
        """See `IntentJournal`; one transaction."""
        if keys and self._has_table:
            with self._database.write() as transaction:
                transaction.executemany(
                    "DELETE FROM intent WHERE datastore = ? AND owner = ? AND key = ?",
                    [(self._datastore, owner, key) for key in keys],
                )

    def unsettled(self) -> list[tuple[Intent, bool]]:
        """See `IntentJournal`."""
        sql = "SELECT key, owner, move, place, process, started, seen FROM intent WHERE datastore = ? ORDER BY key"
        with self._database.read() as connection:
            if not self._table_exists(connection):
                return []
            rows = connection.fetchall(sql, (self._datastore,))
        alive: dict[tuple[object, ...], bool] = {}
        for _, owner, _, *who in rows:
            if (owner, *who) not in alive:
                alive[owner, *who] = self._lives(owner, Process(*who[:3]), who[3])
        return [(Intent(key, owner, move), alive[owner, *who]) for key, owner, move, *who in rows]

    def _lives(self, owner: str, process: Process, seen_ns: int) -> bool:
        if process == Process.current():
            return owner in self._owners
        if not process.place:
            return False
        alive = process.is_alive()
        return effects.now_ns() - seen_ns < _OUT_OF_SIGHT_NS if alive is None else alive

    def claim(self, owner: str, intents: Sequence[Intent]) -> list[Intent]:
        """See `IntentJournal`; one transaction."""
        me = self._owners.get(owner) or Process.current()
        sql = (
            "UPDATE intent SET owner = ?, place = ?, process = ?, started = ?, seen = ? "
            "WHERE datastore = ? AND key = ? AND owner = ? RETURNING key"
        )
        claimed = []
        with self._database.write() as transaction:
            for intent in intents:
                row = (owner, me.place, me.number, me.started, effects.now_ns(), self._datastore)
                if transaction.fetchall(sql, (*row, intent.key, intent.owner)):
                    claimed.append(replace(intent, owner=owner))
        return claimed

    def _ensure_table(self) -> None:
        with self._database.read() as connection:
            if self._table_exists(connection):
                return
        with self._database.write() as transaction:
            transaction.execute(_TABLE)
        self._has_table = True

    def _table_exists(self, connection: Connection) -> bool:
        self._has_table = self._has_table or "intent" in table_names(connection)
        return self._has_table

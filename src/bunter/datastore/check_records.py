"""When each artifact was looked at, and read in full: what a check that goes on where the last one ended has to know."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from bunter.database import Transaction
from bunter.database.migrations import table_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.database import Connection

__all__ = ["CheckRecords"]

_TABLE = (
    "CREATE TABLE artifact_check (nonce TEXT NOT NULL PRIMARY KEY, seen INTEGER NOT NULL, read INTEGER NOT NULL) "
    "WITHOUT ROWID"
)


class CheckRecords:
    """The table ``artifact_check``, made by the first incremental check; times are ns TAI, 0 for never."""

    def __init__(self) -> None:
        self._has_table = False

    def exist(self, connection: Connection) -> bool:
        """Whether there was an incremental check ever."""
        if self._has_table or "artifact_check" in table_names(connection):
            self._has_table = self._has_table or not isinstance(connection, Transaction)  # one may be rolled back
            return True
        return False

    def unseen(self, connection: Connection) -> array[int]:
        """Return the numbers of artifacts that no incremental check has found in order yet, ascending."""
        sql = (
            "SELECT a.id FROM artifact a WHERE NOT EXISTS (SELECT 1 FROM artifact_check c WHERE c.nonce = a.nonce) "
            "ORDER BY a.id"
        )
        return array("q", (number for rows in connection.stream(sql) for (number,) in rows))

    def oldest_first(self, connection: Connection, *, all_: bool) -> array[int]:
        """Return the numbers of artifacts, those that were never read first, then those that were read longest ago.

        With ``all_`` those without digests come along.
        """
        able = "" if all_ else "WHERE a.xxh3 IS NOT NULL "
        order = "a.id"
        joined = ""
        if self.exist(connection):
            joined, order = "LEFT JOIN artifact_check c ON c.nonce = a.nonce ", "coalesce(c.read, 0), a.id"
        sql = f"SELECT a.id FROM artifact a {joined}{able}ORDER BY {order}"
        return array("q", (number for rows in connection.stream(sql) for (number,) in rows))

    def without_digest(self, connection: Connection) -> int:
        """Count the artifacts that nobody can compare with what was recorded, as no digest was."""
        row = connection.fetchone("SELECT count(*) FROM artifact WHERE xxh3 IS NULL")
        return 0 if row is None else int(row[0])

    def note_seen(self, tx: Transaction, nonces: Iterable[str], time_ns: int) -> None:
        """Write down that artifacts were found in order."""
        self._note(tx, "seen", nonces, time_ns)

    def note_read(self, tx: Transaction, nonces: Iterable[str], time_ns: int) -> None:
        """Write down that artifacts were read and are what was recorded."""
        self._note(tx, "read", nonces, time_ns)

    def _note(self, tx: Transaction, column: str, nonces: Iterable[str], time_ns: int) -> None:
        if not self.exist(tx):
            tx.execute(_TABLE)
        values = f"?, {time_ns}, {time_ns if column == 'read' else 0}"
        tx.executemany(
            f"INSERT INTO artifact_check (nonce, seen, read) VALUES ({values}) "
            f"ON CONFLICT (nonce) DO UPDATE SET {column} = excluded.{column}",
            [(nonce,) for nonce in nonces],
        )

    def forget(self, tx: Transaction, nonces: Iterable[str] = ()) -> None:
        """Forget what is not recorded any more, and artifacts that were found wrong, so that they are looked at again."""
        if not self.exist(tx):
            return
        tx.execute("DELETE FROM artifact_check WHERE nonce NOT IN (SELECT nonce FROM artifact)")
        tx.executemany("DELETE FROM artifact_check WHERE nonce = ?", [(nonce,) for nonce in nonces])

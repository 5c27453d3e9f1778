"""What sinks have been, or are to be, told: rows beside the records of artifacts, written as datasets come and go."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from bunter.database.migrations import table_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Connection, Transaction

__all__ = ["Fed", "SinkRecords"]

_TABLE = """
    CREATE TABLE IF NOT EXISTS sink_feed (
        sink TEXT NOT NULL, dataset_id BLOB NOT NULL, state INTEGER NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (sink, dataset_id)
    )
"""
_DUE = "CREATE INDEX IF NOT EXISTS sink_feed_due ON sink_feed (state, sink)"


class Fed(IntEnum):
    """How far a sink is with a dataset."""

    TO_SEND = 0
    SENT = 1
    TO_REMOVE = 2
    UNFIT = 3


_EXPECT = (
    "INSERT INTO sink_feed (sink, dataset_id, state, note) VALUES (?, ?, ?, ?) ON CONFLICT (sink, dataset_id) "
    f"DO UPDATE SET state = excluded.state, note = excluded.note WHERE sink_feed.state = {int(Fed.TO_REMOVE)}"
)
"""As datasets come; what was to be removed and is there again is to be sent again."""

_TOLD = (
    "INSERT INTO sink_feed (sink, dataset_id, state, note) VALUES (?, ?, ?, ?) ON CONFLICT (sink, dataset_id) "
    "DO UPDATE SET state = excluded.state, note = excluded.note"
)


class SinkRecords:
    """The table ``sink_feed``, made when the first dataset is to be sent."""

    def expect(self, tx: Transaction, sink: str, ids: Sequence[bytes]) -> None:
        """Note that datasets are to be sent to a sink."""
        self._make(tx)
        tx.executemany(_EXPECT, [(sink, id_, int(Fed.TO_SEND), "") for id_ in ids])

    def told(self, tx: Transaction, sink: str, ids: Sequence[bytes]) -> None:
        """Note that a sink has datasets, whatever was noted of them before."""
        self._make(tx)
        tx.executemany(_TOLD, [(sink, id_, int(Fed.SENT), "") for id_ in ids])

    def withdraw(self, tx: Transaction, ids: Sequence[bytes], sinks: Sequence[str] | None = None) -> None:
        """Note that datasets are to be removed from some sinks, by default from all, that may have been sent them."""
        if "sink_feed" not in table_names(tx):
            return
        gone = tx.upload("withdrawn", 1, ((id_,) for id_ in ids))
        named = "" if sinks is None else f" AND sink IN ({', '.join('?' * len(sinks))})"
        tx.execute(
            f"UPDATE sink_feed SET state = ? WHERE dataset_id IN (SELECT c0 FROM {gone}){named}",
            (int(Fed.TO_REMOVE), *(sinks or ())),
        )

    def untold(self, conn: Connection, sink: str, dataset_types: Sequence[str]) -> list[bytes]:
        """Return stored datasets of some types that a sink was never told of."""
        kinds = conn.upload("untold", 1, ((name,) for name in dataset_types), ["str"])
        known = (
            "SELECT 1 FROM sink_feed f WHERE f.sink = ? AND f.dataset_id = o.id"
            if "sink_feed" in table_names(conn)
            else ""
        )
        sql = (
            f"SELECT o.id FROM dataset_type t JOIN dataset o ON o.type = t.number WHERE t.name IN (SELECT c0 FROM {kinds}) "
            "AND EXISTS (SELECT 1 FROM dataset_artifact l WHERE l.dataset_id = o.id)"
            + (f" AND NOT EXISTS ({known})" if known else "")
        )
        return [id_ for (id_,) in conn.fetchall(sql, (sink,) if known else ())]

    @staticmethod
    def _make(tx: Transaction) -> None:
        if "sink_feed_due" not in table_names(tx):
            tx.execute(_TABLE)
            tx.execute(_DUE)

    def is_due(self, conn: Connection) -> bool:
        """Whether any sink is to be told anything."""
        if "sink_feed" not in table_names(conn):
            return False
        due = (int(Fed.TO_SEND), int(Fed.TO_REMOVE))
        return conn.fetchone("SELECT 1 FROM sink_feed WHERE state = ? OR state = ? LIMIT 1", due) is not None

    def due(self, conn: Connection, sink: str, state: Fed, limit: int) -> list[bytes]:
        """Return the datasets of a state, at most so many."""
        sql = "SELECT dataset_id FROM sink_feed WHERE sink = ? AND state = ? ORDER BY dataset_id LIMIT ?"
        return [row[0] for row in conn.fetchall(sql, (sink, int(state), limit))]

    def mark(self, tx: Transaction, sink: str, ids: Sequence[bytes], state: Fed, note: str = "") -> None:
        """Note how far a sink is with datasets that were to be sent."""
        if ids:
            some = tx.upload("marked", 1, ((id_,) for id_ in ids))
            sql = f"UPDATE sink_feed SET state = ?, note = ? WHERE sink = ? AND state = ? AND dataset_id IN (SELECT c0 FROM {some})"
            tx.execute(sql, (int(state), note, sink, int(Fed.TO_SEND)))

    def drop(self, tx: Transaction, sink: str, ids: Sequence[bytes]) -> None:
        """Forget datasets that a sink has removed."""
        if ids:
            some = tx.upload("dropped", 1, ((id_,) for id_ in ids))
            tx.execute(f"DELETE FROM sink_feed WHERE sink = ? AND dataset_id IN (SELECT c0 FROM {some})", (sink,))

    def reasons(self, conn: Connection) -> dict[str, str]:
        """Return for each sink to which datasets do not fit why one of them does not."""
        if "sink_feed" not in table_names(conn):
            return {}
        sql = "SELECT sink, min(note) FROM sink_feed WHERE state = ? GROUP BY sink"
        return dict(conn.fetchall(sql, (int(Fed.UNFIT),)))

    def counts(self, conn: Connection) -> dict[tuple[str, Fed], int]:
        """Count the datasets of each sink and state."""
        if "sink_feed" not in table_names(conn):
            return {}
        rows = conn.fetchall("SELECT sink, state, count(*) FROM sink_feed GROUP BY sink, state")
        return {(sink, Fed(state)): count for sink, state, count in rows}

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


class Fed(IntEnum):
    """How far a sink is with a dataset."""

    TO_SEND = 0
    SENT = 1
    TO_REMOVE = 2
    UNFIT = 3


class SinkRecords:
    """The table ``sink_feed``, made when the first dataset is to be sent."""

    def expect(self, tx: Transaction, sink: str, ids: Sequence[bytes]) -> None:
        """Note that datasets are to be sent to a sink."""
        tx.execute(_TABLE)
        rows = [(sink, id_, int(Fed.TO_SEND), "") for id_ in ids]
        tx.executemany(
            "INSERT INTO sink_feed (sink, dataset_id, state, note) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", rows
        )

    def withdraw(self, tx: Transaction, ids: Sequence[bytes]) -> None:
        """Note that datasets are to be removed from all sinks that may have been sent them."""
        if "sink_feed" not in table_names(tx):
            return
        gone = tx.upload("withdrawn", 1, ((id_,) for id_ in ids))
        tx.execute(
            f"UPDATE sink_feed SET state = ? WHERE dataset_id IN (SELECT c0 FROM {gone})",  # noqa: S608 - our names
            (int(Fed.TO_REMOVE),),
        )

    def due(self, conn: Connection, sink: str, state: Fed, limit: int) -> list[bytes]:
        """Return the datasets of a state, at most so many."""
        sql = "SELECT dataset_id FROM sink_feed WHERE sink = ? AND state = ? ORDER BY dataset_id LIMIT ?"
        return [row[0] for row in conn.fetchall(sql, (sink, int(state), limit))]

    def mark(self, tx: Transaction, sink: str, ids: Sequence[bytes], state: Fed, note: str = "") -> None:
        """Note how far a sink is with datasets that were to be sent."""
        rows = [(int(state), note, sink, id_, int(Fed.TO_SEND)) for id_ in ids]
        tx.executemany("UPDATE sink_feed SET state = ?, note = ? WHERE sink = ? AND dataset_id = ? AND state = ?", rows)

    def drop(self, tx: Transaction, sink: str, ids: Sequence[bytes]) -> None:
        """Forget datasets that a sink has removed."""
        tx.executemany("DELETE FROM sink_feed WHERE sink = ? AND dataset_id = ?", [(sink, id_) for id_ in ids])

    def counts(self, conn: Connection) -> dict[tuple[str, Fed], int]:
        """Count the datasets of each sink and state."""
        if "sink_feed" not in table_names(conn):
            return {}
        rows = conn.fetchall("SELECT sink, state, count(*) FROM sink_feed GROUP BY sink, state")
        return {(sink, Fed(state)): count for sink, state, count in rows}

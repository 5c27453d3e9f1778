"""Scalar datasets as rows of a table in the repository's own database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.database.migrations import table_names
from bunter.database.view_text import ViewText
from bunter.datastore.sink import scalars_of
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Transaction
    from bunter.datastore.config import SinkConfig
    from bunter.datastore.sink import SinkItem

__all__ = ["MetricsTable", "make_metric_view"]

_INDEX = "CREATE INDEX IF NOT EXISTS metric_by_name ON metric (name, value)"
_TABLE = """
    CREATE TABLE IF NOT EXISTS metric (
        dataset_id BLOB NOT NULL, name TEXT NOT NULL, value REAL, text TEXT, PRIMARY KEY (dataset_id, name)
    )
"""


class MetricsTable:
    """Numbers, truths (1 and 0) and texts of datasets by name, in the view ``v1_metric``.

    Parameters
    ----------
    name : str
        Name of the sink.
    config : SinkConfig
        Not needed.
    """

    def __init__(self, name: str, config: SinkConfig) -> None:
        del name, config

    def append(self, tx: Transaction, items: Sequence[SinkItem]) -> None:
        """Take the scalars of datasets in; see `InnerSink`."""
        self._make(tx)
        self.remove(tx, [item.ref.id.bytes for item in items])
        rows = [
            (item.ref.id.bytes, name, *_value(name, value))
            for item in items
            for name, value in scalars_of(item.content, item.ref.dataset_type.name).items()
        ]
        tx.executemany("INSERT INTO metric (dataset_id, name, value, text) VALUES (?, ?, ?, ?)", rows)

    def remove(self, tx: Transaction, ids: Sequence[bytes]) -> None:
        """Give up datasets."""
        gone = tx.upload("no_metrics", 1, ((id_,) for id_ in ids))
        tx.execute(f"DELETE FROM metric WHERE dataset_id IN (SELECT c0 FROM {gone})")

    def check(self, items: Sequence[SinkItem]) -> None:
        """Refuse datasets without any scalar, for a sink that alone has them; FormatError says what fits."""
        for item in items:
            if not scalars_of(item.content, item.ref.dataset_type.name):
                raise FormatError(
                    f"{item.ref} has no number, truth or text that a table of metrics could take; put such, mappings of them, "
                    "or up to 16 numbers in an array, or let a store take datasets of this type"
                )

    @staticmethod
    def _make(tx: Transaction) -> None:
        there = table_names(tx)
        if "metric_by_name" not in there:
            tx.execute(_TABLE)
            tx.execute(_INDEX)
        if "v1_metric" not in there:
            make_metric_view(tx)


def make_metric_view(tx: Transaction) -> None:
    """Make the view ``v1_metric`` anew, where there is the table; copies of databases come without it."""
    if "metric" in table_names(tx):
        tx.execute("DROP VIEW IF EXISTS v1_metric")
        tx.execute(
            f"CREATE VIEW v1_metric AS SELECT {ViewText.of(tx).uuid('m.dataset_id')} AS id, m.dataset_id AS id_bytes, "
            "t.name AS dataset_type, c.name AS run, m.name, m.value, m.text FROM metric m JOIN dataset o ON "
            "o.id = m.dataset_id LEFT JOIN dataset_type t ON t.number = o.type LEFT JOIN collection c ON c.number = o.run"
        )


def _value(name: str, value: object) -> tuple[float | None, str | None]:
    if isinstance(value, str):
        return None, value
    try:
        return float(value), None  # type: ignore[arg-type]
    except OverflowError as exc:
        raise FormatError(f"the metric {name!r} is larger than any float64; put it as a text") from exc

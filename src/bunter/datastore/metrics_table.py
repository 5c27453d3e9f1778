"""Scalar datasets as rows of a table in the repository's own database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.database.migrations import table_names
from bunter.database.view_text import ViewText
from bunter.datastore.sink import scalars_of
from bunter.errors import FormatError, MissingMetricError, near

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from bunter.database import Connection, Transaction
    from bunter.datastore.config import SinkConfig
    from bunter.datastore.sink import SinkItem

__all__ = ["MetricsTable", "make_metric_view", "metric_rows"]

_SHOWN = 10
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


def metric_rows(conn: Connection, ids: Sequence[bytes], names: Sequence[str] = ()) -> pa.Table:
    """Return the metrics of datasets; see `bunter.dataset.inquiries.MetricsOf`.

    Raises
    ------
    MissingMetricError
        If there are metrics, and none of a name.
    """
    import pyarrow as pa

    rows: list[Any] = []
    if "metric" in table_names(conn):
        _refuse_unknown(conn, names)
        some = conn.upload("metrics_of", 2, zip(ids, range(len(ids)), strict=True), ["bytes", "int"])
        sql = f"SELECT w.c1, m.name, m.value, m.text FROM {some} w CROSS JOIN metric m WHERE m.dataset_id = w.c0"
        if names:
            sql += f" AND m.name IN ({', '.join('?' * len(names))})"
        rows = conn.fetchall(sql, tuple(names))
    place, name, value, text = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pa.table(
        {
            "place": pa.array(place, pa.int64()),
            "name": pa.array(name, pa.string()),
            "value": pa.array([float("nan") if each is None else each for each in value], pa.float64()),
            "text": pa.array(text, pa.string()),
        }
    )


def _refuse_unknown(conn: Connection, names: Sequence[str]) -> None:
    for name in names:
        if conn.fetchall("SELECT 1 FROM metric WHERE name = ? LIMIT 1", (name,)):
            continue
        if known := [each for (each,) in conn.fetchall("SELECT DISTINCT name FROM metric ORDER BY name")]:
            hint = (
                near(name, known) or f"; there are {', '.join(known[:_SHOWN])}{', ...' if len(known) > _SHOWN else ''}"
            )
            raise MissingMetricError(f"no dataset has a metric {name!r}{hint}")


def _value(name: str, value: object) -> tuple[float | None, str | None]:
    if isinstance(value, str):
        return None, value
    try:
        return float(value), None  # type: ignore[arg-type]
    except OverflowError as exc:
        raise FormatError(f"the metric {name!r} is larger than any float64; put it as a text") from exc

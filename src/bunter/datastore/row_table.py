"""Catalogues as rows of one table in the repository's own database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.database.migrations import column_names, table_names
from bunter.database.view_text import ViewText
from bunter.datastore.flat_columns import flat_columns
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from bunter.database import Transaction
    from bunter.datastore.config import SinkConfig
    from bunter.datastore.sink import SinkItem

__all__ = ["RowTable", "make_row_view"]

_OWN = ("dataset_id", "row_number")


class RowTable:
    """Rows of tables, in the view ``v1_rows_<name>``, each with the id of its dataset and its number in it.

    Columns are added as tables have new ones; those of arrays are made flat, see `flat_columns`.

    Parameters
    ----------
    name : str
        Name of the sink, and of its table.
    config : SinkConfig
        Not needed.
    """

    def __init__(self, name: str, config: SinkConfig) -> None:
        del config
        self.table, self.view = f"rows_{name.lower()}", f"v1_rows_{name.lower()}"

    def append(self, tx: Transaction, items: Sequence[SinkItem]) -> None:
        """Take rows in; see `InnerSink`."""
        tables = [(item, _arrow(item.content)) for item in items]
        self._make(tx, tables)
        self.remove(tx, [item.ref.id.bytes for item in items])
        for item, table in tables:
            names = [name for name in table.column_names if name.lower() not in _OWN]
            columns = [table[name].to_pylist() for name in names]
            rows = zip([item.ref.id.bytes] * table.num_rows, range(table.num_rows), *columns, strict=True)
            listed = ", ".join(_quoted(name) for name in (*_OWN, *names))
            marks = ", ".join("?" * (len(names) + len(_OWN)))
            tx.executemany(f"INSERT INTO {_quoted(self.table)} ({listed}) VALUES ({marks})", list(rows))

    def remove(self, tx: Transaction, ids: Sequence[bytes]) -> None:
        """Give up datasets."""
        gone = tx.upload("no_rows", 1, ((id_,) for id_ in ids))
        tx.execute(f"DELETE FROM {_quoted(self.table)} WHERE dataset_id IN (SELECT c0 FROM {gone})")

    def check(self, items: Sequence[SinkItem]) -> None:
        """Refuse datasets that are no tables, for a sink that alone has them."""
        for item in items:
            _arrow(item.content)

    def _make(self, tx: Transaction, tables: Sequence[tuple[SinkItem, pa.Table]]) -> None:
        kinds = {name.lower(): kind for _, table in tables for name, kind in _columns(table).items()}
        known_names = table_names(tx)
        if self.table not in known_names:
            tx.execute(
                f"CREATE TABLE {_quoted(self.table)} "
                "(dataset_id BLOB NOT NULL, row_number INTEGER NOT NULL, PRIMARY KEY (dataset_id, row_number))"
            )
        missing = {name: kind for name, kind in kinds.items() if name not in column_names(tx, self.table)}
        if self.view in known_names and not missing:
            return
        for name, kind in missing.items():
            tx.execute(f"ALTER TABLE {_quoted(self.table)} ADD COLUMN {_quoted(name)} {kind}")
        make_row_view(tx, self.table)


def make_row_view(tx: Transaction, table: str) -> None:
    """Make the view of a table of rows anew; copies of databases come without it."""
    view = f"v1_{table}"
    known = sorted(column_names(tx, table) - set(_OWN))
    tx.execute(f"DROP VIEW IF EXISTS {_quoted(view)}")
    tx.execute(
        f"CREATE VIEW {_quoted(view)} AS SELECT {ViewText.of(tx).uuid('r.dataset_id')} AS id, "
        "r.dataset_id AS id_bytes, t.name AS dataset_type, c.name AS run, r.row_number"
        + "".join(f", r.{_quoted(name)}" for name in known if name not in {"id", "id_bytes", "dataset_type", "run"})
        + f" FROM {_quoted(table)} r JOIN dataset o ON o.id = r.dataset_id "
        "LEFT JOIN dataset_type t ON t.number = o.type LEFT JOIN collection c ON c.number = o.run"
    )


def _quoted(name: str) -> str:
    return '"' + name.lower().replace('"', '""') + '"'


def _columns(table: pa.Table) -> dict[str, str]:
    return {field.name: _kind(field.type) for field in table.schema if field.name.lower() not in _OWN}


def _kind(kind: Any) -> str:
    import pyarrow.types as of

    if of.is_boolean(kind):
        return "BOOLEAN"
    if of.is_integer(kind):
        return "INTEGER"
    if of.is_floating(kind):
        return "REAL"
    return "BLOB" if of.is_binary(kind) or of.is_large_binary(kind) else "TEXT"


def _arrow(content: object) -> pa.Table:
    """Return a table of columns that a database can have."""
    from bunter.storage_class import storage_class

    table: pa.Table = flat_columns(storage_class("ArrowTable").convert(content))
    if len({name.lower() for name in table.column_names}) < table.num_columns:
        raise FormatError("the table has columns whose names differ in case only; rename them")
    return table

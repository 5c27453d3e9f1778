"""Activities: who did what, when and with which code; and the origin of datasets, which follows from it."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from bunter.registry.snapshots import table_of
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from bunter.database import Connection, Transaction
    from bunter.database.dialect import Dialect
    from bunter.dataset.activity import Activity
    from bunter.dataset.annotations import Activities, AddOrigins, EndActivity, OriginsOf, SourceFilesOf
    from bunter.registry.roster import Roster

__all__ = [
    "activities",
    "activity_of",
    "add_origins",
    "begin_activity",
    "create_activity_table",
    "end_activity",
    "origins_of",
    "source_files_of",
]

_TABLE = """
CREATE TABLE activity (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, label TEXT NOT NULL,
    began INTEGER NOT NULL, ended INTEGER, outcome TEXT NOT NULL DEFAULT '', "user" TEXT NOT NULL, host TEXT NOT NULL,
    process INTEGER NOT NULL, code TEXT NOT NULL, command TEXT NOT NULL, facts TEXT NOT NULL
)
"""
_FACTS = ("number", "kind", "label", "began", "ended", "outcome", "user", "host", "process", "code", "command", "facts")
_WHOLE = {"number", "began", "ended", "process", "changes", "datasets"}


def create_activity_table(tx: Transaction) -> None:
    """Make the table."""
    tx.execute(_TABLE)


def begin_activity(tx: Transaction, activity: Activity) -> int:
    """Return the number of an activity, recording it on the first call."""
    row = tx.fetchone(
        'INSERT INTO activity (id, kind, label, began, "user", host, process, code, command, facts) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind RETURNING number",
        (
            activity.id,
            activity.kind,
            activity.label,
            activity.began,
            activity.user,
            activity.host,
            activity.process,
            activity.code,
            activity.command,
            activity.facts,
        ),
    )
    assert row is not None, "an inserted row has a number"
    return int(row[0])


def end_activity(tx: Transaction, roster: Roster, change: EndActivity) -> None:
    """Note when an activity ended: at the time of this change."""
    del roster
    tx.execute(
        "UPDATE activity SET outcome = ?, ended = (SELECT committed FROM change WHERE n = ?) WHERE id = ?",
        (change.outcome, tx.next_change(), change.id),
    )


def activity_of(id_: str, column: str) -> str:
    """Return SQL for ``c.activity``, or a column of the activity ``a``, that a dataset was added in."""
    joined = " LEFT JOIN activity a ON a.number = c.activity" if column.startswith("a.") else ""
    return f"(SELECT {column} FROM dataset o JOIN change c ON c.n = o.added{joined} WHERE o.id = {id_})"


def add_origins(tx: Transaction, roster: Roster, change: AddOrigins) -> None:
    """Remember where files came from; of a dataset that has an origin it stays."""
    del roster
    if not change.rows:
        return
    paths = sorted({row.directory for row in change.rows})
    tx.executemany(
        "INSERT INTO origin_directory (path) VALUES (?) ON CONFLICT (path) DO NOTHING", [(p,) for p in paths]
    )
    table = tx.upload("folders", 1, [(path,) for path in paths])
    sql = f"SELECT path, number FROM origin_directory WHERE path IN (SELECT c0 FROM {table})"
    numbers: dict[str, int] = dict(tx.fetchall(sql))
    tx.executemany(
        "INSERT INTO origin (id, directory, name, size, modified) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        sorted((row.id, numbers[row.directory], row.name, row.size, row.modified) for row in change.rows),
    )


def activities(connection: Connection, roster: Roster, inquiry: Activities) -> pa.Table:
    """Answer `Activities`: in one statement, whatever was asked for."""
    del roster
    conditions, values = _conditions(inquiry, connection.dialect)
    listed = ", ".join(f'a."{name}"' for name in _FACTS if name != "ended")
    made = "NULL" if not inquiry.numbers else f"({_DATASETS})"
    text = (
        f"SELECT {listed}, {_ENDED}, COALESCE(e.many, 0), {made} FROM activity a "
        f"{_LAST} WHERE {' AND '.join(conditions) or 'TRUE'} ORDER BY a.number DESC"
    )
    if inquiry.limit is not None:
        text += f" LIMIT {inquiry.limit}"
    names = (*(name for name in _FACTS if name != "ended"), "ended", "changes", "datasets")
    found = [dict(zip(names, row, strict=True)) for row in connection.fetchall(text, values)]
    return _table((*_FACTS, "changes", "datasets"), found)


_LAST = (
    "LEFT JOIN (SELECT activity, count(*) AS many, max(committed) AS last FROM change WHERE activity IS NOT NULL "
    "GROUP BY activity) e ON e.activity = a.number"
)
_ENDED = "COALESCE(a.ended, e.last, a.began)"
_DATASETS = "SELECT count(*) FROM dataset d JOIN change m ON m.n = d.added WHERE m.activity = a.number"


def _conditions(inquiry: Activities, dialect: Dialect) -> tuple[list[str], list[object]]:
    """Return conditions on the activity ``a`` and their values, in order."""
    conditions: list[str] = []
    values: list[object] = []
    for column, chosen in (("number", inquiry.numbers), ("kind", inquiry.kinds)):
        if chosen:
            conditions.append(f"a.{column} IN ({', '.join('?' * len(chosen))})")
            values += chosen
    for sql, instant in ((f"{_ENDED} >= ?", inquiry.after), ("a.began < ?", inquiry.before)):
        if instant is not None:
            conditions.append(sql)
            values.append(instant)
    for column in ("label", "user", "host", "command"):
        if (pattern := getattr(inquiry, column)) is not None:
            conditions.append(dialect.matched(f'a."{column}"', "?", pattern, "glob"))
            values.append(dialect.pattern(pattern, "glob"))
    return conditions, values


def origins_of(connection: Connection, roster: Roster, inquiry: OriginsOf) -> pa.Table:
    """Answer `OriginsOf`."""
    del roster
    table = connection.upload("asked", 1, [(id_,) for id_ in inquiry.ids])
    mine = ", ".join(f'a."{name}"' for name in _FACTS)
    rows = connection.fetchall(
        'SELECT o.id, c.n, c.committed, c."user", c.host, d.path, s.name, s.size, s.modified, '
        f"{mine} FROM {table} q JOIN dataset o ON o.id = q.c0 JOIN change c ON c.n = o.added "
        "LEFT JOIN activity a ON a.number = c.activity LEFT JOIN origin s ON s.id = o.id "
        "LEFT JOIN origin_directory d ON d.number = s.directory"
    )
    own = ("id", "change", "time", "user", "host", "path", "name", "size", "modified")
    names = (*own, *(f"activity_{name}" for name in _FACTS))
    columns: dict[str, Sequence[Any]] = dict(zip(names, zip(*rows, strict=True) if rows else repeat(()), strict=False))
    files = zip(columns["path"], columns.pop("name"), strict=True)
    columns["path"] = [None if name is None else f"{folder}/{name}" if folder else name for folder, name in files]
    return pyarrow().table({name: pyarrow().array(values, _kind(name)) for name, values in columns.items()})


def source_files_of(connection: Connection, roster: Roster, inquiry: SourceFilesOf) -> pa.Table:
    """Answer `SourceFilesOf`."""
    del roster
    source, parameters = connection.inline_ids(inquiry.ids)
    rows = connection.fetchall(
        f"SELECT s.id, d.path, s.name, s.size, s.modified FROM {source} w CROSS JOIN origin s "
        "LEFT JOIN origin_directory d ON d.number = s.directory WHERE s.id = w.id",
        parameters,
    )
    pa = pyarrow()
    kinds = {
        "id": pa.binary(16),
        "directory": pa.string(),
        "name": pa.string(),
        "size": pa.int64(),
        "modified": pa.int64(),
    }
    return table_of(kinds, rows)


def _table(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> pa.Table:
    pa = pyarrow()
    return pa.table({name: pa.array([row[name] for row in rows], _kind(name)) for name in names})


def _kind(name: str) -> pa.DataType:
    pa = pyarrow()
    if name == "id":
        return pa.binary(16)
    whole = {"change", "time", "size", "modified"} | _WHOLE
    return pa.int64() if name.removeprefix("activity_") in whole else pa.string()

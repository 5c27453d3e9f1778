"""Changes with names: by them the repository of then can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset import collection_name_problem
from bunter.errors import ConflictingDefinitionError, MissingSnapshotError, near
from bunter.registry.layout import LIVE, lived
from bunter.values import parse_instant, pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

    from bunter.database import Connection, Transaction
    from bunter.dataset.changes import CreateSnapshot, RemoveSnapshot
    from bunter.dataset.inquiries import Moment, Snapshots
    from bunter.registry.roster import Roster

__all__ = ["create_snapshot", "moment", "remove_snapshot", "snapshots"]


def create_snapshot(tx: Transaction, _roster: Roster, change: CreateSnapshot) -> None:
    """Name a change; the same name for the same change again is no error."""
    if problem := _name_problem(change.name):
        raise ConflictingDefinitionError(problem)
    now = tx.next_change()
    number = now if change.change is None else change.change
    if not 0 <= number <= now:
        raise ConflictingDefinitionError(f"there is no change {number} yet; the last one is {now - 1}")
    known = tx.fetchone("SELECT change FROM snapshot WHERE name = ? AND retired = ?", (change.name, LIVE))
    if known is not None and (change.change is None or known[0] != number):
        raise ConflictingDefinitionError(
            f"snapshot {change.name!r} names change {known[0]}; choose another name, or remove that snapshot first"
        )
    if known is None:
        row = (change.name, number, change.doc, now)
        tx.bulk_insert("snapshot", ["name", "change", "doc", "added"], [row])


def _name_problem(name: str) -> str | None:
    if name and _is_time(name):
        return f"a snapshot cannot be called {name!r}, which is a time or a number; put a word in front"
    return collection_name_problem(name, "snapshot")


def _is_time(name: str) -> bool:
    if name[:1] in "+-.0123456789" and name.strip("+-.eE0123456789") == "":
        return True
    try:
        parse_instant(name)
    except ValueError:
        return False
    return True


def remove_snapshot(tx: Transaction, _roster: Roster, change: RemoveSnapshot) -> None:
    """Forget a name."""
    names = [name for (name,) in tx.fetchall("SELECT name FROM snapshot WHERE retired = ?", (LIVE,))]
    if change.name not in names:
        raise MissingSnapshotError(
            f"no snapshot {change.name!r}{near(change.name, names)}; `bunter snapshot list REPO` lists all"
        )
    now = tx.next_change()
    tx.execute("DELETE FROM snapshot WHERE name = ? AND retired = ? AND added = ?", (change.name, LIVE, now))
    tx.execute("UPDATE snapshot SET retired = ? WHERE name = ? AND retired = ?", (now, change.name, LIVE))


def snapshots(connection: Connection, roster: Roster, inquiry: Snapshots) -> pa.Table:
    """Answer `Snapshots`."""
    del inquiry
    pa = pyarrow()
    sql = (
        'SELECT s.name, s.change, c.committed, s.doc, s.added, m.committed, m."user", m.host FROM snapshot s '
        "LEFT JOIN change c ON c.n = s.change LEFT JOIN change m ON m.n = s.added "
        f"WHERE {lived('s', roster.as_of)} ORDER BY s.change, s.name"
    )
    schema = {
        "name": pa.string(),
        "change": pa.int64(),
        "time": pa.int64(),
        "doc": pa.string(),
        "made": pa.int64(),
        "made_time": pa.int64(),
        "user": pa.string(),
        "host": pa.string(),
    }
    return table_of(schema, connection.fetchall(sql))


def moment(connection: Connection, roster: Roster, inquiry: Moment) -> pa.Table:
    """Answer `Moment`."""
    del roster
    pa = pyarrow()
    first = connection.fetchone("SELECT n, committed FROM change ORDER BY n LIMIT 1") or (0, None)
    latest = connection.fetchone("SELECT n FROM change ORDER BY n DESC LIMIT 1") or (0,)
    then: tuple[Any, ...] | None = latest
    if inquiry.time is not None:
        sql = "SELECT n FROM change WHERE committed <= ? ORDER BY n DESC LIMIT 1"
        then = connection.fetchone(sql, (inquiry.time,))
    schema = dict.fromkeys(("change", "first", "latest", "began"), pa.int64())
    return table_of(schema, [(None if then is None else then[0], first[0], latest[0], first[1])])


def table_of(schema: dict[str, pa.DataType], rows: list[tuple[Any, ...]]) -> pa.Table:
    """Return rows of a statement as a table."""
    pa = pyarrow()
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.values(), strict=True)]
    return pa.table(arrays, names=list(schema))

"""Files that stay where their owner keeps them, and that he has moved to another folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.database import IntegrityError
from bunter.database.migrations import table_names
from bunter.datastore.key import join_key
from bunter.errors import KeyTakenError

if TYPE_CHECKING:
    from bunter.database import Connection, Transaction
    from bunter.dataset.changes import RelocateFiles

__all__ = ["files_below", "relocate", "some_folders"]


def files_below(connection: Connection, folder: str) -> list[tuple[str, int]]:
    """Return path and size of the files that are recorded below an absolute folder, by path."""
    condition, values = _below("d.path", folder)
    sql = f"SELECT d.path, a.name, a.size FROM artifact_directory d JOIN artifact a ON a.directory = d.id WHERE {condition}"
    return sorted((join_key(path, name), size) for path, name, size in connection.fetchall(sql, values))


def some_folders(connection: Connection, limit: int = 3) -> list[str]:
    """Return some folders in which there are such files."""
    sql = (
        "SELECT d.path FROM artifact_directory d WHERE substr(d.path, 1, 1) = '/' "
        "AND EXISTS (SELECT 1 FROM artifact a WHERE a.directory = d.id) ORDER BY d.path LIMIT ?"
    )
    return [path for (path,) in connection.fetchall(sql, (limit,))]


def relocate(tx: Transaction, change: RelocateFiles) -> int:
    """Record the new places of all files below a folder; return how many there were.

    Raises
    ------
    KeyTakenError
        If a file is recorded at one of these places already.
    """
    condition, values = _below("path", change.old)
    rows = tx.fetchall(f"SELECT id, path FROM artifact_directory WHERE {condition}", values)
    moved = tx.upload("moved", 2, [(number, _moved(path, change)) for number, path in rows], ["int", "str"], keyed=True)
    tx.execute(
        "INSERT INTO artifact_directory (datastore, path) "
        f"SELECT d.datastore, m.c1 FROM {moved} m CROSS JOIN artifact_directory d WHERE d.id = m.c0 ON CONFLICT DO NOTHING"
    )
    target = (
        f"SELECT t.id FROM {moved} m CROSS JOIN artifact_directory d CROSS JOIN artifact_directory t "
        "WHERE m.c0 = artifact.directory AND d.id = m.c0 AND t.path = m.c1 AND t.datastore = d.datastore"
    )
    try:
        with tx.savepoint():
            done = tx.execute(
                f"UPDATE artifact SET directory = ({target}) WHERE directory IN (SELECT c0 FROM {moved})"
            ).rowcount
    except IntegrityError as exc:
        raise KeyTakenError(
            f"a file below {change.new} is recorded already, under the name that one below {change.old} would get"
        ) from exc
    if "kept_artifact" in table_names(tx):
        condition, values = _below("directory", change.old)
        rest = f"substr(directory, {len(change.old) + 1})"
        tx.execute(
            f"UPDATE kept_artifact SET directory = CAST(? AS TEXT) || {rest} WHERE {condition}", (change.new, *values)
        )
    return int(done)


def _below(column: str, folder: str) -> tuple[str, tuple[Any, ...]]:
    """Condition for a folder and all below it, whatever the order of texts in the database."""
    return f"({column} = ? OR substr({column}, 1, {len(folder) + 1}) = ?)", (folder, f"{folder}/")


def _moved(path: str, change: RelocateFiles) -> str:
    return change.new + path[len(change.old) :]

"""How much lies in stores, counted where it is recorded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bunter.database.migrations import table_names

if TYPE_CHECKING:
    from bunter.database import Connection

__all__ = ["stored_counts"]

_SIZE = "coalesce(sum(CASE WHEN size > 0 THEN size ELSE 0 END), 0)"
_RECORDED = (
    f"SELECT d.datastore, count(*), {_SIZE} FROM artifact a JOIN artifact_directory d ON d.id = a.directory "
    "WHERE d.path NOT LIKE '/%' GROUP BY d.datastore"
)
_KEPT = (
    f"SELECT datastore, count(*), {_SIZE} FROM (SELECT DISTINCT k.datastore, k.nonce, k.size FROM kept_artifact k "
    "WHERE k.directory NOT LIKE '/%' AND NOT EXISTS (SELECT 1 FROM artifact a WHERE a.nonce = k.nonce)) kept GROUP BY datastore"
)


def stored_counts(connection: Connection) -> dict[str, tuple[int, int]]:
    """Return artifacts and bytes by store: recorded ones, and those of removals that can be undone; none outside of stores."""
    sqls = (_RECORDED, _KEPT) if "kept_artifact" in table_names(connection) else (_RECORDED,)
    numbers: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for sql in sqls:
        for name, number, size in connection.fetchall(sql):
            numbers[name] += number
            sizes[name] += int(size)
    return {name: (numbers[name], sizes[name]) for name in numbers}

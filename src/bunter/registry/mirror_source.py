"""What a mirror of a repository copies: tables behind the views, with what is new in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bunter.registry.views import element_view, list_views, view_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.database import Connection
    from bunter.dimensions import Universe
    from bunter.registry.roster import Roster

__all__ = ["MirrorTable", "last_change", "mirror_tables", "removed_since"]

_INTEGERS = frozenset({
    "change_number", "removed_number", "ingested_ns", "committed_ns", "begin_ns", "end_ns", "position", "size",
    "format_version", "artifact", "type_number", "as_of", "activity_number", "began_ns", "ended_ns", "modified_ns",
    "process",
})  # fmt: skip
_BYTES = frozenset({"id_bytes", "region"})
_FLAGS = frozenset({"is_calibration", "owned"})
_GROWING = {"v1_change": "change_number", "v1_dataset_removed": "removed_number"}
_BESIDE = frozenset({"v1_artifact", "v1_header", "v1_origin"})  # they come with their dataset
_KINDS = {"int": "int64", "float": "double", "bool": "bool", "region": "binary"}


@dataclass(frozen=True, slots=True)
class MirrorTable:
    """A table of a mirror.

    Parameters
    ----------
    name : str
        That of the view.
    growth : str
        "datasets": rows come, and go with their dataset; "log": rows only come; "whole": copied anew after any change.
    columns : dict of str to str
        Names and Arrow types.
    rows : str
        SQL of all rows after change ``:since``.
    count : str
        SQL of the number of all rows that there are.
    """

    name: str
    growth: Literal["datasets", "log", "whole"]
    columns: dict[str, str]
    rows: str
    count: str


def mirror_tables(connection: Connection, roster: Roster) -> list[MirrorTable]:
    """Return all tables of a mirror; those of groups of dimensions are left out, as each type has its own."""
    types = set(view_names(roster.rows.values()).values())
    records = _record_kinds(roster.universe)
    return [
        _table(connection, name, records.get(name, {}), is_type=name in types, universe=roster.universe)
        for name, _ in list_views(roster, roster.universe)
        if not name.startswith("v1_group_") or name in records
    ]


def _record_kinds(universe: Universe) -> dict[str, dict[str, str]]:
    return {
        element_view(element): {column.name: column.kind for column in element.columns}
        for element in universe.elements.values()
        if not element.skypix
    }


def _table(
    connection: Connection, name: str, kinds: dict[str, str], *, is_type: bool, universe: Universe
) -> MirrorTable:
    described = connection.execute(f"SELECT * FROM {name} LIMIT 0").description
    columns = {each[0]: _arrow_type(each[0], kinds, universe) for each in described}
    listed = ", ".join(f's."{column}"' for column in columns)
    count = f"SELECT count(*) FROM {name}"
    if name in _BESIDE:
        fresh = f"FROM dataset o JOIN {name} s ON s.id_bytes = o.id WHERE o.added > :since"
        return MirrorTable(name, "datasets", columns, f"SELECT {listed} {fresh}", count)
    if is_type or name == "v1_dataset":
        rows = f"SELECT {listed} FROM {name} s WHERE s.change_number > :since"
        return MirrorTable(name, "datasets", columns, rows, count)
    if name in _GROWING:
        rows = f"SELECT {listed} FROM {name} s WHERE s.{_GROWING[name]} > :since"
        return MirrorTable(name, "log", columns, rows, count)
    return MirrorTable(name, "whole", columns, f"SELECT {listed} FROM {name} s WHERE :since >= 0", count)


def _arrow_type(name: str, kinds: dict[str, str], universe: Universe) -> str:
    if name in kinds:
        return _KINDS.get(kinds[name], "string")
    if name in _INTEGERS:
        return "int64"
    if name in _BYTES:
        return "binary"
    if name in _FLAGS:
        return "bool"
    if name in universe and universe[name].is_dimension:
        return _KINDS.get(universe.key_column(name).kind, "string")
    return "string"


def last_change(connection: Connection) -> int:
    """Return the number of the last change."""
    row = connection.fetchone("SELECT max(n) FROM change")
    return int(row[0] or 0) if row else 0


def removed_since(connection: Connection, since: int) -> Iterator[list[bytes]]:
    """Yield the ids of datasets that were removed after a change, in batches."""
    sql = "SELECT DISTINCT id FROM removed_dataset WHERE removed > ? AND added <= ?"
    for rows in connection.stream(sql, (since, since)):
        yield [id_ for (id_,) in rows]

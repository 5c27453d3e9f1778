"""Tables of a registry: how they are made."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from bunter.database.connection import few_agreeing
from bunter.dimensions.records import stored_columns
from bunter.registry.aliases import ALIAS_TABLE
from bunter.registry.events import EVENT_TABLES
from bunter.registry.layout import LIVE, SKY_COLUMNS, GroupLayout, element_table
from bunter.registry.sky_index import create_sky_index
from bunter.registry.views import create_views

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.database import Transaction
    from bunter.dimensions import Element, Universe

__all__ = [
    "column_type",
    "create_element_indexes",
    "create_element_table",
    "create_group_tables",
    "create_registry_tables",
    "create_union_index",
    "recommend_keys",
]

_TYPES = {"int": "INTEGER", "str": "TEXT", "float": "REAL", "bool": "BOOLEAN", "hash": "BLOB", "region": "BLOB"}
_OF_A_TYPE, _OF_A_RUN = 1 << 18, 1 << 16  # datasets, of a million
_RETIRED = f"retired INTEGER NOT NULL DEFAULT {LIVE}"

# Rows with ``added`` and ``retired`` hold from one numbered change to another; those of now have retired = LIVE.
_STATIC = f"""
CREATE TABLE collection (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, type INTEGER NOT NULL, doc TEXT NOT NULL,
    added INTEGER NOT NULL, {_RETIRED}, UNIQUE (name, retired)
);
CREATE TABLE collection_chain (
    parent INTEGER NOT NULL, position INTEGER NOT NULL, child INTEGER NOT NULL,
    added INTEGER NOT NULL, {_RETIRED}, PRIMARY KEY (parent, retired, position)
) WITHOUT ROWID;
CREATE TABLE dimension_group (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE dataset_type (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, dimension_group INTEGER NOT NULL, storage_class TEXT NOT NULL,
    is_calibration BOOLEAN NOT NULL, added INTEGER NOT NULL, {_RETIRED}, UNIQUE (name, retired)
);
CREATE TABLE dataset (
    id BLOB NOT NULL PRIMARY KEY, type INTEGER NOT NULL, run INTEGER NOT NULL, added INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE collection_former (
    number INTEGER NOT NULL, name TEXT NOT NULL, doc TEXT NOT NULL, retired INTEGER NOT NULL, PRIMARY KEY (number, retired)
) WITHOUT ROWID;
CREATE TABLE snapshot (
    name TEXT NOT NULL, change INTEGER NOT NULL, doc TEXT NOT NULL, added INTEGER NOT NULL, {_RETIRED},
    PRIMARY KEY (name, retired)
) WITHOUT ROWID;
CREATE TABLE migration (
    change INTEGER NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL, detail TEXT NOT NULL, former TEXT NOT NULL,
    PRIMARY KEY (change, kind, title)
) WITHOUT ROWID;
CREATE TABLE packer (
    name TEXT NOT NULL, fixed TEXT NOT NULL, layout TEXT NOT NULL, added INTEGER NOT NULL, {_RETIRED},
    PRIMARY KEY (name, fixed, retired)
) WITHOUT ROWID;
CREATE TABLE removed_dataset (
    id BLOB NOT NULL, type INTEGER NOT NULL, run INTEGER NOT NULL, added INTEGER NOT NULL, removed INTEGER NOT NULL,
    PRIMARY KEY (id, removed)
) WITHOUT ROWID
"""


def create_registry_tables(transaction: Transaction, universe: Universe) -> None:
    """Make the tables that every registry over this universe has."""
    transaction.define((*_STATIC.split(";"), ALIAS_TABLE, *EVENT_TABLES))
    elements = universe.elements.values()
    for element in elements:
        create_element_table(transaction, element)
    for element in elements:
        if element.implied_union_target is not None:
            create_union_index(transaction, element)
    create_views(transaction, universe)


def create_element_table(transaction: Transaction, element: Element) -> None:
    """Make the table of an element's records, if it has one."""
    if element.has_table:
        transaction.execute(_element_table(element))
        create_element_indexes(transaction, element)


def create_element_indexes(transaction: Transaction, element: Element) -> None:
    """Make the indexes by which the records of a night are found among those of all years."""
    if not element.has_table:
        return
    table = element_table(element)
    for name in element.implies:
        if element.universe[name].temporal:
            columns = [*element.requires, name]
            sql = f'CREATE INDEX IF NOT EXISTS "{table}_{name}" ON "{table}" ({_names(columns)})'
            transaction.execute(sql)
            transaction.recommend(table, f"{table}_{name}", few_agreeing(len(columns)))
    create_sky_index(transaction, element)


def create_union_index(transaction: Transaction, element: Element) -> None:
    """Make the index by which the values of a dimension without records are found in another element's table."""
    assert element.implied_union_target is not None, "all other elements have tables"
    target = element_table(element.universe[element.implied_union_target])
    transaction.execute(f'CREATE INDEX "{target}_{element.name}" ON "{target}" ("{element.name}")')


def column_type(kind: str) -> str:
    """Type of a column that holds values of one kind."""
    return _TYPES[kind]


def create_group_tables(transaction: Transaction, layout: GroupLayout) -> None:
    """Make the tables for datasets of one dimension group."""
    for statement in _group_tables(layout):
        transaction.execute(statement)
    recommend_keys(transaction, layout)


def recommend_keys(transaction: Transaction, layout: GroupLayout) -> None:
    """Tell a planner without statistics that each value of a data ID leaves fewer datasets of a run.

    SQLite else takes a range of exposures, which a condition names, for as good as the one exposure that is joined.
    """
    narrowing = list(accumulate(not layout.dimensions.universe[key].governor for key in layout.keys))
    left = [round(_OF_A_RUN ** (1 - step / max(narrowing[-1], 1))) for step in narrowing]
    transaction.recommend(layout.datasets, layout.datasets, [_OF_A_TYPE, _OF_A_RUN, *left])


def _element_table(element: Element) -> str:
    columns = list(_columns(stored_columns(element).items(), element.required))
    if element.spatial is not None:
        columns += [f"{name} {_TYPES[kind]}" for name, kind in SKY_COLUMNS.items()]
    unique = [f"UNIQUE ({_names([*element.requires, alternate.name])})" for alternate in element.alternate_keys]
    key = f"PRIMARY KEY ({_names(element.required)})"
    return f'CREATE TABLE "{element_table(element)}" ({", ".join([*columns, key, *unique])}) WITHOUT ROWID'


def _group_tables(layout: GroupLayout) -> Iterator[str]:
    universe = layout.dimensions.universe
    required = layout.dimensions.required
    values = list(_columns(((name, universe.key_column(name).kind) for name in required), required))
    id_ = "id BLOB NOT NULL"
    history = f"run INTEGER NOT NULL, added INTEGER NOT NULL, {_RETIRED}"
    tables = {
        layout.datasets: (["run"], [id_], ["type", "run", *layout.keys]),
        layout.removed: (
            ["run"],
            [id_, "added INTEGER NOT NULL, removed INTEGER NOT NULL"],
            ["type", "run", *layout.keys, "removed"],
        ),
        layout.tags: (["collection"], [id_, history], ["type", "collection", *layout.keys, "retired"]),
        layout.calibrations: (
            ["collection", "timespan_begin", "timespan_end"],
            [id_, history],
            ["type", "collection", *layout.keys, "timespan_begin", "retired"],
        ),
    }
    for name, (numbers, rest, key) in tables.items():
        columns = [*(f"{column} INTEGER NOT NULL" for column in ["type", *numbers]), *values, *rest]
        yield f"CREATE TABLE {name} ({', '.join(columns)}, PRIMARY KEY ({_names(key)})) WITHOUT ROWID"
        yield f"CREATE INDEX {name}_id ON {name} (id)"


def _columns(kinds: Iterable[tuple[str, str]], required: Sequence[str]) -> Iterator[str]:
    for name, kind in kinds:
        yield f'"{name}" {_TYPES[kind]}{" NOT NULL" if name in required else ""}'


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

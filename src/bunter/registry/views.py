"""Views for operators: everything that is registered, read-only, under names and columns that stay as they are.

The number in ``v1_`` is that of this set of views. A column may be added to it; what would change or go gets a new number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.database.view_text import ViewText
from bunter.registry.annotation_views import ANNOTATION_VIEWS, create_annotation_views
from bunter.registry.fixed_views import fixed_views
from bunter.registry.layout import LIVE, element_table
from bunter.registry.relations import quoted
from bunter.registry.view_columns import data_id_columns, data_id_text, record_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bunter.database import Transaction
    from bunter.dimensions import Element, Universe
    from bunter.registry.layout import GroupLayout
    from bunter.registry.roster import Roster, TypeRow

__all__ = [
    "FIXED_VIEWS",
    "VIEW_VERSION",
    "create_group_view",
    "create_views",
    "drop_views",
    "element_view",
    "group_view",
    "list_views",
    "refresh_views",
    "update_type_views",
    "view_names",
]

VIEW_VERSION = 1
_PREFIX = f"v{VIEW_VERSION}_"
_LONGEST = 63  # what PostgreSQL keeps of a name

FIXED_VIEWS = {
    "v1_dataset": "Every dataset: type, run, when and by whom it was registered.",
    "v1_dataset_type": "Every dataset type.",
    "v1_alias": "Further names of dataset types.",
    "v1_dataset_removed": "Datasets that were removed.",
    "v1_collection": "Every collection.",
    "v1_chain": "Members of chains in the order they are searched.",
    "v1_tag": "Datasets in TAGGED collections.",
    "v1_calibration": "Datasets in CALIBRATION collections with their validity.",
    "v1_snapshot": "Named moments of the repository.",
    "v1_change": "Every change of the repository: when, by whom, by which command.",
    "v1_artifact": "Every artifact with the datasets that it holds.",
    "v1_packer": "Packers of data IDs into integers.",
    "v1_migration": "What was changed about the repository itself: formats, universes.",
    **ANNOTATION_VIEWS,
}
"""Views that every repository has, beside one per dimension element and one per dataset type."""


def create_views(tx: Transaction, universe: Universe) -> None:
    """Make the views of an empty registry; those of artifacts and annotations are made with their tables."""
    text = ViewText.of(tx)
    bodies = (*fixed_views(text), *_elements(text, universe), *_memberships(text, ()))
    tx.define(statement for name, body in bodies for statement in _replacing(name, body))


def refresh_views(tx: Transaction, roster: Roster, universe: Universe) -> None:
    """Make all views of the registry anew, as after a change of the tables behind them."""
    drop_views(tx, roster, universe)
    create_views(tx, universe)
    create_annotation_views(tx)
    done: list[GroupLayout] = []
    for layout in sorted(roster.layouts.values(), key=lambda each: each.number):
        create_group_view(tx, layout, done)
        done.append(layout)
    update_type_views(tx, (), roster.rows.values())


def drop_views(tx: Transaction, roster: Roster, universe: Universe) -> None:
    """Remove all views of the registry, as before tables are changed that they read."""
    elements = [element_view(element) for element in universe.elements.values() if not element.skypix]
    fixed = [name for name in FIXED_VIEWS if name != "v1_artifact"]
    for name in (
        *view_names(roster.rows.values()).values(),
        *map(group_view, roster.layouts.values()),
        *elements,
        *fixed,
    ):
        tx.execute(f"DROP VIEW IF EXISTS {quoted(name)}")


def group_view(layout: GroupLayout) -> str:
    """Name of the view of all datasets of one dimension group."""
    return f"{_PREFIX}group_{layout.number}"


def create_group_view(tx: Transaction, layout: GroupLayout, others: Iterable[GroupLayout]) -> None:
    """Make the view of the datasets of a dimension group that has come, and those over the memberships of all."""
    text = ViewText.of(tx)
    _replace(tx, group_view(layout), _group(text, layout))
    for name, body in _memberships(text, sorted([*others, layout], key=lambda each: each.number)):
        _replace(tx, name, body)


def list_views(roster: Roster, universe: Universe) -> list[tuple[str, str]]:
    """Return the names of all views that there are, each with what it holds."""
    elements = [
        (element_view(each), f"Records of {each.name}: {each.doc}")
        for each in universe.elements.values()
        if not each.skypix
    ]
    names = view_names(roster.rows.values())
    types = [(names[row.number], f"Datasets of type {row.dataset_type.name}.") for row in roster.rows.values()]
    groups = [
        (group_view(layout), f"Datasets of all types with dimensions {layout.dimensions.key}.")
        for layout in roster.layouts.values()
    ]
    return [*FIXED_VIEWS.items(), *sorted(elements), *sorted(types), *sorted(groups)]


def update_type_views(tx: Transaction, before: Iterable[TypeRow], after: Iterable[TypeRow]) -> None:
    """Make and remove views of dataset types, so that those that there are now have one each."""
    were, are = {row.number: row for row in before}, {row.number: row for row in after}
    spelt = {(were.get(number) or are[number]).dataset_type.name.lower() for number in were.keys() ^ are.keys()}
    old, new = (view_names(_spelt(rows.values(), spelt)) for rows in (were, are))
    for number in old:
        if new.get(number) != old[number]:
            tx.execute(f"DROP VIEW IF EXISTS {quoted(old[number])}")
    for number, name in new.items():
        if old.get(number) != name:
            body = f"SELECT * FROM {group_view(are[number].layout)} WHERE type_number = {number}"
            _replace(tx, name, body)


def _spelt(rows: Iterable[TypeRow], spelt: Collection[str]) -> list[TypeRow]:
    """Pick the types that have one of these names, whatever the case: only they can stand in each other's way."""
    return [row for row in rows if row.dataset_type.name.lower() in spelt]


def element_view(element: Element) -> str:
    """Name of the view of an element's records."""
    plain = f"{_PREFIX}{element.name.lower()}"
    taken = plain in FIXED_VIEWS or plain.startswith((f"{_PREFIX}datasets_", f"{_PREFIX}group_", f"{_PREFIX}record_"))
    return f"{_PREFIX}record_{element.name.lower()}" if taken else plain


def view_names(rows: Iterable[TypeRow]) -> dict[int, str]:
    """Names of the views of dataset types by the number of the type.

    They are in lower case, as SQL compares names so. Where two types differ in case only, or a name is too long for
    PostgreSQL, the number of the type is added for all but the first.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for row in sorted(rows, key=lambda row: row.number):
        name = f"{_PREFIX}datasets_{row.dataset_type.name.lower()}"
        if name in taken or len(name) > _LONGEST:
            tail = f"_{row.number}"
            name = name[: _LONGEST - len(tail)] + tail
        taken.add(name)
        names[row.number] = name
    return names


def _replace(tx: Transaction, name: str, body: str) -> None:
    tx.define(_replacing(name, body))


def _replacing(name: str, body: str) -> tuple[str, str]:
    return f"DROP VIEW IF EXISTS {quoted(name)}", f"CREATE VIEW {quoted(name)} AS {body}"


def _elements(text: ViewText, universe: Universe) -> Iterator[tuple[str, str]]:
    for element in universe.elements.values():
        if element.implied_union_target is not None:
            table, name = element_table(universe[element.implied_union_target]), quoted(element.name)
            yield (
                element_view(element),
                f"SELECT DISTINCT {name} FROM {quoted(table)} WHERE {name} IS NOT NULL",
            )
        elif element.has_table:
            columns = ", ".join(record_columns(text, element))
            yield element_view(element), f"SELECT {columns} FROM {quoted(element_table(element))} r"


def _group(text: ViewText, layout: GroupLayout) -> str:
    values, joins = data_id_columns(layout.dimensions)
    return (
        f"SELECT {', '.join(['t.name AS dataset_type', *values, 'c.name AS run'])}, {text.uuid('d.id')} AS id, "
        f"d.id AS id_bytes, {text.instant('k.committed')} AS ingested, k.committed AS ingested_ns, "
        f"o.added AS change_number, d.type AS type_number FROM {layout.datasets} d "
        "JOIN dataset_type t ON t.number = d.type JOIN collection c ON c.number = d.run "
        f"LEFT JOIN dataset o ON o.id = d.id LEFT JOIN change k ON k.n = o.added {' '.join(joins)}"
    )


def _memberships(text: ViewText, layouts: Iterable[GroupLayout]) -> Iterator[tuple[str, str]]:
    layouts = list(layouts)
    yield "v1_tag", _union([_membership(text, layout, layout.tags, ()) for layout in layouts])
    times = (
        f"{text.instant('d.timespan_begin')} AS begin_tai",
        f"{text.instant('d.timespan_end')} AS end_tai",
        f"{text.bound('d.timespan_begin')} AS begin_ns",
        f"{text.bound('d.timespan_end')} AS end_ns",
    )
    parts = [_membership(text, layout, layout.calibrations, times) for layout in layouts]
    yield "v1_calibration", _union(parts, times=True)


def _membership(text: ViewText, layout: GroupLayout, table: str, times: Iterable[str]) -> str:
    columns = [
        "m.name AS collection",
        "t.name AS dataset_type",
        f"{data_id_text(layout.dimensions)} AS data_id",
        *times,
        "c.name AS run",
        f"{text.uuid('d.id')} AS id",
        "d.id AS id_bytes",
        "d.added AS change_number",
    ]
    return (
        f"SELECT {', '.join(columns)} FROM {table} d JOIN collection m ON m.number = d.collection "
        f"JOIN dataset_type t ON t.number = d.type LEFT JOIN collection c ON c.number = d.run WHERE d.retired = {LIVE}"
    )


def _union(parts: list[str], *, times: bool = False) -> str:
    if parts:
        return " UNION ALL ".join(parts)
    when = ", '' AS begin_tai, '' AS end_tai, 0 AS begin_ns, 0 AS end_ns" if times else ""
    columns = f"name AS collection, '' AS dataset_type, '' AS data_id{when}, '' AS run, '' AS id"
    return f"SELECT {columns}, NULL AS id_bytes, 0 AS change_number FROM collection WHERE 1 = 0"

"""Random questions: expressions by type of column, with values that the world has, so that answers are seldom empty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from asking import Asked
from hypothesis import strategies as st

from bunter.values import format_instant

AREAS = ("CIRCLE 150 2 0.5", "CIRCLE 149.3 2.1 0.3", "CIRCLE 150.2 1.9 1.5", "CIRCLE 10 -20 3")
POLYGONS = (
    "POLYGON(149.5, 1.5, 150.3, 1.6, 150.1, 2.6)",
    "POLYGON(150, 2, 150.1, 2, 150.1, 2.1, 150, 2.1)",
    "BOX(150, 2, 1, 0.8)",
)


@dataclass(frozen=True, repr=False)
class Schema:
    """What of a world questions can be about.

    Attributes
    ----------
    fields : dict
        (element, column, kind) -> values that occur, None among them where they do.
    groups : list
        Sets of dimensions.
    """

    universe: Any
    fields: dict[tuple[str, str, str], list[Any]]
    dataset_types: dict[str, tuple[str, ...]]
    calibrations: frozenset[str]
    collections: tuple[str, ...]
    runs: tuple[str, ...]
    ids: dict[str, list[str]]
    pixels: dict[str, set[int]]

    def _repr_pretty_(self, printer, _cycle) -> None:
        printer.text("schema")

    def __repr__(self) -> str:
        return "schema"

    @classmethod
    def of(cls, butler) -> Schema:
        """Look at a repository."""
        fields = {}
        for name, element in butler.universe.elements.items():
            if not element.has_table:
                continue
            rows = [
                dict(zip((c.name for c in element.columns), r.values, strict=True)) for r in _everything(butler, name)
            ]
            for column in element.columns:
                if rows and column.kind != "hash":
                    fields[name, column.name, column.kind] = list(dict.fromkeys(row[column.name] for row in rows))
        kinds = list(butler.dataset_types)
        names = tuple(butler.collections.query())
        pixels = {}
        for kind in kinds:
            for key in kind.dimensions.skypix:
                found = pixels.setdefault(key, set())
                found.update(ref.data_id.mapping[key] for ref in butler.query_datasets(kind, "*"))
        return cls(
            butler.universe,
            fields,
            {kind.name: kind.dimensions.names for kind in kinds},
            frozenset(kind.name for kind in kinds if kind.is_calibration),
            names,
            tuple(name for name in names if butler.collections.info(name).type.name == "RUN"),
            {kind.name: [str(ref.id) for ref in butler.query_datasets(kind, "*")][:20] for kind in kinds},
            pixels,
        )

    def values(self, element: str) -> list[Any]:
        """Values of a dimension that occur."""
        if element == "band":
            return self.fields.get(("physical_filter", "band", "str"), [])
        return self.fields.get((element, element, "str"), self.fields.get((element, element, "int"), []))


def _everything(butler, element):
    return list(butler.query_dimension_records(element))


def literal(value):
    """Value as the language writes it."""
    return f"'{value}'" if isinstance(value, str) else repr(value)


def instant(ns):
    return f"T'{format_instant(ns)}/tai'"


@st.composite
def leaf(draw, schema, elements, datasets):
    """One condition on a field of one of the elements, or of a dataset."""
    if datasets and draw(st.integers(0, 5)) == 0:
        return draw(dataset_condition(schema, draw(st.sampled_from(datasets))))
    choices = [key for key in schema.fields if key[0] in elements]
    if not choices:
        return "1 = 1" if draw(st.booleans()) else "2 < 1"
    element, column, kind = draw(st.sampled_from(choices))
    return draw(CONDITIONS[kind](schema, element, column))


def name_of(schema, element, column):
    """A field as users write it: a key by its dimension, or by its name in the record."""
    if column == element:
        return element
    return f"{element}.{column}"


def some_of(values, most):
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)


def membership(draw, name, items):
    """IN, or NOT IN a single item: the reference system's normal forms grow with the product of longer ones."""
    if draw(st.booleans()):
        return f"{name} NOT IN ({items[0]})"
    return f"{name} IN ({', '.join(items)})"


@st.composite
def number_condition(draw, schema, element, column, kind):
    name = name_of(schema, element, column)
    known = [value for value in schema.fields[element, column, kind] if value is not None] or [
        1 if kind == "int" else 1.5
    ]
    value = draw(st.sampled_from(known))
    if kind == "float":
        value = float(value)
    form = draw(st.integers(0, 9))
    operator = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
    nudge = draw(st.sampled_from([0, 1, -1]))
    if form == 0:
        return draw(null_condition(name))
    if form == 1 and kind == "int":
        step = draw(st.sampled_from([1, 2, 3]))
        low, high = max(0, value - draw(st.integers(0, 4))), value + draw(st.integers(0, 6))
        others = draw(st.lists(st.sampled_from(known), max_size=2))
        return membership(draw, name, [f"{low}..{high}" + (f":{step}" if step > 1 else ""), *map(repr, others)])
    if form == 2:
        return membership(draw, name, [literal(each) for each in draw(some_of(known, 3))])
    if form == 3:
        return f"{literal(value)} {operator} {name}"
    if form == 4 and kind == "int":
        return f"{name} % {draw(st.sampled_from([2, 3, 7]))} {operator} {draw(st.integers(0, 3))}"
    if form == 5:
        arithmetic, by = draw(st.sampled_from(["+", "-", "*", "/"])), draw(st.sampled_from([1, 2, 3]))
        return f"{name} {arithmetic} {float(by) if kind == 'float' else by} {operator} {literal(value)}"
    if form == 6:
        return f"-{name} {operator} -{literal(value)}" if value >= 0 else f"-{name} {operator} {literal(-value)}"
    if form == 7:
        others = [key for key in schema.fields if key[0] == element and key[2] == kind]
        return f"{name} {operator} {name_of(schema, *draw(st.sampled_from(others))[:2])}"
    return f"{name} {operator} {literal(value + nudge)}"


@st.composite
def string_condition(draw, schema, element, column):
    name = name_of(schema, element, column)
    known = [value for value in schema.fields[element, column, "str"] if value] or ["x"]
    value = draw(st.sampled_from(known))
    form = draw(st.integers(0, 5))
    if form == 0:
        return draw(null_condition(name))
    if form == 1:
        return membership(draw, name, [literal(each) for each in draw(some_of(known, 3))])
    if form == 2:
        pattern = draw(patterns(value))
        # What is unknown matches nothing; to the reference system it matches a pattern of stars.
        known = f"{name} != NULL AND " if not pattern.strip("*") else ""
        return f"({known}GLOB({name}, {literal(pattern)}))"
    return f"{name} {draw(st.sampled_from(['=', '!=', '<', '>=', '=', '=']))} {literal(value)}"


@st.composite
def patterns(draw, value):
    plain = "".join(f"[{letter}]" if letter in "[]*?" else letter for letter in value)
    if plain != value:
        return draw(st.sampled_from(["*", "[*", "?M?*"]))
    cut = draw(st.integers(0, len(value)))
    return draw(st.sampled_from([value, value[:cut] + "*", "*" + value[cut:], value[:cut] + "?" + value[cut + 1 :]]))


@st.composite
def bool_condition(draw, schema, element, column):
    name = name_of(schema, element, column)
    return draw(st.sampled_from([name, f"NOT {name}", f"{name} = NULL", f"{name} != NULL"]))


@st.composite
def null_condition(draw, name):
    return f"{name} {draw(st.sampled_from(['=', '!=']))} NULL"


@st.composite
def timespan_condition(draw, schema, element, column):
    name = f"{element}.timespan"
    known = [span for span in schema.fields[element, column, "timespan"] if span is not None]
    edges = sorted({edge for span in known for edge in (span.begin, span.end) if edge is not None}) or [
        1_700_000_000 * 10**9
    ]
    first, second = sorted((draw(st.sampled_from(edges)), draw(st.sampled_from(edges)) + draw(st.integers(-1, 1))))
    form = draw(st.integers(0, 5))
    if form == 0:
        return draw(null_condition(name))
    if form == 1:
        # The bounds of an unknown timespan are unknown; to the reference system they are 1970.
        bound = draw(st.sampled_from(["begin", "end"]))
        operator = draw(st.sampled_from(["<", "<=", ">", ">=", "=", "!="]))
        return f"({name} != NULL AND {name}.{bound} {operator} {instant(first)})"
    if form == 2:
        return f"{name} OVERLAPS {instant(first)}"
    if form == 3:
        others = [key[0] for key in schema.fields if key[2] == "timespan"]
        if draw(st.sampled_from(others)) == element:
            return f"{name} OVERLAPS {name}"
    return f"{name} OVERLAPS ({instant(first)}, {instant(max(second, first + 1))})"


@st.composite
def region_condition(draw, schema, element, column):
    name = f"{element}.region"
    form = draw(st.integers(0, 4))
    if form == 0:
        return draw(null_condition(name))
    if form == 1:
        return f"{name} OVERLAPS {draw(st.sampled_from(POLYGONS))}"
    if form == 2:
        return f"{name} OVERLAPS POINT({draw(st.sampled_from(['150, 2', '149.6, 2.3', '150.4, 1.9']))})"
    return f"{name} OVERLAPS REGION('{draw(st.sampled_from(AREAS))}')"


@st.composite
def dataset_condition(draw, schema, name):
    form = draw(st.integers(0, 4))
    if form == 0:
        return f"{name}.run {draw(st.sampled_from(['=', '!=']))} '{draw(st.sampled_from(schema.runs))}'"
    if form == 1:
        return f"{name}.collection {draw(st.sampled_from(['=', '!=']))} '{draw(st.sampled_from(schema.collections))}'"
    if form == 2 and schema.ids[name]:
        items = ", ".join(
            f"UUID('{each}')" for each in draw(st.lists(st.sampled_from(schema.ids[name]), min_size=1, max_size=3))
        )
        return f"{name}.dataset_id IN ({items})"
    if form == 3:
        year = draw(st.sampled_from([2020, 2090]))
        return f"{name}.ingest_date {draw(st.sampled_from(['<', '>']))} T'{year}-01-01'"
    return f"GLOB({name}.run, '{draw(st.sampled_from(['r*', 'r?', '*s', 'r1']))}')"


CONDITIONS = {
    "int": lambda schema, element, column: number_condition(schema, element, column, "int"),
    "float": lambda schema, element, column: number_condition(schema, element, column, "float"),
    "str": string_condition,
    "bool": bool_condition,
    "timespan": timespan_condition,
    "region": region_condition,
}


def expressions(schema, elements, datasets):
    """Nests of AND, OR and NOT over conditions."""
    return st.recursive(
        leaf(schema, elements, datasets),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: f"({two[0]}) AND ({two[1]})"),
            st.tuples(inner, inner).map(lambda two: f"({two[0]}) OR ({two[1]})"),
            st.tuples(inner, inner, inner).map(lambda few: " AND ".join(f"({each})" for each in few)),
            inner.map(lambda one: one if one.startswith("NOT (") else f"NOT ({one})"),
        ),
        max_leaves=4,
    )


NEIGHBOURS = {
    "exposure": ("visit", "group", "day_obs"),
    "visit": ("exposure", "visit_system"),
    "detector": (),
    "tract": ("patch",),
    "band": ("physical_filter",),
}


@st.composite
def governed(draw, schema, names):
    """Data-ID values for the governors; seldom left out, seldom wrong."""
    values = {}
    for name in ("instrument", "skymap"):
        known = schema.values(name)
        if name in names and known and draw(st.integers(0, 19)):
            values[name] = draw(st.sampled_from(known)) if draw(st.integers(0, 30)) else "Nothing"
    return values


@st.composite
def questions(draw, schema):
    """Any question."""
    kind = draw(st.sampled_from(["datasets", "datasets", "data_ids", "records"]))
    if kind == "datasets" and not schema.dataset_types:
        kind = "data_ids"
    return draw(
        {"datasets": dataset_questions, "data_ids": data_id_questions, "records": record_questions}[kind](schema)
    )


def elements_of(schema, names):
    group = schema.universe.conform(names)
    return {element.name for element in group.elements}


@st.composite
def completed(draw, schema, names, datasets=()):
    """Conditions and data ID for a question about some dimensions; governors by data ID, as literals or as bind values."""
    names = set(names)
    for name in tuple(names):
        if name in NEIGHBOURS and draw(st.integers(0, 5)) == 0 and NEIGHBOURS[name]:
            names.add(draw(st.sampled_from(NEIGHBOURS[name])))
    elements = elements_of(schema, names)
    where = draw(expressions(schema, elements, datasets)) if draw(st.integers(0, 9)) else ""
    data_id = draw(governed(schema, schema.universe.conform(names).names))
    bind = {}
    if data_id and draw(st.booleans()):
        bind = draw(st.sampled_from([{}, {f"the_{name}": value for name, value in data_id.items()}]))
        fixed = " AND ".join(f"{name} = {f'the_{name}' if bind else literal(each)}" for name, each in data_id.items())
        where, data_id = f"{fixed} AND ({where})" if where else fixed, {}
    return {"where": where, "data_id": data_id, "bind": bind}


@st.composite
def dataset_questions(draw, schema):
    name = draw(st.sampled_from(sorted(schema.dataset_types)))
    collections = tuple(draw(st.lists(st.sampled_from(schema.collections), min_size=1, max_size=3, unique=True)))
    first = draw(st.booleans())
    # Which is found first does not depend on the condition in Bunter; in the reference system it does.
    spoken = () if first and len(collections) > 1 else (name,)
    conditions = draw(completed(schema, schema.dataset_types[name], spoken))
    return Asked("datasets", name, collections=collections, find_first=first, **conditions)


@st.composite
def data_id_questions(draw, schema):
    known = [name for name in schema.universe.dimensions if schema.values(name) or name == "band"]
    names = set(draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)))
    types = [name for name, dimensions in schema.dataset_types.items() if set(dimensions) & names]
    joined = tuple(draw(st.lists(st.sampled_from(types), max_size=2, unique=True))) if types else ()
    collections = ()
    if joined:
        collections = tuple(draw(st.lists(st.sampled_from(schema.collections), min_size=1, max_size=3, unique=True)))
    spoken = names | {
        each for name in joined for each in schema.dataset_types[name] if not each.startswith(("htm", "healpix"))
    }
    conditions = draw(completed(schema, spoken, joined))
    return Asked("data_ids", tuple(sorted(names)), collections=collections, joined=joined, **conditions)


@st.composite
def record_questions(draw, schema):
    element = draw(st.sampled_from(sorted({key[0] for key in schema.fields})))
    dimensions = schema.universe[element].required
    return Asked("records", element, **draw(completed(schema, dimensions)))


@st.composite
def ordered_questions(draw, schema):
    """Questions with an order that is total, and mostly a limit.

    What is sorted by has no nulls: Bunter puts them last, SQLite's habit, which the reference system has, is first.
    """
    makers = [data_id_questions, record_questions, *([dataset_questions] if schema.dataset_types else [])]
    asked = draw(draw(st.sampled_from(makers))(schema))
    names = {"datasets": lambda: schema.dataset_types[asked.what], "data_ids": lambda: asked.what}.get(
        asked.kind, lambda: schema.universe[asked.what].required
    )()
    group = schema.universe.conform(names)
    fields = [
        name_of(schema, element, column)
        for (element, column, kind), values in schema.fields.items()
        if element in group and kind in {"int", "str", "float"} and None not in values
    ]
    chosen = draw(st.lists(st.sampled_from(fields), max_size=2, unique=True)) if fields else []
    keys = [*chosen, *(key for key in group.required if key not in chosen)]
    if asked.kind == "datasets":
        keys.append(f"{asked.what}.dataset_id")
    order = tuple(draw(st.sampled_from(["", "-"])) + key for key in keys)
    return replace(asked, order_by=order, limit=draw(st.sampled_from([None, 1, 3, 10])))

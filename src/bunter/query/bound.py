"""Bound queries: what an expression means, with every name resolved and every type checked.

Nothing in here knows SQL. The registry translates these nodes to SQL, `bunter.query.evaluate` runs them over arrays,
and the graph builder reads the conjuncts. All nodes are frozen values: equal by content, hashable, cheap to pickle.

Kinds of values:

======== ===========================================================================================
int      Python int, 64 bits
float    Python float
str      Python str
bool     Python bool
time     int, nanoseconds since 1970-01-01T00:00:00 TAI
timespan (begin, end), half-open, two ints as for time; open ends are the smallest and largest 64-bit ints
region   bytes, `bunter.geometry.Region.encode()`
uuid     bytes, 16 of them
bytes    bytes
null     None
any      what only the rows know, as JSON has it: of header cards and user metadata before they are compared
======== ===========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.dataset import DatasetSearch, DatasetType
    from bunter.dimensions import DimensionGroup, Element, Universe

__all__ = [
    "Aggregate",
    "Always",
    "And",
    "Arithmetic",
    "Beyond",
    "BoolTest",
    "BoundQuery",
    "Column",
    "Comparison",
    "Constant",
    "DatasetColumn",
    "ElementColumn",
    "HeaderColumn",
    "IsNull",
    "KeyColumn",
    "Kind",
    "Like",
    "Membership",
    "Negative",
    "Not",
    "Or",
    "OutputColumn",
    "Predicate",
    "Projection",
    "RegionOverlap",
    "TimespanBound",
    "TimespanOverlap",
    "Value",
    "all_of",
    "any_of",
    "columns_of",
    "conjuncts",
    "dimensions_of",
    "none_of",
    "referenced_dimensions",
    "walk",
]

Kind: TypeAlias = Literal["int", "float", "str", "bool", "time", "timespan", "region", "uuid", "bytes", "null", "any"]
DatasetField: TypeAlias = Literal[
    "id", "run", "collection", "ingest_date", "timespan", "activity", "activity_label", "header", "metadata"
]


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """The primary key of a dimension, such as ``visit`` or ``htm7``: the same in every relation that has it."""

    dimension: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class ElementColumn:
    """A column of an element's record that is no dimension key: metadata, alternate key, ``region``, ``timespan``."""

    element: str
    column: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class DatasetColumn:
    """A field of the dataset that a search found; ``timespan`` is its validity, ``ingest_date`` a time.

    ``dataset_type`` is what the query calls the search: the type's name, unless it gave another.
    """

    dataset_type: str
    field: DatasetField
    kind: Kind


@dataclass(frozen=True, slots=True)
class HeaderColumn(DatasetColumn):
    """A card of a dataset's stored header (field ``header``), or a value of its user metadata (field ``metadata``).

    Its kind is what it is asked as: a value of another type counts as null, and ``int`` stands for any number.

    Parameters
    ----------
    path : tuple of str
        Name of the card, or the keys that lead to the value.
    """

    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TimespanBound:
    """One end of a timespan; an open end compares as the smallest or largest 64-bit integer."""

    of: Value
    which: Literal["begin", "end"]
    kind: Kind = "time"


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written in the expression or bound to a name; the table of kinds above gives its Python type."""

    value: object
    kind: Kind


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left op right`` of numbers.

    Ints and floats mix to float, and ``/`` gives one; ``%`` has the sign of the left side, as in SQL; division by zero gives
    null. A quotient whose ``kind`` is int, which nobody writes but Bunter itself, is cut off towards zero.
    """

    op: Literal["+", "-", "*", "/", "%"]
    left: Value
    right: Value
    kind: Kind


@dataclass(frozen=True, slots=True)
class Negative:
    """Minus a number."""

    value: Value
    kind: Kind


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of the projection by its name: what groups are sorted by."""

    name: str
    kind: Kind


Column: TypeAlias = KeyColumn | ElementColumn | DatasetColumn
Value: TypeAlias = Column | TimespanBound | Constant | Arithmetic | Negative | OutputColumn


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One number or value for all rows of a group; nulls are left out of all but ``count`` of rows.

    Parameters
    ----------
    function : str
        "count", "min", "max", "sum" or "avg".
    of : Value, optional
        What it is taken of; None counts rows.
    distinct : bool
        Whether equal values count once.
    kind : Kind
        Kind of the result.
    """

    function: Literal["count", "min", "max", "sum", "avg"]
    of: Value | None = None
    distinct: bool = False
    kind: Kind = "int"


@dataclass(frozen=True, slots=True)
class Projection:
    """What is shown of the rows, in place of what they are.

    Parameters
    ----------
    columns : tuple of (str, Value)
        Name and value of each column; none of them a timespan.
    aggregates : tuple of (str, Aggregate)
        Further columns of groups.
    grouped : bool
        Whether rows that agree on all columns are one; without columns all rows are one group.
    """

    columns: tuple[tuple[str, Value], ...]
    aggregates: tuple[tuple[str, Aggregate], ...] = ()
    grouped: bool = False

    @property
    def kinds(self) -> dict[str, Kind]:
        """Kind of each column by its name, in order."""
        return {name: what.kind for name, what in (*self.columns, *self.aggregates)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left op right`` of two values of one kind (int and float count as one); null if either side is null."""

    op: Literal["=", "!=", "<", "<=", ">", ">="]
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Membership:
    """``value IN (...)``.

    Parameters
    ----------
    value : Value
        What is looked for.
    constants : tuple
        Plain Python values of the value's kind, without repeats, in the order written; may hold many thousands.
    ranges : tuple of (int, int, int)
        begin, end (inclusive, as written in ``begin..end:stride``) and stride >= 1.
    """

    value: Value
    constants: tuple[object, ...] = ()
    ranges: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Like:
    """A string against a pattern, case-sensitive and whole.

    In style ``glob`` the wildcards are ``*``, ``?`` and ``[...]`` (complement: ``[!...]`` or ``[^...]``); in style
    ``like`` they are ``%`` and ``_``, and a backslash makes the next character plain.
    """

    value: Value
    pattern: str
    style: Literal["glob", "like"]


@dataclass(frozen=True, slots=True)
class IsNull:
    """True where the value is null, false elsewhere; never null itself."""

    value: Value


@dataclass(frozen=True, slots=True)
class BoolTest:
    """A boolean column or constant as a predicate."""

    value: Value


@dataclass(frozen=True, slots=True)
class TimespanOverlap:
    """Two values of kind timespan that share an instant; an empty timespan shares none, null gives null."""

    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class RegionOverlap:
    """Two values of kind region that share a point, exactly (not by pixels); null gives null."""

    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Beyond:
    """Values that come after constants, one after the other as in a dictionary; none of them is null."""

    values: tuple[Value, ...]
    constants: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Always:
    """True for every row, or false for every row."""

    value: bool


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold; flat (no term is an And) and of at least two terms."""

    terms: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some term holds; flat (no term is an Or) and of at least two terms."""

    terms: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold; null stays null."""

    term: Predicate


Predicate: TypeAlias = (
    And
    | Or
    | Not
    | Comparison
    | Membership
    | Like
    | IsNull
    | BoolTest
    | TimespanOverlap
    | RegionOverlap
    | Beyond
    | Always
)


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """All that the registry needs to answer a query.

    Parameters
    ----------
    kind : str
        What a row is: a data ID, a dataset, a dimension record, or a data ID with one dataset per search.
    dimensions : DimensionGroup
        Everything joined: those of the result, of the searches, of the data ID, and of the names in ``where`` and
        ``order_by``.
    result : DimensionGroup, Element or DatasetType
        What rows are projected to; rows that agree on it are one row. For "joined" the group of the data IDs.
    where : Predicate, optional
        The condition, with the data ID and the needed defaults already in it; None for no condition.
    searches : tuple of DatasetSearch
        The datasets joined, the result's own first.
    order_by : tuple of (Value, bool)
        Values to sort by and whether ascending; nulls come last in either direction.
    limit, offset : int
        At most this many rows (None for all), after leaving out the first.
    with_records : bool
        Whether the rows carry the dimension records as well.
    spatial_joins : tuple of (str, str)
        Elements whose regions must overlap though the user did not write it.
    temporal_joins : tuple of TimespanOverlap
        The same in time: between elements, or an element and a calibration dataset's validity. A dataset found in a
        collection without validity ranges counts as always valid.
    data_id_table : mapping, optional
        Columns of data-ID values, keyed by dimension, that the rows must match.
    projection : Projection, optional
        What is shown of the rows; all that tells them apart by default.
    keyed : bool
        Whether rows also have the values they are sorted by, as columns ``sort 0``, ``sort 1`` and so on.
    """

    kind: Literal["data_ids", "datasets", "records", "joined"]
    dimensions: DimensionGroup
    result: DimensionGroup | Element | DatasetType
    where: Predicate | None = None
    searches: tuple[DatasetSearch, ...] = ()
    order_by: tuple[tuple[Value, bool], ...] = ()
    limit: int | None = None
    offset: int = 0
    with_records: bool = False
    spatial_joins: tuple[tuple[str, str], ...] = ()
    temporal_joins: tuple[TimespanOverlap, ...] = ()
    data_id_table: Mapping[str, Sequence[object]] | None = field(default=None, hash=False)
    projection: Projection | None = None
    keyed: bool = False

    @property
    def condition(self) -> tuple[Predicate, ...]:
        """Conjuncts of ``where`` followed by the automatic joins, all as predicates."""
        spatial = (
            RegionOverlap(ElementColumn(a, "region", "region"), ElementColumn(b, "region", "region"))
            for a, b in self.spatial_joins
        )
        return (*conjuncts(self.where), *spatial, *self.temporal_joins)


def all_of(terms: Sequence[Predicate]) -> Predicate:
    """Return the conjunction of the terms, flat and without those that always hold."""
    return _joined(And, terms, absorbing=False)


def any_of(terms: Sequence[Predicate]) -> Predicate:
    """Return the disjunction of the terms, flat and without those that never hold."""
    return _joined(Or, terms, absorbing=True)


def none_of(term: Predicate) -> Predicate:
    """Return the negation of the term; two negations cancel."""
    if isinstance(term, Always):
        return Always(not term.value)
    return term.term if isinstance(term, Not) else Not(term)


def _joined(junction: type[And | Or], terms: Sequence[Predicate], *, absorbing: bool) -> Predicate:
    flat: list[Predicate] = []
    for term in terms:
        if isinstance(term, Always):
            if term.value is absorbing:
                return term
        elif isinstance(term, junction):
            flat.extend(term.terms)
        else:
            flat.append(term)
    if not flat:
        return Always(not absorbing)
    return flat[0] if len(flat) == 1 else junction(tuple(flat))


def conjuncts(predicate: Predicate | None) -> list[Predicate]:
    """Return the predicates that must all hold; none for None."""
    if predicate is None:
        return []
    return list(predicate.terms) if isinstance(predicate, And) else [predicate]


def walk(node: Predicate | Value | None) -> Iterator[Predicate | Value]:
    """Yield the node and everything below it, parents first."""
    pending: list[Predicate | Value] = [] if node is None else [node]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(_children(node)))


def _children(node: Predicate | Value) -> Sequence[Predicate | Value]:  # noqa: PLR0911 - one line per shape
    match node:
        case And(terms) | Or(terms):
            return terms
        case Not(term):
            return (term,)
        case Comparison() | Arithmetic() | TimespanOverlap() | RegionOverlap():
            return (node.left, node.right)
        case Membership() | Like() | IsNull() | BoolTest() | Negative():
            return (node.value,)
        case Beyond(values):
            return values
        case TimespanBound(of):
            return (of,)
        case _:
            return ()


def columns_of(node: Predicate | Value | None) -> list[Column]:
    """Return the columns that the node reads, without repeats, in order of appearance."""
    found = (part for part in walk(node) if isinstance(part, KeyColumn | ElementColumn | DatasetColumn))
    return list(dict.fromkeys(found))


def referenced_dimensions(node: Predicate | Value | None) -> set[str]:
    """Return the dimensions and elements whose columns the node reads; dataset columns name none."""
    names = set()
    for column in columns_of(node):
        if isinstance(column, KeyColumn):
            names.add(column.dimension)
        elif isinstance(column, ElementColumn):
            names.add(column.element)
    return names


def dimensions_of(node: Predicate | Value | None, universe: Universe) -> DimensionGroup:
    """Return the closed group of dimensions that must be joined for the node to have a value."""
    names: set[str] = set()
    for name in referenced_dimensions(node):
        names.update(universe[name].required)
    return universe.conform(names)

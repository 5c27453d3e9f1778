"""From a question to a `BoundQuery`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from bunter.dataset import DatasetType
from bunter.dimensions import Element
from bunter.errors import DimensionNameError, DimensionValueError, InvalidQueryError, MissingDatasetTypeError, near
from bunter.query import bound, tree
from bunter.query.binder import Binder
from bunter.query.bound import BoundQuery, Constant
from bunter.query.constants import is_list
from bunter.query.describe import describe
from bunter.query.expression import Condition, Order, Term
from bunter.query.joins import check_related, governors_needed, pinned, spatial_joins, temporal_joins
from bunter.query.lexer import MAX_LENGTH
from bunter.query.parser import MAX_DEPTH, parse
from bunter.query.pixels import pixels_as_regions
from bunter.query.scope import PlacedError, Scope, UnknownNameError
from bunter.query.unparse import unparse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.dataset import DatasetSearch
    from bunter.dimensions import DimensionGroup, Universe
    from bunter.query.bound import Predicate, Value
    from bunter.query.tree import Node

__all__ = ["OrderBy", "QueryKind", "Where", "bind_predicate", "bind_query", "conjoined", "split_conjuncts", "tree_of"]

QueryKind: TypeAlias = Literal["data_ids", "datasets", "records", "joined"]
Where: TypeAlias = "str | Node | Condition | Term | None"
OrderBy: TypeAlias = "str | Order | Term"


def bind_query(  # noqa: PLR0913 - all by keyword; the value they form is the BoundQuery
    *,
    universe: Universe,
    kind: QueryKind,
    result: DimensionGroup | Element | DatasetType,
    where: Where = None,
    binds: Mapping[str, object] | None = None,
    data_id: Mapping[str, object] | None = None,
    defaults: Mapping[str, object] | None = None,
    searches: Sequence[DatasetSearch] = (),
    dataset_types: Mapping[str, DatasetType] | None = None,
    order_by: Sequence[OrderBy] = (),
    limit: int | None = None,
    offset: int = 0,
    with_records: bool = False,
    data_id_table: Mapping[str, Sequence[object]] | None = None,
) -> BoundQuery:
    """Resolve, check and complete a query.

    Parameters
    ----------
    universe : Universe
        The repository's dimensions.
    kind : str
        What the rows are: "data_ids", "datasets", "records" or "joined".
    result : DimensionGroup, Element or DatasetType
        Group of the data IDs (also for "joined"), element of the records, or type of the datasets.
    where : str, Node, Condition or Term, optional
        The condition, as text or built from `bunter.query.x`.
    binds : mapping of str to object, optional
        Values of the names in the condition.
    data_id : mapping of str to object, optional
        Values (or lists of values) that rows must have, by dimension, ``element.field``, or field if that is unique.
    defaults : mapping of str to object, optional
        Governor values to use where the condition needs a governor and does not say which.
    searches : sequence of DatasetSearch
        Datasets to join, the result's own first.
    dataset_types : mapping of str to DatasetType, optional
        Registered types by name.
    order_by : sequence of str, Order or Term
        What to sort by; a leading ``-`` in text sorts downwards.
    limit, offset : int
        At most this many rows (None for all), after leaving out the first.
    with_records : bool
        Whether rows carry dimension records.
    data_id_table : mapping, optional
        Columns of values by dimension; rows must match one of its rows.

    Returns
    -------
    BoundQuery
        With all names resolved, the governor rule applied and automatic joins worked out.

    Raises
    ------
    InvalidQueryError
        With the place in the text, if the condition cannot be parsed or makes no sense.
    DimensionNameError, DimensionValueError
        If a name or a value in the data ID means nothing.
    MissingDatasetTypeError
        If a searched dataset type is not registered.
    """
    question = _Question(universe, result, dict(data_id or {}), tuple(searches), dataset_types or {}, data_id_table)
    binder, node = question.binder(where, binds or {})
    condition = question.conditions() if node is None else bound.all_of([question.conditions(), binder.predicate(node)])
    try:
        condition = pixels_as_regions(condition, question.own, universe)
        condition = bound.all_of([condition, *_defaults_used(condition, universe, defaults or {})])
        dimensions, spatial = _dimensions(question, condition)
    except PlacedError as problem:
        raise _placed(problem, binder) from problem
    order = tuple(_ordered(each, question, binder.binds) for each in order_by)
    predicate = None if condition == bound.Always(True) else condition
    return BoundQuery(
        kind=kind,
        dimensions=dimensions,
        result=result,
        where=predicate,
        searches=tuple(searches),
        order_by=order,
        limit=_count(limit, "limit"),
        offset=_count(offset, "offset") or 0,
        with_records=with_records,
        spatial_joins=spatial,
        temporal_joins=temporal_joins(dimensions, predicate, tuple(question.searched.values())),
        data_id_table=data_id_table,
    )


def bind_predicate(
    where: Where,
    *,
    dimensions: DimensionGroup,
    dataset_types: Iterable[DatasetType] = (),
    binds: Mapping[str, object] | None = None,
) -> Predicate | None:
    """Bind a condition alone, without governor rule, defaults or joins.

    Parameters
    ----------
    where : str, Node, Condition or Term
        The condition.
    dimensions : DimensionGroup
        Dimensions whose fields may be named without their element; others are named in full.
    dataset_types : iterable of DatasetType
        Dataset types whose fields may be named.
    binds : mapping of str to object, optional
        Values of the names in the condition.

    Returns
    -------
    Predicate or None
        None for an empty condition.
    """
    node, text = tree_of(where)
    scope = Scope(dimensions, {kind.name: kind for kind in dataset_types})
    return None if node is None else Binder(scope, binds or {}, text).predicate(node)


def tree_of(where: Where) -> tuple[Node | None, str]:
    """Return the syntax tree of a condition and the text that its positions point into.

    Objects are written as text and parsed again, so that messages can point at the place; if that would be too long, the text
    is empty.
    """
    if where is None or isinstance(where, str):
        return parse(where or ""), where or ""
    node = where.node if isinstance(where, Condition | Term) else where
    if not isinstance(node, _NODES):  # callers are not all type-checked
        raise InvalidQueryError(f"a condition is text or an expression of bunter.query.x, not {type(where).__name__}")
    _check_depth(node)
    text = unparse(node)
    return (parse(text), text) if len(text) <= MAX_LENGTH else (node, "")


def conjoined(*conditions: Where) -> Node | None:
    """Return the tree of all the conditions joined by AND; None if all are empty."""
    found = [node for node, _ in map(tree_of, conditions) if node is not None]
    return tree.conjunction(found) if found else None


def split_conjuncts(where: Where) -> list[str]:
    """Return the conditions that must all hold, each as text; none for an empty condition."""
    node, _ = tree_of(where)
    if node is None:
        return []
    return [unparse(term) for term in (node.terms if isinstance(node, tree.And) else (node,))]


_NODES: Final = tuple(getattr(tree, name) for name in tree.__all__ if isinstance(getattr(tree, name), type))


def _check_depth(node: Node) -> None:
    level: list[Any] = [node]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise InvalidQueryError(f"the expression is nested more than {MAX_DEPTH} deep")


def _children(node: Node) -> list[Any]:
    found: list[Any] = []
    for name in node.__slots__:
        value = getattr(node, name)
        if isinstance(value, tuple):
            found += value
        elif isinstance(value, _NODES):
            found.append(value)
    return found


@dataclass(slots=True)
class _Question:
    """What is asked, apart from the condition."""

    universe: Universe
    result: DimensionGroup | Element | DatasetType
    data_id: dict[str, object]
    searches: tuple[DatasetSearch, ...]
    dataset_types: Mapping[str, DatasetType]
    table: Mapping[str, Sequence[object]] | None
    searched: dict[str, DatasetType] = field(init=False)
    group: DimensionGroup = field(init=False)
    joined: list[DimensionGroup] = field(init=False)
    own: DimensionGroup = field(init=False)

    def __post_init__(self) -> None:
        self.searched = {kind.name: kind for kind in map(self._type, self.searches)}
        self.group = self._group()
        self.joined = [kind.dimensions for kind in self.searched.values()]
        if self.table is not None:
            self.joined.append(self.universe.conform(self.table))
        self.own = self.group
        for each in self.joined:
            self.own = self.own | each

    def _type(self, search: DatasetSearch) -> DatasetType:
        name = search.dataset_type
        if name not in self.dataset_types:
            hint = near(name, self.dataset_types)
            raise MissingDatasetTypeError(f"no dataset type {name!r}{hint}; `bunter query-dataset-types` lists all")
        return self.dataset_types[name]

    def _group(self) -> DimensionGroup:
        if isinstance(self.result, DatasetType):
            return self.result.dimensions
        if isinstance(self.result, Element):
            return self.universe.conform(self.result.required)
        return self.result

    def scope(self) -> Scope:
        named = [name for name in self.data_id if name in self.universe and self.universe[name].is_dimension]
        group = self.own | self.universe.conform(named)
        own = self.result if isinstance(self.result, Element) else None
        return Scope(group, self.searched, own=own, known=self.dataset_types)

    def binder(self, where: Where, binds: Mapping[str, object]) -> tuple[Binder, Node | None]:
        node, text = tree_of(where)
        return Binder(self.scope(), binds, text), node

    def conditions(self) -> Predicate:
        """Return what the data ID asks for, as a condition."""
        scope = self.scope()
        return bound.all_of([_equality(scope, name, value) for name, value in self._given().items()])

    def _given(self) -> dict[str, object]:
        return {name: value for name, value in self.data_id.items() if value is not None}


def _equality(scope: Scope, name: str, value: object) -> Predicate:
    """Condition that a name of the data ID has the value, or one of the values."""
    try:
        kind = scope.resolve(name).kind
    except UnknownNameError as error:
        raise DimensionNameError(f"cannot use {name}={value!r} in a data ID: {error}") from error
    if kind == "int" and isinstance(value, float):
        raise DimensionValueError(f"{name}={value!r} in a data ID must be a whole number")
    column = tree.Name(name)
    operator: Node = (
        tree.In(column, (tree.Bind("value"),)) if is_list(value) else tree.Compare("=", column, tree.Bind("value"))
    )
    try:
        return Binder(scope, {"value": value}).predicate(operator)
    except InvalidQueryError as error:
        message = str(error).replace(":value", repr(value))
        raise DimensionValueError(f"cannot use {name}={value!r} in a data ID: {message}") from error


def _defaults_used(condition: Predicate, universe: Universe, defaults: Mapping[str, object]) -> list[Predicate]:
    """Return the defaults of governors that the condition needs and leaves open."""
    used: list[Predicate] = []
    for governor, column in governors_needed(condition, universe).items():
        if pinned(condition, governor):
            continue
        value = defaults.get(governor)
        if value is None:
            message = (
                f"{describe(column)} means nothing without {governor!r}; add {governor} = '...' to the condition, "
                f"or give {governor}=... as a keyword"
            )
            raise PlacedError(message, min(bound.referenced_dimensions(column)))
        used.append(bound.Comparison("=", bound.KeyColumn(governor, "str"), Constant(value, "str")))
    return used


def _dimensions(question: _Question, condition: Predicate) -> tuple[DimensionGroup, tuple[tuple[str, str], ...]]:
    """Return all dimensions joined and the automatic spatial joins; refuse what nothing relates."""
    dimensions = question.own | bound.dimensions_of(condition, question.universe)
    spatial = spatial_joins(dimensions, condition, question.joined)
    check_related(dimensions, question.own, question.joined, condition, spatial)
    return dimensions, spatial


def _placed(problem: PlacedError, binder: Binder) -> InvalidQueryError:
    """Return the problem with the place of the first name that it is about."""
    if not binder.text:
        return InvalidQueryError(problem.message)
    places = [
        position for value, position in binder.positions.items() if problem.name in bound.referenced_dimensions(value)
    ]
    return InvalidQueryError(problem.message, text=binder.text, position=min(places, default=None))


def _ordered(each: OrderBy, question: _Question, binds: Mapping[str, object]) -> tuple[Value, bool]:
    if isinstance(each, Order):
        node, text, ascending = each.node, unparse(each.node), each.ascending
    elif isinstance(each, Term):
        node, text, ascending = each.node, unparse(each.node), True
    else:
        ascending = not each.lstrip().startswith("-")
        text = each if ascending else each.replace("-", " ", 1)
        parsed = parse(text)
        if parsed is None:
            raise InvalidQueryError("order_by has an empty name in it")
        node = parsed
    binder = Binder(question.scope(), binds, text)
    value = binder.value(node)
    if value.kind in {"region", "timespan"}:
        binder.fail(f"{text.strip()} is a {value.kind} and has no order; sort by its begin or end", node)
    needed = bound.dimensions_of(value, question.universe)
    if not needed <= question.own:
        binder.fail(f"{text.strip()} is not determined by {question.own!r}, so rows cannot be sorted by it", node)
    return value, ascending


def _count(number: int | None, name: str) -> int | None:
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
        raise InvalidQueryError(f"{name} is a whole number that is not negative, not {number!r}")
    return number

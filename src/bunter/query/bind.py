"""From a question to a `BoundQuery`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from bunter.errors import InvalidQueryError
from bunter.query import bound, tree
from bunter.query.asked import Asked
from bunter.query.binder import Binder
from bunter.query.bound import BoundQuery, Constant
from bunter.query.describe import describe
from bunter.query.dynamic import by_type
from bunter.query.expression import Condition, OrderBy, Term
from bunter.query.joins import check_related, governors_needed, pinned, spatial_joins, temporal_joins
from bunter.query.lexer import MAX_LENGTH
from bunter.query.mentions import children_of
from bunter.query.paging import after_row
from bunter.query.parser import MAX_DEPTH, parse
from bunter.query.pixels import pixels_as_regions
from bunter.query.projecting import bound_projection, ordered_groups
from bunter.query.scope import PlacedError, Scope
from bunter.query.unparse import unparse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.dataset import DatasetSearch, DatasetType
    from bunter.dimensions import DimensionGroup, Element, Universe
    from bunter.query.bound import Predicate, Projection, Value
    from bunter.query.summaries import Selection
    from bunter.query.tree import Node

__all__ = ["QueryKind", "Where", "bind_predicate", "bind_query", "conjoined", "split_conjuncts", "tree_of"]

QueryKind: TypeAlias = Literal["data_ids", "datasets", "records", "joined"]
Where: TypeAlias = "str | Node | Condition | Term | None"


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
    selection: Selection | None = None,
    more: DimensionGroup | None = None,
    keyed: bool = False,
    after: Sequence[object] | None = None,
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
    selection : Selection, optional
        What to show of the rows.
    more : DimensionGroup, optional
        Dimensions to join besides those that the rest of the question names.
    keyed : bool
        Whether rows carry the values that they are sorted by.
    after : sequence of object, optional
        Such values of a row; only rows that come after it are wanted.

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
    asked = Asked(universe, result, dict(data_id or {}), tuple(searches), dataset_types or {}, data_id_table, more)
    node, text = tree_of(where)
    binder = Binder(asked.scope(), binds or {}, text)
    condition = asked.conditions() if node is None else bound.all_of([asked.conditions(), binder.predicate(node)])
    try:
        condition = pixels_as_regions(condition, asked.own, universe)
        condition = bound.all_of([condition, *_defaults_used(condition, asked, defaults or {})])
        dimensions, spatial = _dimensions(asked, condition)
    except PlacedError as problem:
        raise _placed(problem, binder) from problem
    projection = None if selection is None else bound_projection(selection, asked, binder.binds)
    order = _order(order_by, projection, asked, binder.binds)
    temporal = temporal_joins(dimensions, condition, asked.searched, asked.joined)
    if after is not None:
        known = {*dimensions.required, *(search.label for search in searches if search.join == "inner")}
        condition = bound.all_of([condition, after_row(order, after, known, condition)])
    return BoundQuery(
        kind=kind,
        dimensions=dimensions,
        result=result,
        where=None if condition == bound.Always(True) else condition,
        searches=tuple(searches),
        order_by=order,
        limit=_count(limit, "limit"),
        offset=_count(offset, "offset") or 0,
        with_records=with_records,
        spatial_joins=spatial,
        temporal_joins=temporal,
        data_id_table=data_id_table,
        projection=projection,
        keyed=keyed,
    )


def _order(
    order_by: Sequence[OrderBy], projection: Projection | None, asked: Asked, binds: Mapping[str, object]
) -> tuple[tuple[Value, bool], ...]:
    if projection is not None and projection.grouped:
        return ordered_groups(order_by, projection, asked)
    ordered = (asked.ordered(each, binds) for each in order_by)
    return tuple(key for value, ascending in ordered for key in by_type(value, ascending=ascending))


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
        level = [child for parent in level for child in children_of(parent)]
        if not level:
            return
    raise InvalidQueryError(f"the expression is nested more than {MAX_DEPTH} deep")


def _defaults_used(condition: Predicate, asked: Asked, defaults: Mapping[str, object]) -> list[Predicate]:
    """Return the defaults of governors that the condition and the data IDs given leave open and depend on."""
    used: list[Predicate] = []
    keys = [bound.IsNull(bound.KeyColumn(name, "int")) for name in asked.table or ()]
    for governor, (column, identifies) in governors_needed(bound.all_of([condition, *keys]), asked.universe).items():
        if pinned(condition, governor) or governor in (asked.table or ()):
            continue
        value = defaults.get(governor)
        if value is not None:
            used.append(bound.Comparison("=", bound.KeyColumn(governor, "str"), Constant(value, "str")))
        elif identifies:
            message = (
                f"{describe(column)} means nothing without {governor!r}; add {governor} = '...' to the condition, "
                f"or give {governor}=... as a keyword"
            )
            raise PlacedError(message, min(bound.referenced_dimensions(column)))
    return used


def _dimensions(asked: Asked, condition: Predicate) -> tuple[DimensionGroup, tuple[tuple[str, str], ...]]:
    """Return all dimensions joined and the automatic spatial joins; refuse what nothing relates."""
    dimensions = asked.own | bound.dimensions_of(condition, asked.universe)
    spatial = spatial_joins(dimensions, condition, asked.joined)
    check_related(dimensions, asked.own, asked.joined, condition, spatial)
    return dimensions, spatial


def _placed(problem: PlacedError, binder: Binder) -> InvalidQueryError:
    """Return the problem with the place of the first name that it is about."""
    if not binder.text:
        return InvalidQueryError(problem.message)
    places = [
        position for value, position in binder.positions.items() if problem.name in bound.referenced_dimensions(value)
    ]
    return InvalidQueryError(problem.message, text=binder.text, position=min(places, default=None))


def _count(number: int | None, name: str) -> int | None:
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
        raise InvalidQueryError(f"{name} is a whole number that is not negative, not {number!r}")
    return number

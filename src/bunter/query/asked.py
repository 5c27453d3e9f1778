"""What is asked, apart from the condition: the result, the datasets searched, data IDs given."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bunter.dataset import DatasetType
from bunter.dimensions import Element
from bunter.errors import DimensionNameError, DimensionValueError, InvalidQueryError, MissingDatasetTypeError, near
from bunter.query import bound, tree
from bunter.query.binder import Binder
from bunter.query.constants import is_list
from bunter.query.expression import Order, Term
from bunter.query.parser import parse
from bunter.query.scope import Scope, UnknownNameError
from bunter.query.unparse import unparse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dataset import DatasetSearch
    from bunter.dimensions import DimensionGroup, Universe
    from bunter.query.bound import Predicate, Value
    from bunter.query.tree import Node

__all__ = ["Asked"]

_LABEL: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(slots=True)
class Asked:
    """A question without its condition.

    Parameters
    ----------
    universe : Universe
        The repository's dimensions.
    result : DimensionGroup, Element or DatasetType
        What a row is.
    data_id : dict
        Values that rows must have.
    searches : tuple of DatasetSearch
        Datasets to join.
    dataset_types : mapping of str to DatasetType
        Registered types.
    table : mapping, optional
        Columns of data IDs that rows must match.
    more : DimensionGroup, optional
        Further dimensions to join.

    Attributes
    ----------
    searched : dict of str to DatasetType
        Types searched, by what the query calls them.
    named : dict of str to DatasetType
        Those whose fields rows have.
    joined : list of DimensionGroup
        Groups of datasets that rows must have and of data IDs given: each relates its own dimensions.
    own : DimensionGroup
        All dimensions that are joined whatever the condition says.
    """

    universe: Universe
    result: DimensionGroup | Element | DatasetType
    data_id: dict[str, object]
    searches: tuple[DatasetSearch, ...]
    dataset_types: Mapping[str, DatasetType]
    table: Mapping[str, Sequence[object]] | None = None
    more: DimensionGroup | None = None
    searched: dict[str, DatasetType] = field(init=False)
    named: dict[str, DatasetType] = field(init=False)
    joined: list[DimensionGroup] = field(init=False)
    own: DimensionGroup = field(init=False)

    def __post_init__(self) -> None:
        self.searched = {}
        for search in self.searches:
            self._check_label(search)
            self.searched[search.label] = self._type(search)
        self.named = {search.label: self.searched[search.label] for search in self.searches if search.join != "anti"}
        self.joined = [self.searched[search.label].dimensions for search in self.searches if search.join == "inner"]
        if self.table is not None:
            self.joined.append(self.universe.conform(self.table))
        self.own = self._group() if self.more is None else self._group() | self.more
        for each in (*self.joined, *(kind.dimensions for kind in self.named.values())):
            self.own = self.own | each

    def _check_label(self, search: DatasetSearch) -> None:
        name = search.name
        if search.label in self.searched:
            raise InvalidQueryError(
                f"two searches are called {search.label!r}; give one a name of its own, as in "
                f"Search({search.dataset_type!r}, name='other')"
            )
        if name and (name in self.universe or not _LABEL.fullmatch(name)):
            raise InvalidQueryError(f"a search cannot be called {name!r}; take a word that is no dimension")

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
        """Return what names mean."""
        named = [name for name in self.data_id if name in self.universe and self.universe[name].is_dimension]
        group = self.own | self.universe.conform(named)
        own = self.result if isinstance(self.result, Element) else None
        return Scope(group, self.named, own=own, known=self.dataset_types)

    def conditions(self) -> Predicate:
        """Return what the data ID asks for, as a condition."""
        scope = self.scope()
        given = {name: value for name, value in self.data_id.items() if value is not None}
        return bound.all_of([_equality(scope, name, value) for name, value in given.items()])

    def value(self, what: str | Term, binds: Mapping[str, object]) -> Value:
        """Bind one value, as text or object.

        Raises
        ------
        InvalidQueryError
            If it is none, or not determined by what is joined.
        """
        if isinstance(what, Term):
            return self.bound(what.node, unparse(what.node), binds)
        node = parse(what) if isinstance(what, str) else None
        if node is None:
            raise InvalidQueryError(f"a value is given as text or as a term of bunter.query.x, not as {what!r}")
        return self.bound(node, what, binds)

    def bound(self, node: Node, text: str, binds: Mapping[str, object], use: str = "so rows cannot show it") -> Value:
        """Bind a value's syntax; see `value`."""
        binder = Binder(self.scope(), binds, text)
        value = binder.value(node)
        needed = bound.dimensions_of(value, self.universe)
        if not needed <= self.own:
            binder.fail(f"{text.strip()} is not determined by {self.own!r}, {use}", node)
        return value

    def order(self, each: str | Order | Term) -> tuple[Node, str, bool]:
        """Read what to sort by: a value's syntax, its text, and whether ascending."""
        if isinstance(each, Order):
            return each.node, unparse(each.node), each.ascending
        if isinstance(each, Term):
            return each.node, unparse(each.node), True
        if not isinstance(each, str):
            raise InvalidQueryError(f"order_by takes names, such as '-visit', not {each!r}")
        ascending = not each.lstrip().startswith("-")
        text = each if ascending else each.replace("-", " ", 1)
        node = parse(text)
        if node is None:
            raise InvalidQueryError("order_by has an empty name in it")
        return node, text, ascending

    def ordered(self, each: str | Order | Term, binds: Mapping[str, object]) -> tuple[Value, bool]:
        """Bind what to sort by."""
        node, text, ascending = self.order(each)
        value = self.bound(node, text, binds, "so rows cannot be sorted by it")
        if value.kind in {"region", "timespan"}:
            message = f"{text.strip()} is a {value.kind} and has no order; sort by its begin or end"
            Binder(self.scope(), binds, text).fail(message, node)
        return value, ascending


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

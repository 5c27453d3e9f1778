"""Bound conditions over NumPy arrays: what SQL would answer, without a database."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bunter.errors import InvalidQueryError
from bunter.query import bound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from bunter.query.bound import Column, Predicate, TimespanBound, Value

__all__ = ["evaluate"]


def evaluate(
    predicate: Predicate, columns: Mapping[Column | TimespanBound, Any], *, rows: int | None = None
) -> NDArray[Any]:
    """Return for which rows a condition is true; where it is false or null the answer is false.

    Parameters
    ----------
    predicate : Predicate
        The condition.
    columns : mapping of column to array
        An array of N values for each column that the condition reads. Timespans come as two columns of int64 under their
        `TimespanBound` nodes; regions, uuids and bytes as object arrays of bytes. Nulls are masked, or None in object arrays,
        or NaN in arrays of floats. Header cards and metadata come under their `HeaderColumn` of kind ``any``, as objects of
        JSON's types.
    rows : int, optional
        N, where the condition reads no columns.

    Returns
    -------
    (N,) bool
        Logic is three-valued, as in SQL.

    Raises
    ------
    InvalidQueryError
        If a column is missing.

    Notes
    -----
    Sums and products beyond 64 bits wrap around.
    """
    import numpy as np

    if rows is None:
        rows = next((len(array) for array in columns.values()), 0)
    answer = _Evaluation(columns).truth(predicate)
    return np.broadcast_to(np.asarray(answer.true, dtype=bool), (rows,)).copy()


class _Truth(NamedTuple):
    """Where a condition is true and where it is false; null elsewhere."""

    true: Any
    false: Any


class _Values(NamedTuple):
    """Values and where they are null (values there are arbitrary)."""

    array: Any
    null: Any


_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Evaluation:
    def __init__(self, columns: Mapping[Any, Any]) -> None:
        import numpy as np

        self.np, self.columns = np, columns
        self.cache: dict[Any, _Values] = {}

    # Conditions.

    def truth(self, node: Predicate) -> _Truth:  # noqa: C901, PLR0911 - one line per kind
        match node:
            case bound.And(terms) | bound.Or(terms):
                return self.junction(node, [self.truth(term) for term in terms])
            case bound.Not(term):
                true, false = self.truth(term)
                return _Truth(false, true)
            case bound.Comparison(
                sign, bound.HeaderColumn(kind="any") as left, bound.HeaderColumn(kind="any") as right
            ):
                return self.typewise(sign, left, right)
            case bound.Comparison(sign, left, right):
                return self.compared(_COMPARISONS[sign], self.values(left), self.values(right))
            case bound.Membership():
                values = self.values(node.value)
                return self.decided(self.members(node, values.array), values.null)
            case bound.Like():
                return self.like(node)
            case bound.IsNull(value):
                asked = self.bounds(value)[0] if value.kind == "timespan" else self.values(value)
                null = self.np.asarray(asked.null)
                return _Truth(null, ~null)
            case bound.BoolTest(value):
                values = self.values(value)
                return self.decided(self.np.asarray(values.array).astype(bool), values.null)
            case bound.TimespanOverlap(left, right):
                return self.spans(self.bounds(left), self.bounds(right))
            case bound.RegionOverlap(left, right):
                return self.regions(self.values(left), self.values(right))
            case bound.Beyond():
                return self.beyond(node)
            case bound.Always(value):
                return _Truth(self.np.bool_(value), self.np.bool_(not value))

    def junction(self, node: bound.And | bound.Or, terms: list[_Truth]) -> _Truth:
        true, false = terms[0]
        for term in terms[1:]:
            if isinstance(node, bound.And):
                true, false = true & term.true, false | term.false
            else:
                true, false = true | term.true, false & term.false
        return _Truth(true, false)

    def decided(self, true: Any, null: Any) -> _Truth:
        true = self.np.asarray(true, dtype=bool)
        known = ~self.np.asarray(null)
        return _Truth(true & known, ~true & known)

    def compared(self, test: Callable[[Any, Any], Any], left: _Values, right: _Values) -> _Truth:
        return self.decided(test(left.array, right.array), left.null | right.null)

    def typewise(self, sign: str, left: bound.HeaderColumn, right: bound.HeaderColumn) -> _Truth:
        """Numbers beside numbers, text beside text, and true or false where equality is asked for."""
        kinds: tuple[bound.Kind, ...] = ("int", "str", "bool") if sign in {"=", "!="} else ("int", "str")
        pairs = [(replace(left, kind=kind), replace(right, kind=kind)) for kind in kinds]
        found = [self.compared(_COMPARISONS[sign], *map(self.values, pair)) for pair in pairs]
        true = self.np.logical_or.reduce([each.true for each in found])
        return _Truth(true, self.np.logical_or.reduce([each.false for each in found]))

    def beyond(self, node: bound.Beyond) -> _Truth:
        after: Any = self.np.bool_(False)
        for value, constant in reversed(list(zip(node.values, node.constants, strict=True))):
            values = self.values(value)
            after = (values.array > constant) | ((values.array == constant) & after)
        return self.decided(after, self.np.bool_(False))

    def members(self, node: bound.Membership, array: Any) -> Any:
        np = self.np
        array = np.asarray(array)
        if array.dtype.kind == "O":
            wanted = frozenset(node.constants)
            found = np.fromiter((value in wanted for value in array.flat), bool, array.size).reshape(array.shape)
        else:
            found = np.isin(array, np.array(node.constants)) if node.constants else np.zeros(array.shape, bool)
        for begin, end, stride in node.ranges:
            found |= (array >= begin) & (array <= end) & (array % stride == begin % stride)
        return found

    def like(self, node: bound.Like) -> _Truth:
        from bunter.query.patterns import matcher

        matches = matcher(node)
        values = self.values(node.value)
        texts, places = self.np.unique(self.np.asarray(values.array, dtype=str), return_inverse=True)
        found = self.np.array([matches(str(text)) for text in texts], dtype=bool)
        return self.decided(found[places], values.null)

    def bounds(self, value: Value) -> tuple[_Values, _Values]:
        if isinstance(value, bound.Constant):
            begin, end = value.value if isinstance(value.value, tuple) else (value.value, value.value)
            return self.constant(begin), self.constant(end)
        return self.values(bound.TimespanBound(value, "begin")), self.values(bound.TimespanBound(value, "end"))

    def spans(self, left: tuple[_Values, _Values], right: tuple[_Values, _Values]) -> _Truth:
        before = self.compared(operator.lt, left[0], right[1])
        after = self.compared(operator.lt, right[0], left[1])
        return _Truth(before.true & after.true, before.false | after.false)

    def regions(self, left: _Values, right: _Values) -> _Truth:
        np = self.np
        a, b = np.broadcast_arrays(np.asarray(left.array, object), np.asarray(right.array, object))
        null = np.broadcast_to(left.null | right.null, a.shape)
        found = np.zeros(a.shape, bool)
        known = np.flatnonzero(~null)
        answers = _overlaps(list(zip(a.flat, b.flat, strict=True)), known)
        found.flat[known] = answers
        return self.decided(found, null)

    # Values.

    def values(self, node: Value) -> _Values:
        found = self.cache.get(node)
        if found is None:
            found = self.cache[node] = self.computed(node)
        return found

    def computed(self, node: Value) -> _Values:
        match node:
            case bound.Constant(value):
                return self.constant(value)
            case bound.Arithmetic():
                return self.arithmetic(node, self.values(node.left), self.values(node.right))
            case bound.Negative(value):
                values = self.values(value)
                return _Values(-values.array, values.null)
            case bound.TimespanBound(bound.Constant(value=(begin, end)), which):
                return self.constant(begin if which == "begin" else end)
            case _:
                return self.column(node)

    def constant(self, value: object) -> _Values:
        null = self.np.bool_(value is None)
        if isinstance(value, bytes):
            array = self.np.empty((), dtype=object)
            array[()] = value
            return _Values(array, null)
        return _Values(0 if value is None else value, null)

    def column(self, node: bound.Column | TimespanBound | bound.OutputColumn) -> _Values:
        np = self.np
        if isinstance(node, bound.HeaderColumn):
            return self.annotation(node)
        if node not in self.columns:
            raise InvalidQueryError(f"there are no values for {node}")
        array = self.columns[node]
        null = np.ma.getmaskarray(array) if isinstance(array, np.ma.MaskedArray) else np.zeros(len(array), bool)
        array = np.asarray(np.ma.getdata(array))
        if array.dtype.kind == "f":
            null = null | np.isnan(array)
        if array.dtype.kind == "O":
            null = null | np.fromiter((value is None for value in array), bool, len(array))
            array = _filled(array, null, node.kind)
        return _Values(array, null)

    def annotation(self, node: bound.HeaderColumn) -> _Values:
        """Values of the type that is asked for; those of other types, and None, are null."""
        np = self.np
        whole = replace(node, kind="any")
        if whole not in self.columns:
            raise InvalidQueryError(f"there are no values for {whole}")
        values = list(self.columns[whole])
        kinds = _JSON_TYPES[node.kind]
        null = np.array(
            [not isinstance(v, kinds) or (isinstance(v, bool) and node.kind != "bool") for v in values], bool
        )
        if node.kind == "any":
            null = np.array([value is None for value in values], bool)
        array = np.empty(len(values), object)
        array[:] = [_FILL.get(node.kind, 0) if gone else value for value, gone in zip(values, null, strict=True)]
        return _Values(array.astype(float) if node.kind == "float" else array, null)

    def arithmetic(self, node: bound.Arithmetic, left: _Values, right: _Values) -> _Values:
        np, sign = self.np, node.op
        a, b, null = left.array, right.array, left.null | right.null
        if sign in {"/", "%"}:
            zero = np.asarray(b) == 0
            null, b = null | zero, np.where(zero, 1, b)
        with np.errstate(all="ignore"):
            array = _QUOTIENTS[sign](np, a, b, node.kind) if sign in _QUOTIENTS else _SUMS[sign](a, b)
        if node.kind == "float":
            array = np.asarray(array, float)
            null = null | np.isnan(array)
        return _Values(array, null)


_SUMS: Final[dict[str, Callable[[Any, Any], Any]]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def _quotient(np: Any, a: Any, b: Any, kind: str) -> Any:
    if kind == "float":
        return np.true_divide(a, b)
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


def _remainder(np: Any, a: Any, b: Any, kind: str) -> Any:
    return np.fmod(a, b) if kind == "float" else a - b * _quotient(np, a, b, kind)


_QUOTIENTS: Final[dict[str, Callable[[Any, Any, Any, str], Any]]] = {"/": _quotient, "%": _remainder}
_JSON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "int": (int, float),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "any": (object,),
}
_FILL: Final[dict[str, object]] = {"int": 0, "time": 0, "float": 0.0, "bool": False, "str": ""}


def _filled(array: Any, null: Any, kind: str) -> Any:
    """Values of an object array with something of the right type where they are null."""
    import numpy as np

    if kind not in _FILL:
        return array
    filled = array.copy()
    filled[null] = _FILL[kind]
    return filled if kind == "str" else filled.astype({"time": np.int64, "int": np.int64}.get(kind, kind))


def _overlaps(pairs: list[tuple[bytes, bytes]], places: Any) -> list[bool]:
    """Exact overlap of the pairs at these places; each region is decoded once, each pair tested once."""
    from bunter.geometry import Region

    decoded: dict[bytes, Region] = {}
    answers: dict[tuple[bytes, bytes], bool] = {}
    for place in places:
        pair = pairs[place]
        if pair not in answers:
            left, right = (decoded.setdefault(each, Region.decode(each)) for each in pair)
            answers[pair] = left.overlaps(right)
    return [answers[pairs[place]] for place in places]

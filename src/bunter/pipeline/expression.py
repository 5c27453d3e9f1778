"""Expressions over configurations, evaluated without running code.

Names, literals, comparisons, ``and``, ``or``, ``not``, ``x if y else z``, arithmetic and ``len``.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, Final

from bunter.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Evaluator"]

_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_LONGEST = 2000


class Evaluator:
    """Evaluates an expression; dotted names are looked up by the caller.

    Parameters
    ----------
    look_up : callable
        Returns the value of a dotted name, given as text.
    """

    def __init__(self, look_up: Callable[[str], Any]) -> None:
        self._look_up = look_up
        self._kinds: dict[type[ast.expr], Callable[[Any], Any]] = {
            ast.Constant: lambda node: node.value,
            ast.Attribute: self._named,
            ast.Name: self._named,
            ast.BoolOp: self._boolean,
            ast.UnaryOp: self._unary,
            ast.Compare: self._comparison,
            ast.BinOp: self._arithmetic,
            ast.Tuple: self._list,
            ast.List: self._list,
            ast.Set: self._list,
            ast.IfExp: self._choice,
            ast.Call: self._call,
        }

    def evaluate(self, text: str) -> Any:
        """Return the value of an expression.

        Raises
        ------
        PipelineError
            If it is none, or does what is not allowed.
        """
        try:
            if len(text) > _LONGEST:
                raise PipelineError(f"longer than {_LONGEST} characters")
            return self._value(ast.parse(text.strip(), mode="eval").body)
        except SyntaxError as error:
            raise PipelineError(f"this is no expression: {error.msg}") from error
        except RecursionError as error:
            raise PipelineError("nested too deep") from error
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            raise PipelineError(f"cannot be evaluated: {error}") from error

    def _value(self, node: ast.expr) -> Any:
        evaluate = self._kinds.get(type(node))
        if evaluate is None:
            raise _refused(node)
        return evaluate(node)

    def _unary(self, node: ast.UnaryOp) -> Any:
        if type(node.op) not in _UNARY:
            raise _refused(node)
        return _UNARY[type(node.op)](self._value(node.operand))

    def _choice(self, node: ast.IfExp) -> Any:
        return self._value(node.body if self._value(node.test) else node.orelse)

    def _call(self, node: ast.Call) -> int:
        if ast.unparse(node.func) != "len" or len(node.args) != 1 or node.keywords:
            raise _refused(node)
        return len(self._value(node.args[0]))

    def _list(self, node: ast.Tuple | ast.List | ast.Set) -> list[Any]:
        return [self._value(one) for one in node.elts]

    def _boolean(self, node: ast.BoolOp) -> Any:
        wanted = isinstance(node.op, ast.Or)
        value: Any = None
        for one in node.values:
            value = self._value(one)
            if bool(value) is wanted:
                break
        return value

    def _comparison(self, node: ast.Compare) -> bool:
        left = self._value(node.left)
        for comparison, one in zip(node.ops, node.comparators, strict=True):
            right = self._value(one)
            if not _COMPARE[type(comparison)](left, right):
                return False
            left = right
        return True

    def _arithmetic(self, node: ast.BinOp) -> Any:
        if type(node.op) not in _ARITHMETIC:
            raise _refused(node)
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(node.op, ast.Mult | ast.Mod) and not all(isinstance(one, int | float) for one in (left, right)):
            raise PipelineError(f"{ast.unparse(node)!r} needs two numbers")
        return _ARITHMETIC[type(node.op)](left, right)

    def _named(self, node: ast.Attribute | ast.Name) -> Any:
        return self._look_up(ast.unparse(node))


def _refused(node: ast.expr) -> PipelineError:
    return PipelineError(
        f"{ast.unparse(node)!r} is not allowed; write label.field, literals, comparisons, and, or, not, arithmetic, len"
    )

"""Contracts: expressions over the tasks' configurations that must hold, evaluated without running code.

``measure.threshold >= 3``, ``isr.connections.exposure == measure.connections.exposure``, ``not isr.do_flat or
warp.scale in (1, 2)``: names of tasks and fields, literals, comparisons, ``and``, ``or``, ``not``, arithmetic and
``len``. A contract about a task that the pipeline does not have says nothing.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any, Final

from bunter.errors import PipelineError, near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bunter.pipeline.document import Contract
    from bunter.pipeline.task_node import TaskNode

__all__ = ["check_contracts", "with_labels"]

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
# How contracts of the reference system ask for the name that a connection has once its templates are filled in.
_OLD_CONNECTION: Final = re.compile(r"^(\w+\.connections)\.ConnectionsClass\(config=\w+\)(\.\w+)\.name$")


class _AbsentTask(Exception):  # noqa: N818 - never leaves this module
    """The contract speaks of a task that is not there."""


def check_contracts(contracts: Iterable[Contract], tasks: Iterable[TaskNode]) -> None:
    """Refuse a pipeline whose contracts do not hold.

    Parameters
    ----------
    contracts : iterable of Contract
        As written.
    tasks : iterable of TaskNode
        The tasks that are left.

    Raises
    ------
    PipelineError
        With the contract's place, what it means and the values that break it.
    """
    by_label = {task.label: task for task in tasks}
    for contract in contracts:
        reader = _Reader(by_label)
        try:
            holds = reader.evaluate(contract.expression)
        except _AbsentTask:
            continue
        except PipelineError as error:
            raise contract.source.error(f"contract {contract.expression!r}: {error.args[0]}") from error
        if not holds:
            values = ", ".join(f"{name} is {value!r}" for name, value in reader.used.items())
            meaning = f": {contract.message}" if contract.message else ""
            raise contract.source.error(f"contract {contract.expression!r} does not hold{meaning} ({values})")


def with_labels(expression: str, names: Mapping[str, str]) -> str:
    """Return a contract's expression with other labels; one that cannot be read is left as it is, and refused later."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return expression
    changed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and names.get(node.id, node.id) != node.id:
            node.id, changed = names[node.id], True
    return ast.unparse(tree) if changed else expression


class _Reader:
    """Evaluates one expression and remembers the configuration values that it looked at."""

    def __init__(self, tasks: Mapping[str, TaskNode]) -> None:
        self.tasks = tasks
        self.used: dict[str, Any] = {}
        self._kinds: dict[type[ast.expr], Callable[[Any], Any]] = {
            ast.Constant: lambda node: node.value,
            ast.Attribute: self._field,
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
        """Return the value of an expression."""
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

    def _field(self, node: ast.Attribute) -> Any:
        """Return the value of ``label.field.field``; ``label.connections.name`` is the name of the dataset type."""
        label, *path = _OLD_CONNECTION.sub(r"\1\2", ast.unparse(node)).split(".")
        if label not in self.tasks:
            raise _AbsentTask(label)
        task = self.tasks[label]
        if path[0] == "connections" and len(path) > 1:
            one = task.connection(path[1])
            value: Any = one.dataset_type if one.component is None else f"{one.dataset_type}.{one.component}"
            path = path[:2]
        else:
            value = _look_up(task.config_dict, label, path)
        self.used[".".join([label, *path])] = value
        return value


def _refused(node: ast.expr) -> PipelineError:
    return PipelineError(
        f"{ast.unparse(node)!r} is not allowed; write label.field, literals, comparisons, and, or, not, arithmetic, len"
    )


def _look_up(values: Any, label: str, path: list[str]) -> Any:
    for depth, name in enumerate(path):
        if not isinstance(values, dict) or name not in values:
            known = values if isinstance(values, dict) else ()
            raise PipelineError(
                f"task {label!r} has no configuration field {'.'.join(path[: depth + 1])!r}{near(name, known)}"
            )
        values = values[name]
    return values

"""Contracts: expressions over the tasks' configurations that must hold, evaluated without running code.

``measure.threshold >= 3``, ``isr.connections.exposure == measure.connections.exposure``, ``not isr.do_flat or
warp.scale in (1, 2)``: names of tasks and fields, literals, comparisons, ``and``, ``or``, ``not``, arithmetic and
``len``. A contract about a task that the pipeline does not have says nothing.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Final

from bunter.errors import PipelineError, near
from bunter.pipeline.expression import Evaluator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.pipeline.document import Contract
    from bunter.pipeline.task_node import TaskNode

__all__ = ["check_contracts", "names_in", "with_labels"]

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
            holds = Evaluator(reader.look_up).evaluate(contract.expression)
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


def names_in(expression: str) -> set[str]:
    """Return the names that a contract's expression begins from: the labels of its tasks; none if it cannot be read."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


class _Reader:
    """Looks up configuration values and remembers them."""

    def __init__(self, tasks: Mapping[str, TaskNode]) -> None:
        self.tasks = tasks
        self.used: dict[str, Any] = {}

    def look_up(self, name: str) -> Any:
        """Return the value of ``label.field.field``; ``label.connections.name`` is the name of the dataset type."""
        label, *path = _OLD_CONNECTION.sub(r"\1\2", name).split(".")
        if not path:
            raise PipelineError(f"{name!r} is not allowed; write label.field")
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


def _look_up(values: Any, label: str, path: list[str]) -> Any:
    for depth, name in enumerate(path):
        if not isinstance(values, dict) or name not in values:
            known = values if isinstance(values, dict) else ()
            raise PipelineError(
                f"task {label!r} has no configuration field {'.'.join(path[: depth + 1])!r}{near(name, known)}"
            )
        values = values[name]
    return values

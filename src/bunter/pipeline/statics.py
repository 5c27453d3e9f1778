"""Reading a task's connections from its source text: nothing is imported, nothing is run.

Enough for drawings. What is written as literals, names of module constants and tuples of them is understood, in classes
and their bases, also across modules; what a class computes is not, and the task counts as unknown.
"""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bunter.errors import ButlerError, PipelineError
from bunter.pipeline.connections import Declaration, InitInput, InitOutput, Input, Output, PrerequisiteInput
from bunter.pipeline.expression import Evaluator
from bunter.pipeline.importing import find_module_file
from bunter.pipeline.overrides import spell_out
from bunter.pipeline.trust import split_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bunter.pipeline.document import Assignment, TaskEntry
    from bunter.pipeline.pipeline import Pipeline
    from bunter.pipeline.wiring import Wiring

__all__ = ["StaticTask", "read_tasks", "wiring_of"]

_KINDS = {kind.__name__: kind for kind in (InitInput, InitOutput, Input, Output, PrerequisiteInput)}
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class StaticTask:
    """What the source text of a task tells.

    Parameters
    ----------
    known : bool
        Whether the connections could be read.
    dimensions : tuple of str
        Dimensions of the task.
    connections : tuple of Declaration
        With the names that the pipeline gives them.
    names : tuple of str
        Names of the connections within the task.
    """

    known: bool
    dimensions: tuple[str, ...] = ()
    connections: tuple[Declaration, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the dataset types that the task reads."""
        return tuple(one.name for one in self.connections if one.is_input)

    @property
    def writes(self) -> tuple[str, ...]:
        """Names of the dataset types that the task writes."""
        return tuple(one.name for one in self.connections if not one.is_input)


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """The text computes what a drawing wants to know."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A piece of a module's text."""

    module: _Module
    node: ast.AST


class _Module:
    """A module's text and the names at its top level."""

    def __init__(self, path: Path, name: str) -> None:
        self.name, self.is_package = name, path.name == "__init__.py"
        self.names: dict[str, ast.AST] = {}
        self.brought: dict[str, tuple[str, str]] = {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            self._enter(node)

    def _enter(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            self.names[node.name] = node
        elif isinstance(node, ast.Assign):
            self.names |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            self.names[node.target.id] = node.value
        elif isinstance(node, ast.ImportFrom):
            self.brought |= {one.asname or one.name: (self._absolute(node), one.name) for one in node.names}

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        kept = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*kept, *([node.module] if node.module else [])])

    def find(self, name: str, depth: int = 0) -> _Place:
        """Return what a name means, here or where it is imported from."""
        if name in self.names:
            return _Place(self, self.names[name])
        if name in self.brought and depth < _DEEPEST:
            module, original = self.brought[name]
            return _module(module).find(original, depth + 1)
        raise _Unreadable(name)


@lru_cache(maxsize=256)
def _module(name: str) -> _Module:
    path = find_module_file(name)
    if path is None:
        raise _Unreadable(name)
    try:
        return _Module(path, name)
    except (OSError, SyntaxError, ValueError) as error:
        raise _Unreadable(name) from error


def _literal(place: _Place, depth: int = 0) -> Any:
    """Return the value of an expression of literals, module constants, tuples and stars."""
    node = place.node
    if depth > _DEEPEST:
        raise _Unreadable
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return _literal(place.module.find(node.id), depth + 1)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return tuple(item for one in node.elts for item in _items(place.module, one, depth))
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {
            _literal(_Place(place.module, k), depth + 1): _literal(_Place(place.module, v), depth + 1)
            for k, v in pairs
            if k
        }
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _literal(_Place(place.module, node.left), depth + 1) + _literal(
            _Place(place.module, node.right), depth + 1
        )
    raise _Unreadable


def _items(module: _Module, node: ast.expr, depth: int) -> tuple[Any, ...]:
    if isinstance(node, ast.Starred):
        return tuple(_literal(_Place(module, node.value), depth + 1))
    return (_literal(_Place(module, node), depth + 1),)


def _called(node: ast.AST) -> str:
    """Return the last name of what is called, such as ``Input`` in ``pipeline.Input(...)``."""
    function = node.func if isinstance(node, ast.Call) else node
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _declaration(module: _Module, node: ast.Call) -> Declaration:
    positional = [_literal(_Place(module, one)) for one in node.args]
    named = {one.arg: _literal(_Place(module, one.value)) for one in node.keywords if one.arg}
    return _KINDS[_called(node)](*positional, **named)


def _is_declaration(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and _called(node) in _KINDS


def _assigned(node: ast.ClassDef) -> dict[str, ast.expr]:
    """Return what a class body assigns to names."""
    found: dict[str, ast.expr] = {}
    for one in node.body:
        if isinstance(one, ast.Assign):
            found |= {target.id: one.value for target in one.targets if isinstance(target, ast.Name)}
        elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.value:
            found[one.target.id] = one.value
    return found


def _lineage(place: _Place, depth: int = 0) -> list[tuple[_Module, ast.ClassDef]]:
    """Return a class and those of its bases that can be found, the class last."""
    if not isinstance(place.node, ast.ClassDef) or depth > _DEEPEST:
        raise _Unreadable
    found: list[tuple[_Module, ast.ClassDef]] = []
    for base in place.node.bases:
        name = _called(base.value if isinstance(base, ast.Subscript) else base)
        if name not in {"Connections", "PipelineTask", "TaskConfig", "Generic", ""}:
            found += _lineage(place.module.find(name), depth + 1)
    return [*found, (place.module, place.node)]


def _connections_of(place: _Place) -> tuple[tuple[str, ...], dict[str, Declaration], dict[str, str]]:
    """Return dimensions, declarations and templates of a class of connections."""
    dimensions: tuple[str, ...] = ()
    declared: dict[str, Declaration] = {}
    templates: dict[str, str] = {}
    for module, node in _lineage(place):
        if any(isinstance(one, ast.FunctionDef) and one.name == "adjust" for one in node.body):
            raise _Unreadable
        keywords = {one.arg: _Place(module, one.value) for one in node.keywords}
        dimensions = tuple(_literal(keywords["dimensions"])) if "dimensions" in keywords else dimensions
        templates |= _literal(keywords["templates"]) if "templates" in keywords else {}
        for name, value in _assigned(node).items():
            if isinstance(value, ast.Call) and _is_declaration(value):
                declared[name] = _declaration(module, value)
            elif isinstance(value, ast.Constant) and value.value is None:
                declared.pop(name, None)
    return dimensions, declared, templates


def _defaults_of(task: _Place) -> dict[str, Any]:
    """Return the defaults of the configuration's fields, as far as they are literal."""
    found: dict[str, Any] = {}
    for module, node in _config_lineage(task):
        for name, value in _assigned(node).items():
            try:
                found[name] = _literal(_Place(module, _default_of(value)))
            except _Unreadable:
                continue
    return found


def _default_of(value: ast.expr) -> ast.expr:
    """Return the default in ``Field(default, ...)`` or ``Field(default=...)``, or the value itself."""
    if not isinstance(value, ast.Call):
        return value
    named = [one.value for one in value.keywords if one.arg == "default"]
    return next(iter([*value.args, *named]), value)


def _config_lineage(task: _Place) -> list[tuple[_Module, ast.ClassDef]]:
    for module, node in reversed(_lineage(task)):
        named = _assigned(node).get("Config")
        bases = [base.slice for base in node.bases if isinstance(base, ast.Subscript)]
        for one in (*([named] if named else []), *bases):
            if isinstance(one, ast.Name) and one.id != "TaskConfig":
                return _lineage(module.find(one.id))
    return []


def _function_connections(place: _Place) -> tuple[tuple[str, ...], dict[str, Declaration], dict[str, Any]]:
    """Return dimensions, declarations and defaults of a function declared as a task."""
    node = place.node
    calls = [one for one in getattr(node, "decorator_list", ()) if isinstance(one, ast.Call) and _called(one) == "task"]
    if not calls or not isinstance(node, ast.FunctionDef):
        raise _Unreadable
    keywords = {one.arg: one.value for one in calls[0].keywords if one.arg}
    declared = {
        name: _declaration(place.module, value)
        for name, value in keywords.items()
        if isinstance(value, ast.Call) and _is_declaration(value)
    }
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    defaults = {one.arg: value.value for one, value in pairs if isinstance(value, ast.Constant)}
    return tuple(_literal(_Place(place.module, keywords["dimensions"]))), declared, defaults


def _read(entry: TaskEntry, parameters: Mapping[str, Any]) -> StaticTask:
    module_name, qualified = split_name(entry.class_name)
    place = _module(module_name).find(qualified)
    templates: dict[str, str] = {}
    if isinstance(place.node, ast.FunctionDef):
        dimensions, declared, values = _function_connections(place)
    else:
        module, named = next(
            (module, found)
            for module, node in reversed(_lineage(place))
            if (found := _assigned(node).get("Connections"))
        )
        dimensions, declared, templates = _connections_of(module.find(_called(named)))
        values = _defaults_of(place)
    told = _told(entry, parameters)
    values |= {name: value for name, value in told.items() if not name.startswith("connections.")}
    renames = {name.partition(".")[2]: value for name, value in told.items() if name.startswith("connections.")}
    words = {**templates, **{name: value for name, value in renames.items() if name in templates}}
    kept = {name: one for name, one in declared.items() if _exists(one, values)}
    named_anew = [replace(one, name=str(renames.get(name, one.name)).format_map(words)) for name, one in kept.items()]
    return StaticTask(known=True, dimensions=dimensions, connections=tuple(named_anew), names=tuple(kept))


def _exists(one: Declaration, values: Mapping[str, Any]) -> bool:
    """Whether a connection is there, as far as the values are known."""

    def look_up(name: str) -> Any:
        if name not in values:
            raise _Unreadable
        return values[name]

    try:
        return not one.when or bool(Evaluator(look_up).evaluate(one.when))
    except (_Unreadable, PipelineError):
        return True


def _told(entry: TaskEntry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the pipeline says about the task's configuration, by dotted name."""
    found: dict[str, Any] = {}
    for one in _spelled(entry):
        value = one.value
        if isinstance(value, str) and value.startswith("parameters."):
            name = value.removeprefix("parameters.")
            value = parameters[name].value if name in parameters else value
        if one.field == "connections" and isinstance(value, dict):
            found |= {f"connections.{name}": item for name, item in value.items()}
        else:
            found[one.field] = value
    return found


def _spelled(entry: TaskEntry) -> list[Assignment]:
    """Return what is told, without what stands in Python that cannot be read."""
    found: list[Assignment] = []
    for one in entry.assignments:
        with suppress(PipelineError):
            found += spell_out([one])
    return found


def wiring_of(tasks: Mapping[str, StaticTask]) -> Wiring:
    """Return which task reads and writes what."""
    from bunter.pipeline.wiring import Wiring

    return Wiring(
        {label: tuple(name.partition(".")[0] for name in task.reads) for label, task in tasks.items()},
        {label: task.writes for label, task in tasks.items()},
    )


def _in_order(task: StaticTask) -> StaticTask:
    """Write dimensions as the default universe orders them, if it has them."""
    from bunter.dimensions import Universe

    universe = Universe.default()
    try:
        return replace(
            task,
            dimensions=universe.conform(task.dimensions).required,
            connections=tuple(
                replace(one, dimensions=universe.conform(one.dimensions).required) for one in task.connections
            ),
        )
    except ButlerError:
        return task


def read_tasks(pipeline: Pipeline) -> dict[str, StaticTask]:
    """Return what the source texts of a pipeline's tasks tell, by label; unknown where they do not tell."""
    found = {}
    for label, entry in pipeline.entries().items():
        try:
            found[label] = _in_order(_read(entry, pipeline.parameters))
        except (_Unreadable, PipelineError, StopIteration, KeyError, TypeError, ValueError):
            found[label] = StaticTask(known=False)
    return found

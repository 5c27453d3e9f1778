"""Old configuration files in Python, read as data: their assignments are parsed, and no line of them is run.

Understood are assignments to ``config`` and what lies in it (dotted, or by key in brackets), names for parts of it, edits of lists
and mappings (``+=``, ``|=``, ``append``, ``extend``, ``add``, ``remove``, ``update``), ``retarget``, loops over literals, and ``load``
of other such files. What computes is refused with its line.
"""

from __future__ import annotations

import ast
import operator
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bunter.errors import PipelineError
from bunter.pipeline.document import Assignment, PythonText
from bunter.pipeline.located import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Edit", "read_overrides", "spell_out", "whole_file"]

_LARGEST = 1_000_000
_MOST = 20_000
_STEPS = 500_000
_LONGEST = 100_000
_GREATEST = 1e100
_DEEPEST_FILES = 10
_EDITS: Final[Mapping[str, str]] = {
    "append": "append", "add": "append", "extend": "extend", "remove": "remove", "discard": "remove", "update": "update",
}  # fmt: skip
_OPERATORS: Final[Mapping[type[ast.operator], str]] = {ast.Add: "extend", ast.BitOr: "union", ast.Sub: "without"}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_ROOT = "config"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of what a field holds already, where Python does not set it anew.

    Parameters
    ----------
    verb : str
        ``append``, ``extend``, ``union``, ``remove``, ``without`` or ``update``.
    value : object
        What is put in or taken out, as plain data.
    """

    verb: str
    value: Any

    def of(self, held: Any) -> Any:
        """Return what the field holds afterwards.

        Raises
        ------
        ValueError
            If the field holds neither list nor mapping.
        """
        if isinstance(held, dict) and isinstance(self.value, dict):
            return {**held, **self.value}
        if not isinstance(held, list | tuple | set | frozenset | None):
            raise ValueError(f"{self.verb} needs a list, and it holds {held!r}")  # noqa: TRY004 - becomes one sentence
        return self._of_list(list(held or ()))

    def _of_list(self, held: list[Any]) -> list[Any]:
        given = self.value if isinstance(self.value, list) and self.verb not in {"append", "remove"} else [self.value]
        if self.verb in {"remove", "without"}:
            return [one for one in held if one not in given]
        if self.verb in {"union", "update"}:
            return [*held, *(one for one in given if one not in held)]
        return [*held, *given]


@dataclass(frozen=True, slots=True)
class _Path:
    """A part of the configuration, as the parts of a dotted name."""

    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class _Class:
    """Something imported, by its dotted name."""

    name: str


def read_overrides(script: PythonText, prefix: tuple[str, ...] = (), depth: int = 0) -> list[Assignment]:
    """Return the assignments of a configuration file in Python, as data.

    Parameters
    ----------
    script : PythonText
        The statements.
    prefix : tuple of str
        Part of the configuration that ``config`` means in it.
    depth : int
        How many files load one another by now.

    Raises
    ------
    PipelineError
        With file and line of what is not understood.
    """
    if len(script.text) > _LARGEST or depth > _DEEPEST_FILES:
        raise PipelineError("too long, or files load each other too deep", file=script.file, line=script.line)
    try:
        tree = ast.parse(script.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = script.line + (getattr(error, "lineno", None) or 1) - 1
        raise PipelineError(f"this is no Python: {error}", file=script.file, line=line) from error
    reader = _Reader(script, prefix, depth)
    reader.follow(tree.body)
    return reader.found


def spell_out(assignments: Iterable[Assignment]) -> list[Assignment]:
    """Return assignments with those that stand in Python put in the place of the text."""
    spelled: list[Assignment] = []
    for one in assignments:
        spelled += read_overrides(one.value) if isinstance(one.value, PythonText) else [one]
    return spelled


class _Reader:
    """Follows the statements of one file."""

    def __init__(self, script: PythonText, prefix: tuple[str, ...], depth: int) -> None:
        self.script, self.depth = script, depth
        self.found: list[Assignment] = []
        self.steps = 0
        self.names: dict[str, Any] = {_ROOT: _Path(prefix), "__file__": script.file, "parameters": _Class("parameters")}
        self._kinds: dict[type[ast.stmt], Callable[[Any], None]] = {
            ast.Assign: self._assign, ast.AnnAssign: self._assign_one, ast.AugAssign: self._edit, ast.Expr: self._call,
            ast.For: self._loop, ast.Import: self._import, ast.ImportFrom: self._import_from,
            ast.Assert: lambda _: None, ast.Pass: lambda _: None,
        }  # fmt: skip

    def follow(self, statements: list[ast.stmt]) -> None:
        """Take up what the statements set."""
        for statement in statements:
            self._step(statement)
            if type(statement) not in self._kinds:
                raise self._refusal(statement)
            self._kinds[type(statement)](statement)

    def _step(self, node: ast.AST) -> None:
        """Refuse to go on for ever: loops in loops, and lists of lists."""
        self.steps += 1
        if self.steps > _STEPS:
            raise self._source(node).error("this configuration sets too much to be read")

    def _source(self, node: ast.AST) -> Source:
        return Source(self.script.file, self.script.line + getattr(node, "lineno", 1) - 1)

    def _refusal(self, node: ast.AST) -> PipelineError:
        text = ast.unparse(node).partition("\n")[0]
        return self._source(node).error(
            f"{text[:80]!r} computes, and Python in a configuration is read, not run; write the values as YAML"
        )

    def _set(self, path: _Path, value: Any, node: ast.AST) -> None:
        if not path.parts or len(self.found) >= _MOST:
            raise self._refusal(node)
        self.found.append(Assignment(str(path), value, self._source(node)))

    # Statements.

    def _assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._to(target, node.value, node)

    def _assign_one(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._to(node.target, node.value, node)

    def _to(self, target: ast.expr, value: ast.expr, node: ast.stmt) -> None:
        if isinstance(target, ast.Name) and target.id != _ROOT:
            self.names[target.id] = self._value(value)
            return
        path = self._path(target)
        if path is None:
            raise self._refusal(node)
        if path.parts[-1:] == ("target",):
            path = _Path((*path.parts[:-1], "kind"))
        self._set(path, self._plain(value), node)

    def _edit(self, node: ast.AugAssign) -> None:
        verb, path = _OPERATORS.get(type(node.op)), self._path(node.target)
        if path is not None and verb:
            self._set(path, Edit(verb, self._plain(node.value)), node)
        elif isinstance(node.target, ast.Name):
            self.names[node.target.id] = self._value(ast.BinOp(node.target, node.op, node.value))
        else:
            raise self._refusal(node)

    def _call(self, node: ast.Expr) -> None:
        call = node.value
        if isinstance(call, ast.Constant):
            return
        path = (
            self._path(call.func.value) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
        )
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or path is None:
            raise self._refusal(node)
        verb, given = call.func.attr, [*call.args, *(one.value for one in call.keywords)]
        if verb == "load" and len(given) == 1:
            self._load(path, self._plain(given[0]), node)
        elif verb == "retarget" and given:
            self._set(_Path((*path.parts, "kind")), self._plain(given[0]), node)
        elif verb in _EDITS and len(given) == 1 and call.args:
            self._set(path, Edit(_EDITS[verb], self._plain(given[0])), node)
        else:
            raise self._refusal(node)

    def _load(self, path: _Path, name: Any, node: ast.AST) -> None:
        place = Path(self.script.file).parent / os.path.expandvars(str(name))
        try:
            text = place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._source(node).error(f"there is no file {str(place)!r} to load") from error
        self.found += read_overrides(PythonText(text, str(place)), path.parts, self.depth + 1)

    def _loop(self, node: ast.For) -> None:
        for value in self._items(node.iter):
            if isinstance(node.target, ast.Name):
                self.names[node.target.id] = value
            elif isinstance(node.target, ast.Tuple) and isinstance(value, list | tuple):
                self.names |= dict(zip(map(ast.unparse, node.target.elts), value, strict=False))
            else:
                raise self._refusal(node)
            self.follow(node.body)

    def _items(self, node: ast.expr) -> list[Any]:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "items":
            held = self._value(node.func.value)
            return [list(pair) for pair in held.items()] if isinstance(held, dict) else []
        value = self._value(node)
        if not isinstance(value, list | dict):
            raise self._refusal(node)
        return list(value)

    def _import(self, node: ast.Import) -> None:
        for one in node.names:
            name = one.asname or one.name.partition(".")[0]
            self.names[name] = _Class(one.name if one.asname else name)

    def _import_from(self, node: ast.ImportFrom) -> None:
        for one in node.names:
            self.names[one.asname or one.name] = _Class(f"{node.module}.{one.name}")

    # Expressions.

    def _path(self, node: ast.expr) -> _Path | None:
        """Return the part of the configuration that an expression names, None for anything else."""
        if isinstance(node, ast.Name):
            held = self.names.get(node.id)
            return held if isinstance(held, _Path) else None
        if isinstance(node, ast.Attribute) and (path := self._path(node.value)):
            return path if node.attr in {"value", "active"} else _Path((*path.parts, node.attr))
        if isinstance(node, ast.Subscript) and (path := self._path(node.value)):
            return _Path((*path.parts, str(self._plain(node.slice))))
        return None

    def _plain(self, node: ast.expr) -> Any:
        """Return the value of an expression as plain data."""
        return self._data(self._value(node), node)

    def _data(self, value: Any, node: ast.expr) -> Any:
        self._step(node)
        if isinstance(value, _Path):
            raise self._refusal(node)
        if isinstance(value, _Class):
            return value.name
        if isinstance(value, list):
            return [self._data(one, node) for one in value]
        if isinstance(value, dict):
            return {str(key): self._data(one, node) for key, one in value.items()}
        return value

    def _value(self, node: ast.expr) -> Any:
        if (path := self._path(node)) is not None:
            return path
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bool | None):
            return node.value
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.names[node.id]
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return [self._value(one) for one in node.elts]
        if isinstance(node, ast.Dict) and None not in node.keys:
            return {self._plain(key): self._value(one) for key, one in zip(node.keys, node.values, strict=True) if key}
        return self._computed(node)

    def _computed(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Attribute) and isinstance(base := self._value(node.value), _Class):
            return _Class(f"{base.name}.{node.attr}")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            return self._signed(node)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return self._sum(node)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._piece(one) for one in node.values)
        if isinstance(node, ast.Call):
            return self._made(node)
        raise self._refusal(node)

    def _piece(self, node: ast.expr) -> str:
        plain = isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1
        return str(self._plain(node.value if plain and isinstance(node, ast.FormattedValue) else node))

    def _sum(self, node: ast.BinOp) -> Any:
        left, right = self._plain(node.left), self._plain(node.right)
        joined = isinstance(node.op, ast.Add) and type(left) is type(right) and isinstance(left, str | list)
        if joined and len(left) + len(right) <= _LONGEST:
            return left + right
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise self._refusal(node)
        try:
            found = _ARITHMETIC[type(node.op)](left, right)
        except (ZeroDivisionError, OverflowError):
            raise self._refusal(node) from None
        if abs(found) > _GREATEST:
            raise self._refusal(node)
        return found

    def _signed(self, node: ast.UnaryOp) -> Any:
        value = self._plain(node.operand)
        if not isinstance(value, int | float):
            raise self._refusal(node)
        return -value if isinstance(node.op, ast.USub) else value

    def _made(self, node: ast.Call) -> Any:
        """Return what a call makes: a path, a collection, or a part of a configuration from its keywords."""
        name = ast.unparse(node.func)
        if name in {"os.path.dirname", "os.path.abspath", "os.path.join", "os.path.expandvars"}:
            given = [str(self._plain(one)) for one in node.args]
            return getattr(os.path, name.rpartition(".")[2])(*given)
        if name in {"list", "tuple", "set", "frozenset", "sorted"} and len(node.args) <= 1:
            return list(self._value(node.args[0])) if node.args else []
        if name == "float" and len(node.args) == 1 and isinstance(text := self._plain(node.args[0]), str | int | float):
            return float(text)
        known = name == "dict" or isinstance(self.names.get(name.partition(".")[0]), _Class)
        if known and not node.args and all(one.arg for one in node.keywords):
            return {str(one.arg): self._value(one.value) for one in node.keywords}
        raise self._refusal(node)


def whole_file(path: Path, source: Source) -> Assignment:
    """Return the assignment that stands for a configuration file in Python."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise source.error(f"{path} is no text in UTF-8") from error
    return Assignment("file", PythonText(text, str(path), whole=True), source)

"""Making a task's configuration from assignments, so that every value knows who set it and every mistake its line."""

from __future__ import annotations

import copy
import types
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bunter.errors import PipelineError, near
from bunter.pipeline.choices import PluginChoice
from bunter.pipeline.config import TaskConfig, TaskPart, config_dict
from bunter.pipeline.overrides import Edit, spell_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.pipeline.document import Assignment, TaskEntry
    from bunter.pipeline.located import Source

__all__ = ["build_config", "sources_of"]

_PREFIX = "parameters."


def build_config(
    kind: type[TaskConfig], entry: TaskEntry, parameters: Mapping[str, Assignment] | None = None
) -> TaskConfig:
    """Make a configuration from what a pipeline says about a task.

    Parameters
    ----------
    kind : type[TaskConfig]
        Class of the configuration.
    entry : TaskEntry
        The labelled task; its assignments are applied in order.
    parameters : Mapping[str, Assignment], optional
        Values of ``parameters.NAME``.

    Raises
    ------
    PipelineError
        With the place of the offending value, for unknown fields, wrong values and missing ones.
    """
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    found: list[PipelineError] = []
    for one in spell_out(entry.assignments):
        try:
            value = _with_parameters(one.value, parameters or {}, one.source)
            for path, leaf in _leaves(kind, one.field.split("."), value, one.source, entry.label):
                _assign(kind, values, path, leaf, one.source)
                sources[".".join(path)] = one.source
        except PipelineError as error:
            found.append(error)
    try:
        config = kind.model_validate(values)
    except ValidationError as error:
        found += [_finding(one, kind, entry, sources) for one in error.errors(include_url=False)]
    if found:
        raise PipelineError.together(found)
    return config


def sources_of(
    kind: type[TaskConfig], entry: TaskEntry, parameters: Mapping[str, Assignment] | None = None
) -> dict[str, tuple[Any, str]]:
    """Return value and source of every field, by dotted name; the source of a default is ``"default"``."""
    config = build_config(kind, entry, parameters)
    told: dict[str, str] = {}
    for one in spell_out(entry.assignments):
        for path, leaf in _leaves(kind, one.field.split("."), one.value, one.source, entry.label):
            name = ".".join(path)
            parts = [f"{name}.{key}" for key in leaf] if isinstance(leaf, dict) else [f"{name}.kind"]
            told |= dict.fromkeys([name, *parts], str(one.source))
    return {name: (value, told.get(name, "default")) for name, value in _flat(config_dict(config), kind).items()}


def _flat(values: Mapping[str, Any], kind: type[BaseModel] | None, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = _nested(kind, name) if kind else None
        chosen = kind is not None and name in kind.model_fields and _is_chosen(kind, name)
        if isinstance(value, dict) and (inner is not None or chosen or prefix + name == "connections"):
            found |= _flat(value, inner, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _is_chosen(kind: type[BaseModel], name: str) -> bool:
    """Whether a field holds one of several kinds of part."""
    field = kind.model_fields[name]
    parts = [one for one in get_args(field.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
    return _choice(kind, name) is not None or (_is_union(field.annotation) and bool(parts))


def _with_parameters(value: Any, parameters: Mapping[str, Assignment], source: Source) -> Any:
    """Put the values of parameters where ``parameters.NAME`` stands."""
    if isinstance(value, dict):
        return {key: _with_parameters(item, parameters, source) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_parameters(item, parameters, source) for item in value]
    if not (isinstance(value, str) and value.startswith(_PREFIX)):
        return copy.copy(value)
    name = value.removeprefix(_PREFIX)
    if name not in parameters:
        offer = near(name, parameters) or f"; the pipeline has: {', '.join(parameters) or 'none'}"
        raise source.error(f"there is no parameter {name!r}{offer}")
    return copy.deepcopy(parameters[name].value)


def _nested(kind: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """Return the model that a field holds, if it holds one model."""
    if kind is None or name not in kind.model_fields or _choice(kind, name):
        return None
    annotation = kind.model_fields[name].annotation
    choices = [one for one in get_args(annotation) if one is not type(None)] if _is_union(annotation) else [annotation]
    only = choices[0] if len(choices) == 1 else None
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None


def _choice(kind: type[BaseModel], name: str) -> PluginChoice | None:
    """Return what says that a field holds one of several kinds, if anything does."""
    return next((one for one in kind.model_fields[name].metadata if isinstance(one, PluginChoice)), None)


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in {Union, types.UnionType}


def _leaves(
    kind: type[BaseModel], path: list[str], value: Any, source: Source, label: str
) -> Iterable[tuple[list[str], Any]]:
    """Return path and value of each field that is set: a mapping for a nested model is taken apart into its fields."""
    model = _model_at(kind, path, source, label)
    if isinstance(value, dict) and (model is not None or path == ["connections"]):
        return [leaf for name, item in value.items() for leaf in _leaves(kind, [*path, name], item, source, label)]
    return [(path, value)]


def _model_at(kind: type[BaseModel], path: list[str], source: Source, label: str) -> type[BaseModel] | None:
    """Return the model that a path leads to, None for a plain value; refuse a name that is no field."""
    model: type[BaseModel] | None = kind
    for depth, name in enumerate(path, start=1):
        if model is None:
            return None
        if name not in model.model_fields:
            raise source.error(_unknown(label, path[:depth], model))
        annotation = model.model_fields[name].annotation
        model = _nested(model, name)
        if model is None and depth < len(path) and not _takes_keys(annotation):
            raise source.error(f"{label}.{'.'.join(path[:depth])} has no fields of its own")
    return model


def _takes_keys(annotation: Any) -> bool:
    """Whether a field holds a mapping, a choice of models, or anything else whose parts have names."""
    is_part = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return is_part or annotation is Any or get_origin(annotation) is dict or annotation is dict or _is_union(annotation)


def _unknown(label: str, path: list[str], model: type[BaseModel]) -> str:
    known = sorted(model.model_fields)
    offer = near(path[-1], known) or f"; it has: {', '.join(known)}"
    within = f" in {'.'.join(path[:-1])!r}" if len(path) > 1 else ""
    return f"task {label!r} has no configuration field {path[-1]!r}{within}{offer}"


def _assign(kind: type[BaseModel], values: dict[str, Any], path: list[str], leaf: Any, source: Source) -> None:
    """Set a value deep inside; a part that is first touched starts from its default."""
    model: type[BaseModel] | None = kind
    for name in path[:-1]:
        if isinstance(values.get(name), str) and _nested(model, name) is None:
            values[name] = {"kind": values[name]}  # the short form of a choice, which now gets fields
        elif not isinstance(values.get(name), dict):
            values[name] = _default(model, name)
        values, model = values[name], _nested(model, name)
    if model is None and path[-1] in {"kind", "type", "name"} and values.get(path[-1], leaf) != leaf:
        values.clear()  # another choice of a tagged union: the fields of the former do not belong to it
    if isinstance(leaf, Edit):
        held = values[path[-1]] if path[-1] in values else _held(model, path[-1])
        try:
            leaf = leaf.of(held)
        except ValueError as error:
            raise source.error(f"{'.'.join(path)}: {error}") from error
    values[path[-1]] = leaf


def _held(model: type[BaseModel] | None, name: str) -> Any:
    """Return the plain default of a field, None where it has none."""
    field = model.model_fields.get(name) if model else None
    default = None if field is None or field.is_required() else field.get_default(call_default_factory=True)
    if not isinstance(default, BaseModel):
        return copy.deepcopy(default)
    choice = _choice(model, name) if model else None
    return choice.plain(default) if choice and isinstance(default, TaskPart) else default.model_dump()


def _default(model: type[BaseModel] | None, name: str) -> dict[str, Any]:
    default = _held(model, name)
    return default if isinstance(default, dict) else {}


def _finding(one: Any, kind: type[TaskConfig], entry: TaskEntry, sources: Mapping[str, Source]) -> PipelineError:
    path = [str(part) for part in one["loc"]]
    dotted = ".".join(path)
    if one["type"] == "missing":
        return entry.source.error(f"task {entry.label!r} needs a value for its configuration field {dotted!r}")
    prefixes = [".".join(path[:n]) for n in range(len(path), 0, -1)]
    place = next((sources[prefix] for prefix in prefixes if prefix in sources), None)
    place = place or next((at for name, at in sources.items() if name.startswith(f"{dotted}.")), entry.source)
    if one["type"] == "extra_forbidden":
        return place.error(_unknown(entry.label, path, kind))
    reason = one["msg"][:1].lower() + one["msg"][1:]
    given = f", not {one['input']!r}" if isinstance(one["input"], str | int | float | bool | list | None) else ""
    return place.error(f"{entry.label}.{dotted or 'config'}: {reason.removeprefix('value error, ')}{given}")

"""Configurations of tasks: validated, frozen, plain data when saved."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ConfigChange",
    "Field",
    "TaskConfig",
    "TaskPart",
    "config_dict",
    "config_diff",
    "config_hash",
    "config_schema",
]


class TaskPart(BaseModel):
    """A part of a configuration that several tasks can share; nested in a `TaskConfig`."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    def replace(self, **fields: Any) -> Self:
        """Return a copy with other values, validated as a whole.

        Raises
        ------
        pydantic.ValidationError
            If a field is unknown or a value does not fit.
        """
        return type(self).model_validate({**dict(self), **fields})


class TaskConfig(TaskPart):
    """The configuration of a task; subclass it and declare fields with `Field`.

    Unknown fields are refused and values are checked when a configuration is made; afterwards it does not change.

    Examples
    --------
    >>> class IsrConfig(TaskConfig):
    ...     saturation: float = Field(60000.0, gt=0, description="Level above which pixels are masked, adu.")
    >>> IsrConfig(saturation=50000).saturation
    50000.0
    """

    connections: dict[str, str] = Field(
        default_factory=dict, description="Dataset type names by connection name, and values of name templates."
    )


def config_dict(config: TaskPart) -> dict[str, Any]:
    """Return a configuration as plain data: what JSON and YAML can hold, every field included."""
    return config.model_dump(mode="json")


def config_hash(config: TaskPart | dict[str, Any]) -> str:
    """Return the SHA-256 of a configuration's plain data, as 64 hexadecimal digits.

    Equal for equal values, whatever the order in which they were set and on every machine.
    """
    plain = config_dict(config) if isinstance(config, TaskPart) else config
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class ConfigChange(NamedTuple):
    """One value that differs between two configurations; None stands for a field that one of them does not have."""

    field: str
    before: Any
    after: Any


def config_diff(before: TaskPart | dict[str, Any], after: TaskPart | dict[str, Any]) -> list[ConfigChange]:
    """Return the values that differ, by dotted name in alphabetical order; lists are compared as wholes.

    Parameters
    ----------
    before, after : TaskPart or dict
        Configurations, or their plain data as they are saved.
    """
    old, new = (
        {} if not one else _dotted(config_dict(one) if isinstance(one, TaskPart) else one) for one in (before, after)
    )
    return [
        ConfigChange(name, old.get(name), new.get(name))
        for name in sorted({**old, **new})
        if old.get(name) != new.get(name)
    ]


def _dotted(plain: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in plain.items():
        found |= _dotted(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {f"{prefix}{name}": value}
    return found


def config_schema(config: type[TaskPart]) -> dict[str, Any]:
    """Return the JSON schema of a configuration class, with descriptions, limits and defaults."""
    return config.model_json_schema()

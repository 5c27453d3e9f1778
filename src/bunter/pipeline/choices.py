"""A part of a configuration that is one of several kinds, provided by any installed package.

A field of type ``Annotated[TaskPart, PluginChoice("survey.detectors")]`` takes the name of an entry point in that group, or a mapping
whose ``kind`` is the name and whose other keys are the fields of the class behind it. Where all kinds are known, a tagged union of
pydantic says the same: ``Annotated[A | B, Field(discriminator="kind")]``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from bunter.errors import near
from bunter.pipeline.config import TaskPart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core.core_schema import CoreSchema

__all__ = ["PluginChoice", "provided"]

_KIND = "kind"


@cache
def _points(group: str) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def provided(group: str) -> tuple[str, ...]:
    """Return the names that installed packages provide in a group, in alphabetical order."""
    return tuple(sorted(_points(group)))


class PluginChoice:
    """Says that a field holds one of the kinds of part that entry points of a group provide.

    Parameters
    ----------
    group : str
        Name of the group of entry points; each leads to a subclass of `TaskPart`.

    Examples
    --------
    >>> from typing import Annotated
    >>> from bunter.pipeline import Field, TaskConfig, TaskPart
    >>> class DetectConfig(TaskConfig):
    ...     method: Annotated[TaskPart, PluginChoice("survey.detectors")] | None = Field(None, description="How.")
    """

    def __init__(self, group: str) -> None:
        self.group = group

    def __repr__(self) -> str:
        return f"PluginChoice({self.group!r})"

    def kind(self, name: str) -> type[TaskPart]:
        """Import and return the class of a kind.

        Raises
        ------
        ValueError
            If nothing installed provides it, or what it leads to is no part of a configuration.
        """
        if name not in _points(self.group):
            offer = near(name, provided(self.group)) or f"; there is: {', '.join(provided(self.group)) or 'none'}"
            raise ValueError(f"no installed package provides {name!r} in {self.group!r}{offer}")
        try:
            found = _points(self.group)[name].load()
        except Exception as error:
            raise ValueError(f"importing {name!r} of {self.group!r} fails: {error}") from error
        if not (isinstance(found, type) and issubclass(found, TaskPart)):
            raise ValueError(f"{name!r} of {self.group!r} is no TaskPart")  # noqa: TRY004 - pydantic's
        return found

    def name_of(self, part: TaskPart) -> str:
        """Return the name of the kind that a part is.

        Raises
        ------
        ValueError
            If no entry point of the group leads to its class.
        """
        place = f"{type(part).__module__}:{type(part).__qualname__}"
        for name, point in _points(self.group).items():
            if point.value.replace(" ", "") == place:
                return name
        raise ValueError(f"no installed package provides {type(part).__name__} in {self.group!r}")

    def part(self, value: Any) -> TaskPart:
        """Return the part that a name, a mapping or a part means."""
        if isinstance(value, TaskPart):
            self.name_of(value)
            return value
        told = {_KIND: value} if isinstance(value, str) else value
        if not isinstance(told, dict) or not isinstance(told.get(_KIND), str):
            names = ", ".join(provided(self.group)) or "none"
            raise ValueError(f"give a kind of {self.group!r} ({names}), or a mapping with 'kind'")  # noqa: TRY004 - pydantic's
        return self.kind(told[_KIND]).model_validate({key: one for key, one in told.items() if key != _KIND})

    def plain(self, part: TaskPart) -> dict[str, Any]:
        """Return a part as plain data, its kind first."""
        return {_KIND: self.name_of(part), **part.model_dump(mode="json")}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Tell pydantic how to read and write the field."""
        from pydantic_core import core_schema

        del source, handler
        return core_schema.no_info_plain_validator_function(
            self.part, serialization=core_schema.plain_serializer_function_ser_schema(self.plain)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema: one alternative for each kind that is installed."""
        del schema, handler
        return {"oneOf": [self._alternative(name) for name in provided(self.group)], "title": self.group}

    def _alternative(self, name: str) -> dict[str, Any]:
        schema = self.kind(name).model_json_schema()
        fields = {_KIND: {"const": name}, **schema.get("properties", {})}
        return {**schema, "properties": fields, "required": [_KIND, *schema.get("required", ())]}

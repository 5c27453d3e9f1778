"""YAML documents that people write, read into models with messages that name the place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from bunter import effects
from bunter.errors import ConfigurationError, near

if TYPE_CHECKING:
    from pathlib import Path

    import yaml
    from pydantic import BaseModel, ValidationError

    Model = TypeVar("Model", bound=BaseModel)

Error = TypeVar("Error", bound=Exception)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read the mapping in a YAML file; ConfigurationError if it cannot be read or is none."""
    import yaml

    from bunter import safe_yaml

    try:
        text = effects.read_bytes(path)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    try:
        content = safe_yaml.load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {_problem(error)}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} must hold a mapping of names to values")
    return content


def _problem(error: yaml.YAMLError) -> str:
    """Tell what a parser of YAML says, with the line but without its names for the stream."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{getattr(error, 'problem', None) or ' '.join(str(error).split())}"


def validated(model: type[Model], content: dict[str, Any], what: str, error: type[Exception]) -> Model:
    """Check a document against its model; the first problem becomes one sentence."""
    from pydantic import ValidationError

    try:
        return model.model_validate(content)
    except ValidationError as problems:
        raise error(f"{what}: {_sentence(problems, model)}") from problems


def _sentence(problems: ValidationError, model: type[BaseModel]) -> str:
    first = problems.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the document"
    more = f" (and {problems.error_count() - 1} more)" if problems.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        names = model.model_fields if len(first["loc"]) == 1 else {}
        return f"there is no setting {place!r}{near(str(first['loc'][-1]), names)}{more}"
    if first["type"] == "missing":
        return f"{place!r} is missing{more}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place!r}: {message[:1].lower()}{message[1:]}, not {_short(first['input'])}{more}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

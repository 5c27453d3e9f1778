"""A part of a task with its own configuration, log and metadata, which several tasks can share."""

from __future__ import annotations

import logging
from typing import Any, Generic, Protocol, TypeVar, get_args

from bunter.errors import PipelineError, near
from bunter.pipeline.config import TaskPart
from bunter.pipeline.timing import Timed

__all__ = ["Subtask", "subtask_of"]

P = TypeVar("P", bound=TaskPart)
_SUBTASKS: dict[type[Any], type[Subtask[Any]]] = {}


class _Owner(Protocol):
    """A task, or a subtask: what has a configuration, a log and metadata."""

    config: Any
    log: logging.Logger
    metadata: dict[str, Any]


class Subtask(Timed, Generic[P]):
    """A step within a task: a configuration and methods, no connections.

    A subclass names its configuration in brackets. The task that uses it has a field of that class and calls
    ``self.subtask("field")``; where the field is a choice of several classes, the value decides which subtask is made.

    Parameters
    ----------
    config : TaskPart
        Its part of the configuration.
    log : logging.Logger
        Logger, a child of its owner's.
    metadata : dict
        Its part of its owner's metadata.

    Examples
    --------
    >>> class Threshold(TaskPart):
    ...     sigma: float = 5.0
    >>> class DetectByThreshold(Subtask[Threshold]):
    ...     def run(self, pixels):
    ...         self.metadata["sigma"] = self.config.sigma
    ...         return [one for one in pixels if one > self.config.sigma]
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for written in vars(cls).get("__orig_bases__", ()):
            for argument in get_args(written):
                if isinstance(argument, type) and issubclass(argument, TaskPart):
                    _SUBTASKS[argument] = cls

    def __init__(self, config: P, *, log: logging.Logger | None = None, metadata: dict[str, Any] | None = None) -> None:
        self.config: P = config
        self.log = log or logging.getLogger(f"{type(self).__module__}.{type(self).__name__}")
        self.metadata: dict[str, Any] = {} if metadata is None else metadata

    def subtask(self, field: str) -> Subtask[Any]:
        """Return the subtask for a part of its own configuration."""
        return subtask_of(self, field)


def subtask_of(owner: _Owner, field: str) -> Subtask[Any]:
    """Return the subtask for a field of its owner's configuration; it logs and writes metadata under the field's name.

    Raises
    ------
    PipelineError
        If there is no such field, or no subtask is made for the class of its value.
    """
    fields = type(owner.config).model_fields
    if field not in fields:
        raise PipelineError(f"{type(owner).__name__} has no configuration field {field!r}{near(field, fields)}")
    config = getattr(owner.config, field)
    kind = next((_SUBTASKS[one] for one in type(config).__mro__ if one in _SUBTASKS), None)
    if kind is None:
        raise PipelineError(
            f"no subtask is made for {type(config).__name__}, which {type(owner).__name__}.{field} holds;"
            f" write 'class ...(Subtask[{type(config).__name__}])'"
        )
    return kind(config, log=owner.log.getChild(field), metadata=owner.metadata.setdefault(field, {}))

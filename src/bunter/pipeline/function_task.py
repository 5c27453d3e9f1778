"""A plain function as a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from bunter.errors import PipelineError, near
from bunter.pipeline.config import TaskConfig
from bunter.pipeline.connections import Connections, Declaration
from bunter.pipeline.pipeline_task import PipelineTask
from bunter.pipeline.struct import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FunctionTask", "task"]

F = TypeVar("F", bound=Callable[..., Any])


class FunctionTask(PipelineTask[TaskConfig]):
    """A task made from a function; see `task`."""

    function: ClassVar[Callable[..., Any]]
    settings: ClassVar[tuple[str, ...]]
    takes_data_id: ClassVar[bool]

    def run(self, *args: Any, **inputs: Any) -> Any:
        """Call the function with the inputs and the configuration's fields."""
        settings = {name: getattr(self.config, name) for name in self.settings}
        return type(self).function(*args, **inputs, **settings)

    def wants_data_id(self) -> bool:
        """Whether the function has a parameter ``data_id``."""
        return self.takes_data_id

    def results(self, returned: Any) -> dict[str, Any]:
        """Return results by output connection; a function with one output may return the object itself."""
        outputs = self.connections.of_kind("output")
        if len(outputs) == 1 and not isinstance(returned, Struct):
            return dict.fromkeys(outputs, returned)
        return super().results(returned)


def task(*, dimensions: Iterable[str], version: str | None = None, **connections: Declaration) -> Callable[[F], F]:
    """Make a task of a function; it stays an ordinary function and gets an attribute ``task`` with the task class.

    Parameters
    ----------
    dimensions : iterable of str
        Dimensions of the task.
    version : str, optional
        Version of the task where it is not that of its distribution.
    **connections : Declaration
        Connections by name. Inputs are named as the function's parameters; its other parameters, which need
        annotations, are the fields of the configuration. A parameter ``data_id`` gets the data ID of the quantum.

    Examples
    --------
    >>> @task(
    ...     dimensions=("instrument", "exposure", "detector"),
    ...     frame=Input("raw", "CCDData", dimensions=("instrument", "exposure", "detector")),
    ...     smooth=Output("smooth", "CCDData", dimensions=("instrument", "exposure", "detector")),
    ... )
    ... def smooth(frame, *, width: float = 2.0):
    ...     return frame
    >>> smooth.task.Config().width
    2.0

    Raises
    ------
    PipelineError
        If an input is no parameter of the function, or a setting lacks its annotation.
    """

    def declare(function: F) -> F:
        function.task = _task_class(function, tuple(dimensions), version, connections)  # type: ignore[attr-defined]
        return function

    return declare


def _task_class(
    function: Callable[..., Any], dimensions: tuple[str, ...], version: str | None, connections: dict[str, Declaration]
) -> type[FunctionTask]:
    name = getattr(function, "__name__", "function")
    parameters = inspect.signature(function, eval_str=True).parameters
    inputs = [key for key, declaration in connections.items() if declaration.is_input]
    for key in inputs:
        if key not in parameters:
            raise PipelineError(f"{name} has an input {key!r} but no such parameter{near(key, parameters)}")
    settings = {key: value for key, value in parameters.items() if key not in {*inputs, "data_id"}}
    namespace = {"__module__": function.__module__, "__doc__": function.__doc__}
    return type(
        name,
        (FunctionTask,),
        {
            **namespace,
            "function": staticmethod(function),
            "settings": tuple(settings),
            "takes_data_id": "data_id" in parameters,
            "version": version,
            "Config": _config_class(name, settings),
            "Connections": _connections_class(name, dimensions, connections),
        },
    )


def _connections_class(
    name: str, dimensions: tuple[str, ...], connections: dict[str, Declaration]
) -> type[Connections]:
    import types

    return types.new_class(
        f"{name}_connections", (Connections,), {"dimensions": dimensions}, lambda body: body.update(connections)
    )


def _config_class(name: str, settings: dict[str, inspect.Parameter]) -> type[TaskConfig]:
    from pydantic import create_model

    fields: dict[str, Any] = {}
    for key, parameter in settings.items():
        if parameter.annotation is parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
            raise PipelineError(
                f"{name} has a parameter {key!r} that is neither an input nor annotated; write '{key}: float = ...'"
            )
        fields[key] = (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
    return create_model(f"{name}_config", __base__=TaskConfig, **fields)

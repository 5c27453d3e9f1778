"""The task: a class with declared connections and a ``run`` that knows nothing of repositories."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args

from bunter.errors import PipelineError, QuantumError, near
from bunter.pipeline.config import TaskConfig
from bunter.pipeline.signals import PartialOutputsError
from bunter.pipeline.struct import Struct
from bunter.pipeline.timing import Timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.pipeline.connections import Connections as _Connections
    from bunter.pipeline.context import QuantumContext
    from bunter.pipeline.subtask import Subtask

__all__ = ["PipelineTask"]

C = TypeVar("C", bound=TaskConfig)


class PipelineTask(Timed, Generic[C]):
    """One step of a pipeline: declared connections, a configuration, and ``run``.

    Subclasses set ``Connections``, and ``Config`` if they have fields of their own, and write ``run(self, ...)``, whose
    parameters are named as the input connections and whose result names the outputs. ``run`` needs no butler, so a test
    or a notebook calls it directly.

    Parameters
    ----------
    config : TaskConfig or Mapping, optional
        Configuration; the defaults if left out.
    init_inputs : Mapping[str, object], optional
        What the InitInput connections hold, by connection name.
    log : logging.Logger, optional
        Logger; one named as the class by default.

    Attributes
    ----------
    config : TaskConfig
        The configuration, frozen.
    connections : Connections
        The connections that the configuration leaves.
    metadata : dict
        What the task writes about itself, as plain data; kept for every quantum.
    """

    Connections: ClassVar[type[_Connections]]
    Config: ClassVar[type[TaskConfig]] = TaskConfig
    version: ClassVar[str | None] = None
    """Version of the task where it is not that of its distribution."""
    resources: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """What its quanta may take: ``{"timeout": "10 min", "memory": "4 GB", "retries": 1}``; pipelines and commands may say otherwise."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "Config" not in vars(cls) and (declared := _config_of_bases(cls)):
            cls.Config = declared

    def __init__(
        self,
        config: C | Mapping[str, Any] | None = None,
        *,
        init_inputs: Mapping[str, Any] | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        if not hasattr(type(self), "Connections"):
            raise PipelineError(f"{type(self).__name__} declares no connections: set the class attribute 'Connections'")
        self.config: C = self._configuration(config)
        self.connections = self.Connections(self.config)
        self.init_inputs = dict(init_inputs or {})
        self.log = log or logging.getLogger(f"{type(self).__module__}.{type(self).__name__}")
        self.metadata: dict[str, Any] = {}

    def _configuration(self, config: Any) -> Any:
        if config is None or isinstance(config, Mapping):
            return _validated(self.Config, dict(config or {}), type(self).__name__)
        if not isinstance(config, self.Config):
            raise PipelineError(
                f"{type(self).__name__} takes a {self.Config.__name__} or a mapping, not a {type(config).__name__}"
            )
        return config

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.config if name != "connections" or value)
        return f"{type(self).__name__}({values})"

    def run(self, *args: Any, **inputs: Any) -> Any:
        """Do the work: objects in by input connection, a Struct or mapping out by output connection.

        A connection with ``multiple`` is a list, one with ``deferred`` a handle, an absent optional input None. A
        parameter ``data_id`` gets the data ID of the quantum.
        """
        del args, inputs  # the open signature lets subclasses name their inputs
        raise NotImplementedError(f"{type(self).__name__} has neither run nor run_quantum")

    def run_quantum(
        self, context: QuantumContext, inputs: Mapping[str, Sequence[Any]], outputs: Mapping[str, Sequence[Any]]
    ) -> None:
        """Read all inputs, call ``run``, write all outputs; override it to read or write with more care.

        Parameters
        ----------
        context : QuantumContext
            Reads and writes the datasets of this quantum.
        inputs, outputs : Mapping[str, Sequence]
            References by connection name; a connection without datasets has an empty sequence or is left out.
        """
        readable = self.connections.of_kind("input", "prerequisite")
        arguments = {name: context.load(declaration, inputs.get(name, ())) for name, declaration in readable.items()}
        if self.wants_data_id() and "data_id" not in readable:
            arguments["data_id"] = context.data_id
        try:
            returned = self.run(**arguments)
        except PartialOutputsError as flawed:
            self._store(context, flawed.outputs, outputs)
            raise
        self._store(context, returned, outputs)

    def _store(self, context: QuantumContext, returned: Any, outputs: Mapping[str, Sequence[Any]]) -> None:
        for name, value in self.results(returned).items():
            context.store(self.connections[name], value, outputs.get(name, ()))

    def results(self, returned: Any) -> dict[str, Any]:
        """Return what ``run`` gave by output connection, None for what it did not make.

        Raises
        ------
        QuantumError
            If it is neither Struct nor mapping, or names something that is no output.
        """
        named = returned.to_dict() if isinstance(returned, Struct) else returned
        if named is None:
            named = {}
        if not isinstance(named, Mapping):
            raise QuantumError(
                f"{type(self).__name__}.run returned a {type(returned).__name__}; return a Struct of its outputs"
            )
        known = self.connections.of_kind("output")
        for name in named:
            if name not in known:
                offer = near(name, known) or f"; its outputs are: {', '.join(known) or 'none'}"
                raise QuantumError(f"{type(self).__name__}.run returned {name!r}, which is no output of it{offer}")
        return {name: named.get(name) for name in known}

    def wants_data_id(self) -> bool:
        """Whether ``run`` has a parameter ``data_id``."""
        return _names_data_id(type(self).run)

    def subtask(self, field: str) -> Subtask[Any]:
        """Return the subtask for a field of the configuration; its log and metadata go under the field's name.

        Raises
        ------
        PipelineError
            If there is no such field, or no subtask is made for the class of its value.
        """
        from bunter.pipeline.subtask import subtask_of

        return subtask_of(self, field)


def _validated(kind: type[TaskConfig], values: dict[str, Any], task: str) -> Any:
    """Return the configuration; the first thing wrong with it becomes one sentence."""
    from pydantic import ValidationError

    try:
        return kind.model_validate(values)
    except ValidationError as problems:
        first = problems.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            hint = near(field, kind.model_fields) or f"; it has: {', '.join(kind.model_fields)}"
            raise PipelineError(f"{task} has no configuration field {field!r}{hint}") from problems
        message = first["msg"][:1].lower() + first["msg"][1:]
        raise PipelineError(f"{task}.{field}: {message}, not {first['input']!r}") from problems


@cache
def _names_data_id(run: Callable[..., Any]) -> bool:
    return "data_id" in inspect.signature(run).parameters


def _config_of_bases(cls: type) -> type[TaskConfig] | None:
    """Return the configuration class in ``PipelineTask[...]``, where a subclass is written so."""
    for written in vars(cls).get("__orig_bases__", ()):
        for argument in get_args(written):
            if isinstance(argument, type) and issubclass(argument, TaskConfig):
                return argument
    return None

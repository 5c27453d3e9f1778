"""Mocks in place of a pipeline's tasks: they take and make what is declared, take as long as they are told, fail when told."""

from __future__ import annotations

import os
import signal
import sys
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.dataset import DatasetType
from bunter.errors import PipelineError, near
from bunter.pipeline import Connections, Field, NoWorkFound, PipelineTask, TaskConfig
from bunter.pipeline.config import TaskPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.pipeline import PipelineGraph, TaskNode
    from bunter.pipeline.context import QuantumContext
    from bunter.pipeline.task_node import Connection

__all__ = ["PREFIX", "Fault", "MockConfig", "MockTask", "mock_pipeline"]

PREFIX = "mock_"
"""What the names of dataset types that mocks make begin with."""

_STORAGE_CLASS = "StructuredDataDict"
_CLASS = "bunter.execution.mocks.MockTask"


class Fault(TaskPart):
    """When and how a mock fails."""

    error: str = Field(
        "RuntimeError",
        description="Name of a builtin exception, or `no_work`, `kill` (SIGKILL), `exit` (the process ends), `hang`.",
    )
    where: dict[str, int | str] = Field(default_factory=dict, description="Values of dimensions; all must fit.")
    fraction: float = Field(
        1.0, ge=0.0, le=1.0, description="Part of the fitting quanta that fail, always the same ones."
    )
    tries: int | None = Field(None, ge=1, description="How many tries of a quantum fail; None for all.")


class MockConfig(TaskConfig):
    """What a mock is told."""

    original: str = Field("", description="Class that it stands for.")
    made: dict[str, str] = Field(
        default_factory=dict, description="Connections whose datasets mocks have made: input names."
    )
    once: list[str] = Field(default_factory=list, description="What it writes once for a run.")
    wall_s: float = Field(0.0, ge=0.0, description="How long each quantum pretends to take, in seconds.")
    pace: float = Field(0.0, ge=0.0, description="Seconds really slept for each pretended one; 0 does not sleep.")
    memory: int = Field(0, ge=0, description="Memory that each quantum takes while it runs, in bytes.")
    size: int = Field(0, ge=0, description="Bytes of padding in each output.")
    faults: list[Fault] = Field(default_factory=list, description="How quanta fail.")
    marks: str = Field("", description="Folder in which tries are counted, for faults that end after some.")


class MockConnections(Connections, dimensions=()):
    """None of its own: those of the task that it stands for are in the graph."""


class MockTask(PipelineTask[MockConfig]):
    """Stands for any task: reads what other mocks have made, writes small dictionaries that say what they were made of."""

    Connections = MockConnections

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.config.once:
            setattr(self, name, {"mock": self.config.original})

    def run_quantum(
        self, context: QuantumContext, inputs: Mapping[str, Sequence[Any]], outputs: Mapping[str, Sequence[Any]]
    ) -> None:
        """Read, pretend to work, perhaps fail, write."""
        read = {name: [self._take(context, name, ref) for ref in refs] for name, refs in inputs.items()}
        ballast = bytearray(self.config.memory)
        effects.sleep(self.config.wall_s * self.config.pace)
        self.metadata |= {"pretended_s": self.config.wall_s, "memory": len(ballast)}
        data_id = dict(context.data_id)
        for number, fault in enumerate(self.config.faults):
            if self._strikes(fault, number, data_id):
                _strike(fault.error, data_id)
        for name, refs in outputs.items():
            for ref in refs:
                context.put(
                    {"mock": name, "of": read, "data_id": dict(ref.data_id), "pad": "x" * self.config.size}, ref
                )

    def _take(self, context: QuantumContext, name: str, ref: Any) -> str:
        """Read a dataset if a mock has made it; of others only the id is looked at."""
        if name in self.config.made:
            context.get(ref)
        return str(ref.uuid)

    def _strikes(self, fault: Fault, number: int, data_id: Mapping[str, Any]) -> bool:
        if any(str(data_id.get(name)) != str(value) for name, value in fault.where.items()):
            return False
        lot = zlib.crc32(repr((number, sorted(data_id.items(), key=str))).encode()) / 2**32
        if lot >= fault.fraction:
            return False
        return fault.tries is None or self._count_try(number, data_id) <= fault.tries

    def _count_try(self, number: int, data_id: Mapping[str, Any]) -> int:
        """Count the tries of this quantum, over all processes, by files."""
        if not self.config.marks:
            raise PipelineError("a fault that ends after some tries needs a folder: mock_pipeline(..., marks=DIR)")
        name = zlib.crc32(repr((self.config.original, number, sorted(data_id.items(), key=str))).encode())
        for tried in range(1, 1000):
            try:
                effects.write_new(f"{self.config.marks}/{name:08x}-{tried}", b"", sync=False)
            except FileExistsError:
                continue
            return tried
        return 1000


def _strike(error: str, data_id: Mapping[str, Any]) -> None:
    """Fail as asked."""
    import builtins

    if error == "no_work":
        raise NoWorkFound(f"the mock was told that there is nothing to do for {dict(data_id)}")
    if error == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if error == "exit":
        sys.exit(0)
    if error == "hang":
        effects.sleep(86_400.0)
    kind = getattr(builtins, error, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise PipelineError(f"a mock cannot fail with {error!r}; name a builtin exception, no_work, kill, exit or hang")
    raise kind(f"the mock was told to fail for {dict(data_id)}")


def mock_pipeline(
    pipeline: PipelineGraph,
    *,
    faults: Mapping[str, Iterable[Fault]] | None = None,
    unmocked: Iterable[str] = (),
    marks: str = "",
    **told: Any,
) -> PipelineGraph:
    """Return a pipeline with mocks in place of its tasks.

    Quanta, dimensions and edges are those of the pipeline. What mocks make has dataset types of its own, whose names begin
    with ``mock_``, so that nothing real is mixed with it. What is in the repository already is found but not read.

    Parameters
    ----------
    pipeline : PipelineGraph
        The pipeline.
    faults : mapping of str to iterable of Fault, optional
        How tasks fail, by label.
    unmocked : iterable of str, optional
        Labels of tasks that stay as they are; they can read only what is real.
    marks : str, optional
        A folder for counting tries.
    **told
        Fields of `MockConfig` for all mocks: ``wall_s``, ``pace``, ``memory``, ``size``.

    Raises
    ------
    PipelineError
        If there is no such task, or a real task would read what a mock makes.
    """
    faults = {label: list(given) for label, given in (faults or {}).items()}
    real = set(unmocked)
    for label in (*faults, *real):
        if label not in pipeline:
            raise PipelineError(f"the pipeline has no task {label!r}{near(label, pipeline.labels)}")
    made = {
        connection.dataset_type
        for task in pipeline.tasks
        if task.label not in real
        for connection in task.connections
        if not connection.is_input and not connection.is_automatic
    }
    _refuse_real_readers(pipeline, real, made)
    tasks = tuple(
        task if task.label in real else _mock(task, made, faults=faults.get(task.label, []), marks=marks, **told)
        for task in pipeline.tasks
    )
    types = {name: kind for name, kind in pipeline.dataset_types.items() if name not in made}
    types |= {PREFIX + name: _mock_type(pipeline.dataset_types[name]) for name in made}
    automatic = {
        connection.dataset_type: connection.dataset_type.removeprefix(PREFIX)
        for task in tasks
        if task.label not in real
        for connection in task.connections
        if connection.is_automatic
    }
    types |= {new: replace(pipeline.dataset_types[old], name=new) for new, old in automatic.items()}
    return replace(pipeline, tasks=tasks, dataset_types=types, contracts=())


def _refuse_real_readers(pipeline: PipelineGraph, real: set[str], made: set[str]) -> None:
    for label in real:
        for connection in pipeline[label].connections:
            if connection.is_input and connection.dataset_type in made:
                raise PipelineError(f"{label!r} would read {connection.dataset_type!r} of a mock; mock it too")


def _mock_type(kind: DatasetType) -> DatasetType:
    return DatasetType(PREFIX + kind.name, kind.dimensions, _STORAGE_CLASS, kind.is_calibration)


def _mock(task: TaskNode, made: set[str], **told: Any) -> TaskNode:
    connections = tuple(_mock_connection(connection, made) for connection in task.connections)
    config = MockConfig(
        original=task.class_name,
        made={one.name: one.dataset_type for one in task.connections if one.is_input and one.dataset_type in made},
        once=[one.name for one in task.of_kind("init_output") if not one.is_automatic],
        **told,
    )
    return replace(task, class_name=_CLASS, config=config, connections=connections, adjusts_quanta=False)


def _mock_connection(connection: Connection, made: set[str]) -> Connection:
    if connection.is_automatic:
        return replace(connection, dataset_type=PREFIX + connection.dataset_type)
    if connection.dataset_type not in made:
        return connection
    return replace(
        connection, dataset_type=PREFIX + connection.dataset_type, component=None, storage_class=_STORAGE_CLASS
    )

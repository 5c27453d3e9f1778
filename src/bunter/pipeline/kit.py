"""Run a task in a test or a notebook as an executor would, with objects instead of datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bunter.errors import PipelineError, QuantumError, near
from bunter.pipeline.context import InMemoryDataset, QuantumContext
from bunter.pipeline.pipeline_task import PipelineTask
from bunter.pipeline.struct import Struct

if TYPE_CHECKING:
    from bunter.pipeline.config import TaskConfig
    from bunter.pipeline.connections import Declaration
    from bunter.pipeline.context import DeferredDataset

__all__ = ["run_task"]


class _Memory:
    """A limited butler over objects in memory; a reference is (connection, position)."""

    dimensions = None

    def __init__(self, objects: dict[tuple[str, int], Any]) -> None:
        self.objects = objects

    def get(
        self,
        ref: tuple[str, int],
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
    ) -> Any:
        del component, parameters, storage_class  # a test gives what ``run`` should see
        held = self.objects[ref]
        return held.get() if isinstance(held, InMemoryDataset) else held

    def get_deferred(self, ref: tuple[str, int]) -> DeferredDataset:
        held = self.objects[ref]
        return held if isinstance(held, InMemoryDataset) else InMemoryDataset(held)

    def put(self, obj: Any, ref: tuple[str, int]) -> None:
        self.objects[ref] = obj

    def stored(self, ref: tuple[str, int]) -> bool:
        return ref in self.objects


def run_task(
    task: Any,
    config: TaskConfig | Mapping[str, Any] | None = None,
    *,
    data_id: Any = None,
    init_inputs: Mapping[str, Any] | None = None,
    **inputs: Any,
) -> Struct:
    """Run one quantum of a task on objects in memory, through ``run_quantum`` and all its checks.

    Parameters
    ----------
    task : type[PipelineTask] or function
        Task class, or a function declared as a task.
    config : TaskConfig or Mapping, optional
        Its configuration.
    data_id : Mapping, optional
        Data ID of the quantum.
    init_inputs : Mapping[str, object], optional
        What the InitInput connections hold.
    **inputs : object
        One object for each input connection, a list where it is ``multiple``. Objects for ``deferred`` connections are
        wrapped; give an `InMemoryDataset` to say their data IDs.

    Returns
    -------
    Struct
        What was written, by output connection; None for what was not. Lists where ``multiple``. The task's metadata is
        the attribute ``metadata_`` of the result.

    Raises
    ------
    QuantumError
        If a required input is missing or a name is unknown, or ``run`` returns what was not declared.
    """
    kind = getattr(task, "task", task)
    if not (isinstance(kind, type) and issubclass(kind, PipelineTask)):
        raise PipelineError(f"{task!r} is no task; give a PipelineTask class, or a function declared by @task")
    made: PipelineTask[Any] = kind(config, init_inputs=init_inputs)
    readable = made.connections.of_kind("input", "prerequisite")
    refs = _references(type(made).__name__, readable, inputs)
    written = {name: [(name, 0)] for name in made.connections.of_kind("output")}
    memory = _Memory({ref: obj for found in refs.values() for ref, obj in found})
    readable_refs = {name: [ref for ref, _ in found] for name, found in refs.items()}
    context = _Lenient(memory, inputs=readable_refs, outputs=written, data_id=data_id)
    made.run_quantum(context, readable_refs, written)
    return Struct(**context.results(made.connections.of_kind("output")), metadata_=made.metadata)


def _references(
    task: str, readable: Mapping[str, Declaration], inputs: Mapping[str, Any]
) -> dict[str, list[tuple[tuple[str, int], Any]]]:
    """Give each input object a reference; refuse unknown names and missing inputs."""
    for name in inputs:
        if name not in readable:
            raise QuantumError(
                f"{task} has no input {name!r}{near(name, readable) or '; it has: ' + ', '.join(readable)}"
            )
    found = {}
    for name, declaration in readable.items():
        value = inputs.get(name)
        if declaration.multiple and isinstance(value, Mapping | str | bytes):
            raise QuantumError(f"input {name!r} of {task} is multiple; give a list, not a {type(value).__name__}")
        objects = [] if value is None else list(value) if declaration.multiple else [value]
        if len(objects) < declaration.minimum:
            wanted = f"input {name!r}" if declaration.minimum == 1 else f"{declaration.minimum} of input {name!r}"
            raise QuantumError(f"{task} needs {wanted}, and {len(objects) or 'none'} is given")
        found[name] = [((name, i), obj) for i, obj in enumerate(objects)]
    return found


class _Lenient(QuantumContext):
    """A context that takes as many results of a ``multiple`` output as the task makes."""

    def store(self, declaration: Declaration, value: Any, refs: Any) -> None:
        if value is not None and declaration.multiple and refs:
            name = refs[0][0]
            self.outputs = {**self.outputs, name: [(name, i) for i in range(len(value))]}
            self._outputs = frozenset(ref for own in self.outputs.values() for ref in own)
            refs = self.outputs[name]
        super().store(declaration, value, refs)

    def results(self, outputs: Mapping[str, Declaration]) -> dict[str, Any]:
        """Return what was written, by connection."""
        objects = {ref: self.butler.get(ref) for ref in self.written}
        return {
            name: [objects[ref] for ref in self.outputs[name] if ref in objects]
            if declaration.multiple
            else objects.get((name, 0))
            for name, declaration in outputs.items()
        }

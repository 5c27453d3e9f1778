"""From a pipeline's entries to its graph: import, configure, wire, order, and agree on dataset types."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from bunter.dataset import DatasetType
from bunter.errors import ButlerError, PipelineError, StorageClassError, near
from bunter.pipeline.configuring import build_config
from bunter.pipeline.connections import Connections, adjusts
from bunter.pipeline.pipeline_task import PipelineTask
from bunter.pipeline.resources import plain_resources
from bunter.pipeline.task_node import Connection, TaskNode
from bunter.pipeline.trust import find_task
from bunter.storage_class import storage_class

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bunter.dimensions import DimensionGroup, Universe
    from bunter.pipeline.connections import Declaration
    from bunter.pipeline.document import Assignment, Step, TaskEntry

__all__ = [
    "agree_on_dataset_types",
    "agree_on_one",
    "check_steps",
    "mentions_of",
    "refuse_made_prerequisites",
    "resolve_task",
]


def resolve_task(
    entry: TaskEntry,
    universe: Universe,
    parameters: Mapping[str, Assignment],
    *,
    trust: bool | Collection[str] = True,
) -> TaskNode:
    """Import and configure one task, and find out what it reads and writes.

    Raises
    ------
    PipelineError
        With the place in the pipeline file.
    """
    try:
        task = entry.task_class or find_task(entry.class_name, trust=trust)
    except PipelineError as error:
        raise entry.source.error(f"task {entry.label!r}: {error.args[0]}") from error
    config = build_config(task.Config, entry, parameters)
    try:
        connections = task.Connections(config)
        check_signature(task, connections)
        _refuse_shared_outputs(connections, universe)
        _refuse_odd_detours(connections)
        return TaskNode(
            label=entry.label,
            class_name=entry.class_name,
            config=config,
            dimensions=universe.conform(connections.dimensions),
            connections=(
                *(_connection(name, one, universe) for name, one in connections.declarations.items()),
                *_automatic(entry.label, universe.conform(connections.dimensions), universe),
            ),
            version=_version_of(task),
            adjusts_quanta=adjusts(task.Connections),
            resources={**plain_resources(task.resources), **entry.resources},
        )
    except ButlerError as error:
        place = _place_of_renames(entry)
        raise place.error(f"task {entry.label!r}: {error}") from error


def _place_of_renames(entry: TaskEntry) -> Any:
    """Return the last line that renames a connection, if there is one; else the place of the task."""
    renames = [one.source for one in entry.assignments if one.field.partition(".")[0] == "connections"]
    return renames[-1] if renames else entry.source


def check_signature(task: type[PipelineTask[Any]], connections: Connections) -> None:
    """Refuse a ``run`` whose parameters are not the task's inputs; a task that overrides ``run_quantum`` may differ.

    Raises
    ------
    PipelineError
        If an input is no parameter, or a parameter without default is no input.
    """
    function = getattr(task, "function", None) or task.run
    if task.run_quantum is not PipelineTask.run_quantum or function is PipelineTask.run:
        return
    parameters = dict(inspect.signature(function).parameters)
    parameters.pop("self", None)
    inputs = connections.of_kind("input", "prerequisite")
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for name in inputs:
        if name not in parameters and not takes_any:
            raise PipelineError(f"{task.__name__}.run has no parameter for its input {name!r}{near(name, parameters)}")
    settings = {*getattr(task, "settings", ()), "data_id"}
    for name, one in parameters.items():
        required = one.default is one.empty and one.kind in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY}
        if required and name not in inputs and name not in settings:
            raise PipelineError(f"{task.__name__}.run wants {name!r}, which is no input of it{near(name, inputs)}")


def _refuse_shared_outputs(connections: Connections, universe: Universe) -> None:
    """Refuse an output of which two quanta would write the same dataset, or one quantum several unawares."""
    own = universe.conform(connections.dimensions)
    for name, one in connections.of_kind("output").items():
        written = universe.conform(one.dimensions)
        if not own <= written:
            raise PipelineError(
                f"its output {name!r} has dimensions {written}, which do not tell quanta over {own} apart: several would"
                f" write the same dataset; add {', '.join((own - written).required)}"
            )
        if written != own and not one.multiple:
            raise PipelineError(
                f"its output {name!r} has dimensions {written}, so that one quantum over {own} writes several;"
                " declare it with multiple=True"
            )


def _refuse_odd_detours(connections: Connections) -> None:
    """Refuse a prerequisite that is looked for through something that is no input, or found by what is no method."""
    inputs = connections.of_kind("input")
    for name, one in connections.of_kind("prerequisite").items():
        if one.through and one.through not in inputs:
            raise PipelineError(
                f"its prerequisite {name!r} is looked for through {one.through!r}, which is no input"
                f"{near(one.through, inputs)}"
            )
        if one.lookup and not callable(getattr(connections, one.lookup, None)):
            known = [name for name in dir(type(connections)) if not name.startswith("_")]
            raise PipelineError(
                f"its prerequisite {name!r} is found by {one.lookup!r}, which is no method of"
                f" {type(connections).__name__}{near(one.lookup, known)}"
            )


def _connection(name: str, declaration: Declaration, universe: Universe) -> Connection:
    dataset_type, _, component = declaration.name.partition(".")
    return Connection(
        name=name,
        kind=declaration.kind,
        dataset_type=dataset_type,
        component=component or None,
        dimensions=universe.conform(declaration.dimensions),
        storage_class=declaration.storage_class,
        multiple=declaration.multiple,
        minimum=declaration.minimum,
        is_calibration=declaration.is_calibration,
        deferred=declaration.deferred,
        whole=declaration.whole,
        where=declaration.where,
        through=declaration.through,
        lookup=declaration.lookup,
        missing=declaration.missing,
        partial=declaration.partial,
        keep=declaration.keep,
        handover=declaration.handover,
        doc=declaration.doc,
    )


def _automatic(label: str, dimensions: DimensionGroup, universe: Universe) -> Iterable[Connection]:
    metadata, log, config = (f"{label}_{word}" for word in ("metadata", "log", "config"))
    yield Connection(
        "_metadata", "output", metadata, None, dimensions, "TaskMetadata", doc="What the task says of itself."
    )
    yield Connection("_log", "output", log, None, dimensions, "TaskLog", doc="The task's log.")
    yield Connection("_config", "init_output", config, None, universe.conform(()), "Config", doc="Its configuration.")


def _version_of(task: type) -> str:
    """Return the task's own version, or that of the package it comes from."""
    if declared := getattr(task, "version", None):
        return str(declared)
    root = task.__module__.partition(".")[0]
    if known := getattr(sys.modules.get(root), "__version__", None):
        return str(known)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(root)
    except PackageNotFoundError:
        return ""


def refuse_made_prerequisites(tasks: Iterable[TaskNode], *, of: TaskNode | None = None) -> None:
    """Refuse a prerequisite, of one task or of any, that the pipeline makes: it could never be there beforehand."""
    tasks = list(tasks)
    makers = {one.dataset_type: task.label for task in tasks for one in task.connections if not one.is_input}
    for task in tasks if of is None else [of]:
        for one in task.prerequisites:
            if one.dataset_type in makers:
                raise PipelineError(
                    f"{one.dataset_type!r} must be there before task {task.label!r} runs, but task"
                    f" {makers[one.dataset_type]!r} of the same pipeline makes it; declare it as Input, or make two pipelines"
                )


def agree_on_dataset_types(
    tasks: Iterable[TaskNode], registered: Mapping[str, DatasetType] | None
) -> dict[str, DatasetType]:
    """Return one definition for each dataset type that the tasks mention.

    The repository's definition wins, then the producer's, then what consumers say. A type that is only read by
    component and not registered has none, and is left out.

    Raises
    ------
    PipelineError
        If two sides do not fit, naming both.
    """
    agreed = {name: agree_on_one(name, sides, registered) for name, sides in mentions_of(tasks).items()}
    return {name: definition for name, definition in agreed.items() if definition is not None}


def mentions_of(tasks: Iterable[TaskNode]) -> dict[str, list[tuple[TaskNode, Connection]]]:
    """Return the tasks and connections that mention each dataset type."""
    mentions: dict[str, list[tuple[TaskNode, Connection]]] = {}
    for task in tasks:
        for connection in task.connections:
            mentions.setdefault(connection.dataset_type, []).append((task, connection))
    return mentions


def agree_on_one(
    name: str, sides: list[tuple[TaskNode, Connection]], registered: Mapping[str, DatasetType] | None
) -> DatasetType | None:
    """Return the definition of one dataset type, None if all read components of it and it is not registered.

    Raises
    ------
    PipelineError
        If two sides do not fit, naming both.
    """
    definition, origin = _definition(name, sides, registered or {})
    for task, connection in sides:
        try:
            _refuse_misfit(task, connection, definition, origin)
        except StorageClassError as error:
            raise PipelineError(f"task {task.label!r}, connection {connection.name!r}: {error}") from error
    if definition is None and registered is not None:
        task, connection = sides[0]
        raise PipelineError(
            f"task {task.label!r} reads {name}.{connection.component}, but the repository has no dataset type"
            f" {name!r}{near(name, registered)}"
        )
    return definition


def _definition(
    name: str, sides: list[tuple[TaskNode, Connection]], registered: Mapping[str, DatasetType]
) -> tuple[DatasetType | None, str]:
    """Return the definition and, in words, where it comes from."""
    if name in registered:
        return registered[name], "the repository"
    producer = next((side for side in sides if not side[1].is_input), None)
    consumer = next((side for side in sides if side[1].component is None), None)
    side = producer or consumer
    if side is None:
        return None, ""
    task, one = side
    return DatasetType(name, one.dimensions, one.storage_class, one.is_calibration), f"task {task.label!r}"


def _refuse_misfit(task: TaskNode, connection: Connection, definition: DatasetType | None, origin: str) -> None:
    if definition is None:
        return
    name, verb = connection.dataset_type, "reads" if connection.is_input else "writes"
    if connection.dimensions is not definition.dimensions:
        raise PipelineError(
            f"task {task.label!r} {verb} {name!r} with dimensions {connection.dimensions}, but {origin} has it with"
            f" {definition.dimensions}; make them equal, or rename the connection {connection.name!r}"
        )
    given = definition.storage_class
    if connection.component is not None:
        given = storage_class(given).component(connection.component)
    wanted = connection.storage_class
    if not (_converts(given, wanted) if connection.is_input else _converts(wanted, given)):
        raise PipelineError(
            f"task {task.label!r} {verb} {name!r} as {wanted}, but {origin} has it as {given},"
            " and the one does not convert to the other"
        )


def _converts(given: str, wanted: str) -> bool:
    """Whether an object of one storage class is, or can be made, one of another."""
    one, other = storage_class(given), storage_class(wanted)
    return given == wanted or given in other.converts_from or one.python_type == other.python_type


def check_steps(
    steps: Iterable[Step], subsets: Mapping[str, tuple[str, ...]], graph_order: Mapping[str, set[str]]
) -> None:
    """Refuse steps that overlap, leave tasks out, or read what a later step writes.

    Parameters
    ----------
    steps : iterable of Step
        In order.
    subsets : Mapping[str, tuple[str, ...]]
        Labels of each step.
    graph_order : Mapping[str, set[str]]
        Labels that each task depends on directly.
    """
    step_of: dict[str, tuple[int, Step]] = {}
    for number, step in enumerate(steps):
        for label in subsets[step.label]:
            if label in step_of:
                raise step.source.error(
                    f"task {label!r} is in two steps, {step_of[label][1].label!r} and {step.label!r}"
                )
            step_of[label] = number, step
    if not step_of:
        return
    for label, parents in graph_order.items():
        if label not in step_of:
            last = max(step_of.values(), key=lambda at: at[0])[1]
            raise last.source.error(f"task {label!r} is in no step; steps must cover all tasks")
        for parent in parents:
            if parent in step_of and step_of[parent][0] > step_of[label][0]:
                late, early = step_of[parent][1], step_of[label][1]
                raise early.source.error(
                    f"step {early.label!r} has {label!r}, which reads what {parent!r} writes in the later step {late.label!r}"
                )

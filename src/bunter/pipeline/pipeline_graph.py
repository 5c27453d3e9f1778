"""A pipeline made ready: tasks in order, their connections, and the dataset types between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bunter.errors import PipelineError, near

if TYPE_CHECKING:
    from collections.abc import Iterable
    from logging import Logger

    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup, Universe
    from bunter.pipeline.config import TaskConfig
    from bunter.pipeline.pipeline_task import PipelineTask
    from bunter.pipeline.wiring import Wiring

__all__ = ["AUTOMATIC", "Connection", "PipelineGraph", "TaskNode"]

AUTOMATIC = ("_metadata", "_log", "_config")
"""Connections that every task has beside its own: ``<label>_metadata``, ``<label>_log``, ``<label>_config``."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How a task reads or writes a dataset type.

    Parameters
    ----------
    name : str
        Name within the task; those that every task has begin with ``_``.
    kind : str
        ``input``, ``prerequisite``, ``init_input``, ``init_output`` or ``output``.
    dataset_type : str
        Name of the dataset type, without the component.
    component : str or None
        Component that is read.
    dimensions : DimensionGroup
        Dimensions of the dataset type.
    storage_class : str
        Storage class that the task sees.
    multiple, minimum, is_calibration, deferred, whole, where
        As declared.
    doc : str
        What it is.
    """

    name: str
    kind: str
    dataset_type: str
    component: str | None
    dimensions: DimensionGroup
    storage_class: str
    multiple: bool = False
    minimum: int = 1
    is_calibration: bool = False
    deferred: bool = False
    whole: bool = False
    where: str = ""
    doc: str = ""

    @property
    def is_input(self) -> bool:
        """Whether the task reads it, at construction or in each quantum."""
        return self.kind in {"input", "prerequisite", "init_input"}

    @property
    def is_init(self) -> bool:
        """Whether it belongs to the construction of the task, once for a run."""
        return self.kind in {"init_input", "init_output"}

    @property
    def is_automatic(self) -> bool:
        """Whether the executor writes it, not the task."""
        return self.name in AUTOMATIC


@dataclass(frozen=True)
class TaskNode:
    """A labelled task with its configuration and connections.

    Parameters
    ----------
    label : str
        Label in the pipeline.
    class_name : str
        ``package.module.Class`` of the task.
    config : TaskConfig or Mapping
        The configuration; plain data where the graph was read without the task's code.
    dimensions : DimensionGroup
        Dimensions of the task's quanta.
    connections : tuple of Connection
        As declared, then the automatic ones.
    version : str
        Version of the task.
    adjusts_quanta : bool
        Whether the task overrides ``adjust_quantum``.
    """

    label: str
    class_name: str
    config: TaskConfig | Mapping[str, Any]
    dimensions: DimensionGroup
    connections: tuple[Connection, ...]
    version: str = ""
    adjusts_quanta: bool = False

    def of_kind(self, *kinds: str) -> tuple[Connection, ...]:
        """Return the connections of some kinds, such as ``"input"`` and ``"prerequisite"``."""
        return tuple(connection for connection in self.connections if connection.kind in kinds)

    @property
    def inputs(self) -> tuple[Connection, ...]:
        """Connections that each quantum reads, prerequisites not among them."""
        return self.of_kind("input")

    @property
    def prerequisites(self) -> tuple[Connection, ...]:
        """Connections whose datasets must be there before the graph is built."""
        return self.of_kind("prerequisite")

    @property
    def outputs(self) -> tuple[Connection, ...]:
        """Connections that each quantum may write, the automatic ones last."""
        return self.of_kind("output")

    def connection(self, name: str) -> Connection:
        """Return one connection by its name within the task.

        Raises
        ------
        PipelineError
            If the task has none of that name.
        """
        for connection in self.connections:
            if connection.name == name:
                return connection
        known = [connection.name for connection in self.connections]
        raise PipelineError(f"task {self.label!r} has no connection {name!r}{near(name, known)}")

    @cached_property
    def config_dict(self) -> dict[str, Any]:
        """The configuration as plain data."""
        if isinstance(self.config, Mapping):
            return dict(self.config)
        from bunter.pipeline.config import config_dict

        return config_dict(self.config)

    @cached_property
    def config_hash(self) -> str:
        """SHA-256 of the configuration's plain data, as hexadecimal digits."""
        from bunter.pipeline.config import config_hash

        return config_hash(self.config_dict)

    def task_class(self, *, trust: bool | tuple[str, ...] = True) -> type[PipelineTask[Any]]:
        """Import and return the task's class; see `find_task` for what ``trust`` means."""
        from bunter.pipeline.trust import find_task

        return find_task(self.class_name, trust=trust)

    def make_task(
        self,
        *,
        init_inputs: Mapping[str, Any] | None = None,
        log: Logger | None = None,
        trust: bool | tuple[str, ...] = True,
    ) -> PipelineTask[Any]:
        """Import the task and construct it with its configuration."""
        return self.task_class(trust=trust)(self.config, init_inputs=init_inputs, log=log)


@dataclass(frozen=True)
class PipelineGraph:
    """Tasks in topological order with the dataset types that join them.

    Parameters
    ----------
    tasks : tuple of TaskNode
        Producers before consumers.
    dataset_types : Mapping[str, DatasetType]
        Definitions by name: the repository's where it has one, else the producer's, else what the consumers agree on.
    universe : Universe
        The dimensions.
    description, instrument : str
        As written in the pipeline.
    subsets : Mapping[str, tuple[str, ...]]
        Labels by name of the subset.
    steps : tuple of (str, tuple[str, ...])
        Subsets in the order in which a campaign runs them, each with its sharding dimensions.
    contracts : tuple of (str, str)
        Expressions over configurations and what it means if one does not hold.
    """

    tasks: tuple[TaskNode, ...]
    dataset_types: Mapping[str, DatasetType]
    universe: Universe
    description: str = ""
    instrument: str | None = None
    subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    steps: tuple[tuple[str, tuple[str, ...]], ...] = ()
    contracts: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _by_label(self) -> Mapping[str, TaskNode]:
        return MappingProxyType({task.label: task for task in self.tasks})

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the tasks in topological order."""
        return tuple(self._by_label)

    def __getitem__(self, label: str) -> TaskNode:
        if label not in self._by_label:
            raise PipelineError(f"the pipeline has no task {label!r}{near(label, self._by_label)}")
        return self._by_label[label]

    def __contains__(self, label: object) -> bool:
        return label in self._by_label

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def data_id(self) -> dict[str, str]:
        """Data ID values that the pipeline itself fixes: its instrument."""
        return {} if self.instrument is None else {"instrument": self.instrument}

    @cached_property
    def wiring(self) -> Wiring:
        """Which task reads and writes what."""
        from bunter.pipeline.wiring import Wiring

        return Wiring(
            {task.label: tuple(c.dataset_type for c in task.connections if c.is_input) for task in self.tasks},
            {task.label: tuple(c.dataset_type for c in task.connections if not c.is_input) for task in self.tasks},
        )

    @cached_property
    def _producers(self) -> dict[str, str]:
        return self.wiring.producers()

    def producer_of(self, dataset_type: str) -> TaskNode | None:
        """Return the task that writes a dataset type; None for an overall input."""
        label = self._producers.get(dataset_type)
        return None if label is None else self._by_label[label]

    def consumers_of(self, dataset_type: str) -> tuple[TaskNode, ...]:
        """Return the tasks that read a dataset type, in topological order."""
        return tuple(task for task in self.tasks if dataset_type in self.wiring.reads[task.label])

    @cached_property
    def overall_inputs(self) -> tuple[str, ...]:
        """Names of the dataset types that tasks read and none writes, prerequisites among them."""
        read = dict.fromkeys(name for names in self.wiring.reads.values() for name in names)
        return tuple(name for name in read if name not in self._producers)

    def select(self, what: str | Iterable[str]) -> PipelineGraph:
        """Return the graph of some of the tasks.

        Parameters
        ----------
        what : str or iterable of str
            A set expression such as ``"<= warp & ~S:plots"``, or labels.

        Raises
        ------
        PipelineError
            If a name is unknown or nothing is selected.
        """
        from bunter.pipeline.selecting import select_tasks

        if isinstance(what, str):
            labels = set(select_tasks(what, self.wiring, self.subsets))
        else:
            labels = {self[label].label for label in what}
        return self._only(labels)

    def _only(self, labels: set[str]) -> PipelineGraph:
        tasks = tuple(task for task in self.tasks if task.label in labels)
        used = {connection.dataset_type for task in tasks for connection in task.connections}
        subsets = {name: kept for name, own in self.subsets.items() if (kept := tuple(x for x in own if x in labels))}
        return replace(
            self,
            tasks=tasks,
            dataset_types={name: kind for name, kind in self.dataset_types.items() if name in used},
            subsets=subsets,
            steps=tuple(step for step in self.steps if step[0] in subsets),
        )

    def draw(self, style: str = "text") -> str:
        """Return a drawing as ``"text"``, ``"svg"`` or ``"mermaid"``.

        Raises
        ------
        PipelineError
            If there is no such style.
        """
        from bunter.pipeline.drawing import diagram_of_graph, draw

        return draw(diagram_of_graph(self), style)

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as plain data that `from_dict` reads back without the tasks' code."""
        return {
            "version": 1,
            "description": self.description,
            "instrument": self.instrument,
            "universe": {"namespace": self.universe.namespace, "version": self.universe.version},
            "tasks": [_task_to_dict(task) for task in self.tasks],
            "dataset_types": {name: _type_to_dict(kind) for name, kind in self.dataset_types.items()},
            "subsets": {name: list(labels) for name, labels in self.subsets.items()},
            "steps": [{"label": label, "dimensions": list(names)} for label, names in self.steps],
            "contracts": [{"contract": expression, "msg": message} for expression, message in self.contracts],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], universe: Universe | None = None) -> PipelineGraph:
        """Make the graph from what `to_dict` gave; configurations stay plain data.

        Parameters
        ----------
        data : Mapping
            The plain data.
        universe : Universe, optional
            The dimensions; the default universe if left out.

        Raises
        ------
        PipelineError
            If the data have another version or belong to another universe.
        """
        from bunter.dimensions import Universe

        universe = universe or Universe.default()
        _refuse_foreign(data, universe)
        return cls(
            tasks=tuple(_task_from_dict(task, universe) for task in data["tasks"]),
            dataset_types={name: _type_from_dict(name, kind, universe) for name, kind in data["dataset_types"].items()},
            universe=universe,
            description=data["description"],
            instrument=data["instrument"],
            subsets={name: tuple(labels) for name, labels in data["subsets"].items()},
            steps=tuple((step["label"], tuple(step["dimensions"])) for step in data["steps"]),
            contracts=tuple((one["contract"], one["msg"]) for one in data["contracts"]),
        )


def _refuse_foreign(data: Mapping[str, Any], universe: Universe) -> None:
    if data.get("version") != 1:
        raise PipelineError(f"the stored pipeline has version {data.get('version')!r}, and this Bunter reads version 1")
    stored = data["universe"]
    if (stored["namespace"], stored["version"]) != (universe.namespace, universe.version):
        raise PipelineError(
            f"the stored pipeline belongs to universe {stored['namespace']} {stored['version']},"
            f" not to {universe.namespace} {universe.version}; pass its universe"
        )


def _task_to_dict(task: TaskNode) -> dict[str, Any]:
    return {
        "label": task.label,
        "class": task.class_name,
        "config": task.config_dict,
        "dimensions": list(task.dimensions.required),
        "version": task.version,
        "adjusts_quanta": task.adjusts_quanta,
        "connections": [_connection_to_dict(connection) for connection in task.connections],
    }


def _connection_to_dict(connection: Connection) -> dict[str, Any]:
    plain = {name: getattr(connection, name) for name in Connection.__dataclass_fields__}
    return {**plain, "dimensions": list(connection.dimensions.required)}


def _task_from_dict(data: Mapping[str, Any], universe: Universe) -> TaskNode:
    return TaskNode(
        label=data["label"],
        class_name=data["class"],
        config=data["config"],
        dimensions=universe.conform(data["dimensions"]),
        connections=tuple(
            Connection(**{**connection, "dimensions": universe.conform(connection["dimensions"])})
            for connection in data["connections"]
        ),
        version=data["version"],
        adjusts_quanta=data["adjusts_quanta"],
    )


def _type_to_dict(kind: DatasetType) -> dict[str, Any]:
    return {
        "dimensions": list(kind.dimensions.required),
        "storage_class": kind.storage_class,
        "is_calibration": kind.is_calibration,
    }


def _type_from_dict(name: str, data: Mapping[str, Any], universe: Universe) -> DatasetType:
    from bunter.dataset import DatasetType

    return DatasetType(name, universe.conform(data["dimensions"]), data["storage_class"], data["is_calibration"])

"""A pipeline made ready: tasks in order, their connections, and the dataset types between them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bunter.errors import PipelineError, near

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.dataset import DatasetType
    from bunter.dimensions import Universe
    from bunter.pipeline.drawing import Diagram
    from bunter.pipeline.task_node import TaskNode
    from bunter.pipeline.wiring import Wiring

__all__ = ["PipelineGraph"]


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
        return {task.label: task for task in self.tasks}

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

    def draw(self, style: str = "text", *, states: Mapping[str, str] | None = None) -> str:
        """Return a drawing.

        Parameters
        ----------
        style : str
            ``"text"``, ``"svg"``, ``"mermaid"`` or ``"html"``.
        states : Mapping[str, str], optional
            For SVG and HTML: ``"done"``, ``"failed"``, ``"partial"`` or ``"waiting"`` by label, shown as a colour.

        Raises
        ------
        PipelineError
            If there is no such style.
        """
        from bunter.pipeline.drawing import draw

        return draw(self.diagram(), style, states=states)

    def diagram(self) -> Diagram:
        """Return what to draw; automatic datasets only where a task reads them."""
        from bunter.pipeline.drawing import Box, Line, diagram_of

        tasks = [Box(f"T:{t.label}", (t.label,), t.dimensions.required, t.class_name) for t in self.tasks]
        lines = [
            Line(
                task.label, one.name, one.dataset_type, one.is_input, one.kind == "prerequisite",
                one.dimensions.required, one.storage_class,
            )
            for task in self.tasks
            for one in task.connections
            if not one.is_automatic or self.consumers_of(one.dataset_type)
        ]  # fmt: skip
        return diagram_of(tasks, lines, self.description)

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as plain data that `from_dict` reads back without the tasks' code."""
        from bunter.pipeline.stored import plain_graph

        return plain_graph({field.name: getattr(self, field.name) for field in fields(self)})

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
        from bunter.pipeline.stored import graph_parts

        return cls(**graph_parts(data, universe or Universe.default()))

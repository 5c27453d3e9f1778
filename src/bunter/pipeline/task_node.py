"""One task of a resolved pipeline: its configuration and its connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bunter.errors import PipelineError, near

if TYPE_CHECKING:
    from logging import Logger

    from bunter.dimensions import DimensionGroup
    from bunter.pipeline.config import TaskConfig
    from bunter.pipeline.pipeline_task import PipelineTask

__all__ = ["AUTOMATIC", "Connection", "TaskNode"]

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
    multiple, minimum, is_calibration, deferred, whole, where, through, lookup, missing, partial, keep, handover
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
    through: str = ""
    lookup: str = ""
    missing: str = ""
    partial: bool = False
    keep: str = "forever"
    handover: bool = False
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
        Whether the task overrides ``adjust_quantum`` or ``adjust_quanta``.
    resources : mapping
        What its quanta may take, see `bunter.pipeline.resources.plain_resources`; no part of what it computes.
    """

    label: str
    class_name: str
    config: TaskConfig | Mapping[str, Any]
    dimensions: DimensionGroup
    connections: tuple[Connection, ...]
    version: str = ""
    adjusts_quanta: bool = False
    resources: Mapping[str, Any] = field(default_factory=dict, hash=False)

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

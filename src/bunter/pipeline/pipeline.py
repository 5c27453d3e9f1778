"""A pipeline: labelled tasks and their configuration, read from a file or made in Python."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.errors import PipelineError, near
from bunter.pipeline.document import Assignment, Contract, Step, Subset, TaskEntry, check_label
from bunter.pipeline.importing import Content, gather, locate, read_assignments
from bunter.pipeline.located import Located, Source, read_yaml, read_yaml_file, scalar_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bunter.dataset import DatasetType
    from bunter.dimensions import Universe
    from bunter.pipeline.drawing import Diagram
    from bunter.pipeline.pipeline_graph import PipelineGraph
    from bunter.pipeline.pipeline_task import PipelineTask
    from bunter.pipeline.statics import StaticTask
    from bunter.pipeline.task_node import TaskNode
    from bunter.pipeline.wiring import Wiring

__all__ = ["Pipeline"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Labelled tasks with their configuration, before any task is imported.

    Make one with `from_file`, `from_text`, `from_dict` or `from_tasks`. It does not change: `configure`, `add`,
    `remove`, `choose` and `select` return a new one.

    Parameters
    ----------
    tasks : Mapping[str, TaskEntry]
        Tasks by label, in the order of the file.
    location : str
        File that it comes from, or a word for where it was made.
    trusted : bool
        Whether it is the user's own, so that any task class it names may be imported.
    """

    tasks: Mapping[str, TaskEntry]
    description: str = ""
    instrument: str | None = None
    parameters: Mapping[str, Assignment] = field(default_factory=dict)
    subsets: Mapping[str, Subset] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    contracts: tuple[Contract, ...] = ()
    location: str = "<memory>"
    trusted: bool = True
    chosen: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()

    @classmethod
    def from_file(cls, location: str | Path) -> Pipeline:
        """Read a pipeline file and its imports; no task is imported.

        Parameters
        ----------
        location : str or Path
            A path, or ``package:path`` for a file in an installed package; ``#`` and a list of labels, subsets and
            ranges chooses a part, as in ``drp.yaml#isr..warp,plots``.

        Raises
        ------
        PipelineError
            With file and line of the mistake.
        """
        name, _, labels = str(location).partition("#")
        path = locate(name, Path(), PipelineError)
        content = gather(read_yaml_file(path), path.parent, (path.resolve(),))
        own = all(_is_own(entry.source.file) for entry in content.tasks.values())
        pipeline = cls._of_content(content, name, trusted=own)
        return pipeline.choose(labels) if labels else pipeline

    @classmethod
    def from_text(cls, text: str, *, folder: str | Path = ".", name: str = "<text>", trusted: bool = True) -> Pipeline:
        """Read a pipeline from YAML text; relative imports start from ``folder``."""
        return cls._of_content(gather(read_yaml(text, name), Path(folder)), name, trusted=trusted)

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], *, folder: str | Path = ".", name: str = "<dict>", trusted: bool = True
    ) -> Pipeline:
        """Make a pipeline from what a pipeline file holds, as plain data."""
        return cls._of_content(gather(_located(data, Source(name)), Path(folder)), name, trusted=trusted)

    @classmethod
    def from_tasks(cls, tasks: Mapping[str, Any], *, description: str = "") -> Pipeline:
        """Make a pipeline from task classes.

        Parameters
        ----------
        tasks : Mapping
            By label: a task class, a function declared as a task, or a name; or a pair of one of these and a mapping of
            configuration values by dotted field.
        description : str
            What it does.
        """
        empty = cls({}, description=description)
        for label, what in tasks.items():
            task, config = what if isinstance(what, tuple) else (what, {})
            empty = empty.add(label, task, config)
        return empty

    @classmethod
    def _of_content(cls, content: Content, location: str, *, trusted: bool = True) -> Pipeline:
        return cls(
            tasks=content.tasks,
            description=content.description,
            instrument=content.instrument,
            parameters=content.parameters,
            subsets=content.subsets,
            steps=tuple(content.steps),
            contracts=tuple(content.contracts),
            location=location,
            trusted=trusted,
        )

    def add(self, label: str, task: Any, config: Mapping[str, Any] | None = None) -> Pipeline:
        """Return a pipeline with one more task, a class or a name; its steps go, as they would no longer cover it.

        Raises
        ------
        PipelineError
            If the label is taken.
        """
        if label in self.tasks:
            raise PipelineError(f"the pipeline already has a task {label!r}; remove it first, or choose another label")
        source = Source("<python>")
        check_label(label, source)
        assignments = tuple(Assignment(name, value, source) for name, value in (config or {}).items())
        if isinstance(task, str):
            entry = TaskEntry(label, task, assignments, source)
        else:
            from bunter.pipeline.trust import class_name_of

            entry = TaskEntry(label, class_name_of(task), assignments, source, getattr(task, "task", task))
        return replace(self, tasks={**self.tasks, label: entry}, steps=())

    def remove(self, *labels: str) -> Pipeline:
        """Return a pipeline without some tasks; subsets lose them too."""
        self._known(labels)
        tasks = {label: entry for label, entry in self.tasks.items() if label not in labels}
        subsets = {
            name: replace(subset, labels=left)
            for name, subset in self.subsets.items()
            if (left := tuple(label for label in subset.labels if label not in labels))
        }
        steps = tuple(step for step in self.steps if step.label in subsets)
        return replace(self, tasks=tasks, subsets=subsets, steps=steps)

    def configure(self, *overrides: str) -> Pipeline:
        """Return a pipeline with values set.

        Parameters
        ----------
        *overrides : str
            ``label:dotted.field=value`` or ``parameters:NAME=value``, applied in order; a value is read as YAML, so
            that ``5``, ``[1, 2]`` and ``true`` are what they look like.

        Raises
        ------
        PipelineError
            If an override is not of this form or names no task.
        """
        pipeline = self
        for override in overrides:
            label, field_name, text = _split_override(override)
            one = Assignment(field_name, scalar_of(text), Source(f"argument '{override}'"))
            pipeline = pipeline._set_parameter(one) if label == "parameters" else pipeline._assign(label, [one])
        return pipeline

    def configure_from(self, label: str, location: str | Path) -> Pipeline:
        """Return a pipeline with the values of a YAML file of ``dotted.field: value`` set for one task."""
        return self._assign(label, read_assignments(str(location), Path(), Source(f"argument '{label}:{location}'")))

    def _assign(self, label: str, assignments: list[Assignment]) -> Pipeline:
        if label not in self.tasks:
            raise assignments[0].source.error(f"the pipeline has no task {label!r}{self._near(label)}")
        entry = self.tasks[label]
        entry = replace(entry, assignments=(*entry.assignments, *assignments))
        return replace(self, tasks={**self.tasks, label: entry})

    def _set_parameter(self, one: Assignment) -> Pipeline:
        if one.field not in self.parameters:
            known = ", ".join(self.parameters) or "none"
            offer = near(one.field, self.parameters) or f"; it has: {known}"
            raise one.source.error(f"the pipeline has no parameter {one.field!r}{offer}")
        return replace(self, parameters={**self.parameters, one.field: one})

    def _known(self, labels: Iterable[str]) -> None:
        for label in labels:
            if label not in self.tasks:
                raise PipelineError(f"the pipeline has no task {label!r}{self._near(label)}")

    def _near(self, label: str) -> str:
        return near(label, self.tasks) or f"; it has: {', '.join(self.tasks) or 'none'}"

    def choose(self, labels: str) -> Pipeline:
        """Return a pipeline of which only some labels, subsets and ranges will be used, as after ``#`` in a location."""
        return replace(self, chosen=(*self.chosen, labels))

    def select(self, expression: str) -> Pipeline:
        """Return a pipeline of which only what a set expression selects will be used, as with ``--select-tasks``."""
        return replace(self, selected=(*self.selected, expression))

    def resolve(
        self,
        universe: Universe | None = None,
        dataset_types: Mapping[str, DatasetType] | None = None,
        *,
        trust: bool | Collection[str] | None = None,
    ) -> PipelineGraph:
        """Import and configure the tasks, check everything, and return the graph.

        Parameters
        ----------
        universe : Universe, optional
            The dimensions; the default universe if left out.
        dataset_types : Mapping[str, DatasetType], optional
            Dataset types of the repository.
        trust : bool or collection of str, optional
            Whether to import task classes outside installed entry points, or packages from which one may besides; by
            default as the pipeline is trusted.

        Raises
        ------
        PipelineError
            With file and line where the mistake has one.
        """
        from bunter.dimensions import Universe
        from bunter.pipeline.resolving import resolve_task

        universe = universe or Universe.default()
        trust = self._trust(trust)
        if not self.tasks:
            raise PipelineError("the pipeline has no tasks", file=self.location)
        nodes = [resolve_task(entry, universe, self.parameters, trust=trust) for entry in self.entries().values()]
        try:
            return self._assembled(nodes, universe, dataset_types)
        except PipelineError as error:
            if error.file is not None:
                raise
            from bunter.pipeline.checking import placed

            raise placed(error, self) from error

    def check(
        self,
        universe: Universe | None = None,
        dataset_types: Mapping[str, DatasetType] | None = None,
        *,
        trust: bool | Collection[str] | None = None,
    ) -> list[PipelineError]:
        """Import and configure the tasks, and return everything that is wrong; nothing if `resolve` would do.

        Parameters
        ----------
        universe, dataset_types, trust
            As for `resolve`.
        """
        from bunter.dimensions import Universe
        from bunter.pipeline.checking import problems_of

        if not self.tasks:
            return [PipelineError("the pipeline has no tasks", file=self.location)]
        return problems_of(self, universe or Universe.default(), dataset_types, trust=self._trust(trust))

    def task_class(self, label: str, *, trust: bool | Collection[str] | None = None) -> type[PipelineTask[Any]]:
        """Import and return the class of one task.

        Raises
        ------
        PipelineError
            If there is no such task, or its class cannot be imported.
        """
        from bunter.pipeline.trust import find_task

        self._known([label])
        entry = self.tasks[label]
        found: type[PipelineTask[Any]] | None = entry.task_class
        return found or find_task(entry.class_name, trust=self._trust(trust))

    def values_of(self, label: str, *, trust: bool | Collection[str] | None = None) -> dict[str, tuple[Any, str]]:
        """Return value and source of every configuration field of a task, by dotted name.

        The source is ``file:line``, the words of an argument, or ``"default"``.
        """
        from bunter.pipeline.configuring import sources_of

        return sources_of(self.task_class(label, trust=trust).Config, self.entries()[label], self.parameters)

    def entries(self) -> dict[str, TaskEntry]:
        """Return the tasks by label, told also what files of the pipeline's instrument say."""
        from bunter.pipeline.instrument_files import with_instrument_files

        return with_instrument_files(self.tasks, self.instrument)

    def _trust(self, trust: bool | Collection[str] | None) -> bool | Collection[str]:  # noqa: FBT001 - tri-state
        """Return what may be imported: packages that are named add to what is trusted anyway."""
        if isinstance(trust, bool):
            return trust
        return True if self.trusted else trust or False

    def chosen_labels(self, wiring: Wiring) -> set[str]:
        """Return the labels that `choose` and `select` leave, given what the tasks read and write."""
        from bunter.pipeline.selecting import select_labels, select_tasks

        subsets = {name: subset.labels for name, subset in self.subsets.items()}
        labels = set(self.tasks)
        for spec in self.chosen:
            labels &= set(select_labels(spec, wiring, subsets))
        for expression in self.selected:
            labels &= set(select_tasks(expression, wiring, subsets))
        if not labels:
            raise PipelineError("the selections together leave no task", file=self.location)
        return labels

    def outline(self) -> dict[str, StaticTask]:
        """Return what the source texts of the chosen tasks tell, producers first; nothing is imported.

        Raises
        ------
        PipelineError
            If the tasks wait for each other in a circle.
        """
        from bunter.pipeline.statics import read_tasks, wiring_of

        read = read_tasks(self)
        wiring = wiring_of(read)
        return {label: read[label] for label in wiring.only(self.chosen_labels(wiring)).ordered()}

    def draw(self, style: str = "text") -> str:
        """Return a drawing as ``"text"``, ``"svg"``, ``"mermaid"`` or ``"html"``; tasks are read, never imported.

        Raises
        ------
        PipelineError
            If there is no such style, or the tasks wait for each other in a circle.
        """
        from bunter.pipeline.drawing import draw

        return draw(self.diagram(), style)

    def diagram(self) -> Diagram:
        """Return what to draw of tasks that are read, never imported.

        Those whose source cannot be found, or whose connections are computed, are drawn alone and listed as missing.
        """
        from bunter.pipeline.drawing import Box, Line, diagram_of

        read = self.outline()
        tasks = [Box(f"T:{name}", (name,), read[name].dimensions, self.tasks[name].class_name) for name in read]
        lines = [
            Line(
                label, name, one.name.partition(".")[0], one.is_input, one.kind == "prerequisite",
                tuple(one.dimensions), one.storage_class,
            )
            for label, task in read.items()
            for name, one in zip(task.names, task.connections, strict=True)
        ]  # fmt: skip
        missing = tuple(label for label, task in read.items() if not task.known)
        return diagram_of(tasks, lines, self.description, missing)

    def to_dict(self) -> dict[str, Any]:
        """Return the pipeline, its imports merged, as plain data that `from_dict` reads back.

        Raises
        ------
        PipelineError
            If a part of it is chosen.
        """
        from bunter.pipeline.written import plain_pipeline

        return plain_pipeline(self)

    def to_text(self) -> str:
        """Return the pipeline, its imports merged, as the text of a pipeline file."""
        from bunter.pipeline.written import yaml_of

        return yaml_of(self.to_dict())

    def _assembled(
        self, nodes: list[TaskNode], universe: Universe, dataset_types: Mapping[str, DatasetType] | None
    ) -> PipelineGraph:
        from bunter.pipeline.contracts import check_contracts
        from bunter.pipeline.pipeline_graph import PipelineGraph
        from bunter.pipeline.resolving import agree_on_dataset_types, check_steps, refuse_made_prerequisites

        subsets = {name: subset.labels for name, subset in self.subsets.items()}
        whole = PipelineGraph(tuple(nodes), {}, universe, subsets=subsets)
        check_steps(self.steps, subsets, {label: set(parents) for label, parents in whole.wiring.upstream().items()})
        labels = self.chosen_labels(whole.wiring)
        check_contracts(self.contracts, [whole[label] for label in labels])
        order = whole.wiring.only(labels).ordered()
        refuse_made_prerequisites([whole[label] for label in order])
        part = replace(
            whole,
            tasks=tuple(whole[label] for label in order),
            dataset_types=agree_on_dataset_types([whole[label] for label in order], dataset_types),
            description=self.description,
            instrument=self.instrument,
            steps=tuple((step.label, step.dimensions) for step in self.steps),
            contracts=tuple((one.expression, one.message) for one in self.contracts),
        )
        return part.select(labels)


def _is_own(file: str) -> bool:
    """Whether a file belongs to the user or the system: what another user wrote comes from elsewhere."""
    try:
        return Path(file).stat().st_uid in {0, os.getuid()}
    except OSError:
        return False


def _split_override(override: str) -> tuple[str, str, str]:
    label, colon, rest = override.partition(":")
    name, equals, text = rest.partition("=")
    if not (colon and equals and label and name):
        raise PipelineError(f"{override!r} is no override; write label:field=value")
    return label.strip(), name.strip(), text.strip()


def _located(value: Any, source: Source) -> Located:
    if isinstance(value, dict):
        return Located({str(key): _located(item, source) for key, item in value.items()}, source)
    if isinstance(value, list | tuple):
        return Located([_located(item, source) for item in value], source)
    return Located(value, source)

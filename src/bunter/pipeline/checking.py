"""Everything that is wrong with a pipeline, found in one go and each with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bunter.errors import PipelineError
from bunter.pipeline.contracts import check_contracts
from bunter.pipeline.pipeline_graph import PipelineGraph
from bunter.pipeline.resolving import agree_on_one, check_steps, mentions_of, refuse_made_prerequisites, resolve_task

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bunter.dataset import DatasetType
    from bunter.dimensions import Universe
    from bunter.pipeline.pipeline import Pipeline
    from bunter.pipeline.task_node import TaskNode

__all__ = ["placed", "problems_of"]

_NAMES = re.compile(r"(?:\b[tT]asks?\b|--\[[^\]]*\]-->|circle:)(?: label)? '?(\w+)'?|written by two tasks, '(\w+)'")
_CONNECTION = re.compile(r"(?:reads|writes) '(\w+)'")


def problems_of(
    pipeline: Pipeline,
    universe: Universe,
    dataset_types: Mapping[str, DatasetType] | None,
    *,
    trust: bool | Collection[str],
) -> list[PipelineError]:
    """Return what is wrong with a pipeline, in the order of its parts; nothing if `Pipeline.resolve` would do.

    What a task that cannot be made would read and write is not known, so that some clashes may only show once it can.
    """
    found: list[PipelineError] = []

    def attempt(deed: Callable[[], object]) -> object:
        try:
            return deed()
        except PipelineError as error:
            found.extend(placed(one, pipeline) for one in (error, *error.others))
            return None

    nodes: list[TaskNode] = []
    for entry in pipeline.entries().values():
        node = attempt(lambda entry=entry: resolve_task(entry, universe, pipeline.parameters, trust=trust))  # type: ignore[misc]
        nodes += [node] if node is not None else []  # type: ignore[list-item]
    graph = PipelineGraph(
        tuple(nodes), {}, universe, subsets={name: one.labels for name, one in pipeline.subsets.items()}
    )
    upstream = attempt(graph.wiring.upstream)
    if upstream is not None:
        attempt(graph.wiring.ordered)
    if isinstance(upstream, dict) and len(nodes) == len(pipeline.tasks):
        attempt(lambda: check_steps(pipeline.steps, graph.subsets, {label: set(up) for label, up in upstream.items()}))
        attempt(lambda: pipeline.chosen_labels(graph.wiring))
    for contract in pipeline.contracts:
        attempt(lambda contract=contract: check_contracts([contract], nodes))  # type: ignore[misc]
    for task in nodes:
        attempt(lambda task=task: refuse_made_prerequisites(nodes, of=task))  # type: ignore[misc]
    for name, sides in mentions_of(nodes).items():
        attempt(lambda name=name, sides=sides: agree_on_one(name, sides, dataset_types))  # type: ignore[misc]
    return list({str(one): one for one in found}.values())


def placed(error: PipelineError, pipeline: Pipeline) -> PipelineError:
    """Return the error with a place: where the task that it speaks of is written, or renames what it reads or writes."""
    if error.file is not None:
        return error
    message = str(error.args[0])
    for match in _NAMES.finditer(message):
        entry = pipeline.tasks.get(match[1] or match[2])
        if entry is not None:
            type_name = _CONNECTION.search(message)
            renames = [
                one.source
                for one in entry.assignments
                if type_name and one.field.startswith("connections") and type_name[1] in str(one.value)
            ]
            return (renames[-1] if renames else entry.source).error(message)
    return PipelineError(message, file=pipeline.location)

"""Builds the quantum graph of a pipeline from a repository."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bunter.errors import GraphError
from bunter.graph.assembly import Assembly, explain
from bunter.graph.closure import select_closure
from bunter.graph.conditions import bind_conjuncts, bind_restrictions, check_governors, listed
from bunter.graph.decisions import Decisions
from bunter.graph.emptiness import refuse_done, refuse_empty
from bunter.graph.header import Header
from bunter.graph.hooks import adjust
from bunter.graph.joins import Joins
from bunter.graph.lacking import awaited, indispensable, refuse_lacking, refuse_torn
from bunter.graph.precedents import spare
from bunter.graph.reading import Reading, with_written_once
from bunter.graph.strict import joint_groups, select_strict
from bunter.graph.terms import Terms
from bunter.graph.waiting import refuse_waiting, set_aside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.butler import Butler
    from bunter.dimensions import DimensionGroup
    from bunter.graph.closure import Selection
    from bunter.graph.decisions import Decision
    from bunter.graph.precedents import Precedent
    from bunter.graph.quantum_graph import QuantumGraph
    from bunter.pipeline import PipelineGraph

__all__ = ["build_graph"]

_SELECT = {"closure": select_closure, "strict": select_strict}


def build_graph(  # noqa: PLR0913 - all by keyword
    butler: Butler,
    pipeline: PipelineGraph,
    *,
    where: Any = "",
    binds: Mapping[str, object] | None = None,
    inputs: str | Sequence[str],
    output_run: str,
    select: Literal["closure", "strict"] = "closure",
    data_ids: Mapping[str, Sequence[Any]] | None = None,
    max_growth: float | None = 20.0,
    precedents: Sequence[Precedent] = (),
    decisions: Sequence[Decision] = (),
    profile: Literal["development", "production"] = "development",
    artifacts: bool = True,
    command: str = "",
    extends: bool = False,
) -> QuantumGraph:
    """Work out what a pipeline has to run.

    Parameters
    ----------
    butler : Butler
        The repository.
    pipeline : PipelineGraph
        The pipeline, resolved.
    where : str or expression
        The user's selection.
    binds : mapping, optional
        Values of names in the selection.
    inputs : str or sequence of str
        Collections in which inputs are searched, in order.
    output_run : str
        The run that gets all outputs; it need not exist.
    select : str
        "closure" (what is asked for and what that needs) or "strict" (every condition on every quantum).
    data_ids : mapping of str to sequence, optional
        A table of data IDs, columns by dimension; quanta must agree with one of its rows.
    max_growth : float, optional
        Refuse a graph that needs more than this many quanta for each one that the selection names itself; None for no
        limit.
    precedents : sequence of Precedent
        Earlier runs; what they have done with the same task, version and configuration on the same inputs is not planned
        again, nor what only that needs.
    decisions : sequence of Decision
        Vetoes and overrides of operators; the graph records them.
    profile : str
        What the lack of an input means where its connection does not say: in "development" the quantum is left out, in
        "production" the lack of an input that takes one dataset is an error.
    artifacts : bool
        Whether to attach where inputs are stored, so that workers need no database.
    command : str
        How the graph was asked for, to be remembered.
    extends : bool
        Whether the run is there and is extended; what tasks have written into it once is then not written again.

    Raises
    ------
    EmptyGraphError
        If there is nothing to run; the message says which task, input or condition is to blame.
    AllDoneError
        If earlier runs have done everything.
    WaitingError
        If all that is left waits for inputs that are not there yet.
    GraphError
        If a condition says nothing about the pipeline, the graph grows beyond ``max_growth``, an input that takes one
        dataset finds several, or one that may not be missing finds none.
    """
    inputs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    scope = _scope(pipeline)
    conjuncts = bind_conjuncts(where, scope=scope, binds=binds)
    conjuncts += bind_conjuncts(_fixed_by(pipeline), scope=scope)
    if data_ids:
        conjuncts.append(listed(data_ids, pipeline.universe))
    restrictions = bind_restrictions(pipeline)
    bound = Decisions.bind(decisions, pipeline, scope)
    others = [*restrictions.values(), *bound.tests.values()]
    alternatives = [(one.subject, one.use) for one in decisions if one.use]
    joint = joint_groups(pipeline.tasks, conjuncts) if select == "strict" else ()
    reading = Reading(butler, pipeline, inputs, conjuncts, restrictions=others, alternatives=alternatives, joint=joint)
    known = {name: len(values) for name, values in reading.governors.items()}
    for group in (conjuncts, *([one] for one in bound.tests.values())):
        check_governors(group, known=known, universe=pipeline.universe)
    terms = Terms(reading.conjuncts, restrictions, bound, indispensable(pipeline, profile), awaited(pipeline))
    sources = bound.without_vetoed(reading.sources(), pipeline)
    selection = _SELECT[select](Joins(sources), pipeline.tasks, terms)
    refuse_empty(butler, selection, inputs, reading)
    selection = spare(selection, precedents)
    refuse_done(selection)
    selection = set_aside(selection)
    refuse_waiting(selection)
    refuse_lacking(selection)
    refuse_torn(selection)
    selection = adjust(selection, pipeline)
    refuse_empty(butler, selection, inputs, reading)
    if max_growth is not None and not all(conjunct.is_governing for conjunct in reading.conjuncts):
        _refuse_growth(selection, max_growth)
    header = _header(pipeline, inputs=inputs, output_run=output_run, where=where, select=select, command=command)
    header = replace(header, decisions=tuple(bound.to_dict()))
    if extends:
        sources = with_written_once(butler, pipeline, sources, output_run)
    locate = butler.locate if artifacts or extends else None
    return Assembly(selection, sources, pipeline, header, locate).graph()


def _scope(pipeline: PipelineGraph) -> DimensionGroup:
    """All dimensions that the pipeline speaks of."""
    names = {name for task in pipeline.tasks for name in task.dimensions.names}
    names |= {name for task in pipeline.tasks for c in task.connections for name in c.dimensions.names}
    return pipeline.universe.conform(names)


def _fixed_by(pipeline: PipelineGraph) -> str:
    """Say what the pipeline itself fixes, as a condition."""
    return " AND ".join(f"{name} = '{value}'" for name, value in pipeline.data_id.items() if name in _scope(pipeline))


def _refuse_growth(selection: Selection, limit: float) -> None:
    count = sum(int(np.count_nonzero(role)) for role in selection.roles.values())
    needed, asked = min(sum(selection.brought.values()), count), selection.asked
    if needed <= limit * asked:
        return
    planned = {label: int(np.count_nonzero(role)) for label, role in selection.roles.items()}
    # The link to blame is the one with the most new quanta for each quantum that reads them.
    brought = explain(selection, {}).brought
    label, connection, producer, count = max(brought, key=lambda one: one[3] / max(planned[one[0]], 1))
    raise GraphError(
        f"the selection asks for {asked:,} quanta, and these need {needed:,} more: {label} pulls in {count:,} quanta of "
        f"{producer} through `{connection}`. Select more narrowly, start after {producer} with its outputs as inputs, or "
        f"allow it with --max-growth {int(needed / max(asked, 1)) + 1}"
    )


def _header(
    pipeline: PipelineGraph, *, inputs: tuple[str, ...], output_run: str, where: Any, select: str, command: str
) -> Header:
    from bunter import effects
    from bunter.query import split_conjuncts
    from bunter.values import Principal

    principal = Principal.current()
    universe = pipeline.universe
    return Header(
        output_run=output_run,
        inputs=inputs,
        where=where if isinstance(where, str) else " AND ".join(split_conjuncts(where)),
        select=select,
        user=principal.user,
        host=principal.host,
        command=command,
        created_ns=effects.now_ns(),
        dimensions={"namespace": universe.namespace, "version": universe.version},
    )

"""The graph of what is wished for: built for a run that begins, or only looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.errors import RunError
from bunter.execution.chaining import future_chain
from bunter.execution.extending import earlier_parts, refuse_clashes, settle, take_over
from bunter.execution.precedents import find_precedents, reused_runs

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.execution.run_directory import RunDirectory
    from bunter.execution.wish import Wish
    from bunter.graph import QuantumGraph
    from bunter.pipeline import PipelineGraph

__all__ = ["build", "foresee", "inputs_of", "plan"]


def plan(butler: Butler, pipeline: PipelineGraph, wish: Wish, directory: RunDirectory) -> QuantumGraph:
    """Build the graph and store it; an empty one leaves nothing behind."""
    try:
        earlier = earlier_parts(butler, directory)
        for part in earlier:
            settle(butler, part)
        graph = build(butler, pipeline, wish, directory.run, extends=bool(earlier))
        if earlier:
            refuse_clashes(butler, graph, earlier)
    except BaseException:
        directory.forget()
        raise
    graph.write(directory.graph_path)
    take_over(earlier)
    return directory.graph()


def build(butler: Butler, pipeline: PipelineGraph, wish: Wish, run: str, *, extends: bool = False) -> QuantumGraph:
    """Build the graph of a run; one that ``extends`` the run leaves out what its earlier parts have done."""
    from bunter.graph import build_graph

    searched = ((run,) if extends else ()) + wish.skip_existing_in
    return build_graph(
        butler,
        pipeline,
        where=wish.where,
        binds=wish.binds,
        inputs=inputs_of(butler, wish),
        output_run=run,
        select=wish.select,
        data_ids=wish.data_ids,
        max_growth=wish.max_growth,
        precedents=find_precedents(butler, searched) if searched else (),
        decisions=wish.decisions,
        profile=wish.profile,
        command=wish.command,
        extends=extends,
    )


def inputs_of(butler: Butler, wish: Wish) -> tuple[str, ...]:
    """Return the collections in which inputs are searched: those given, or what the chain of the results shows."""
    if wish.inputs:
        return wish.inputs
    if wish.output and butler.collections.query(wish.output):
        if not wish.replace_run:
            return (wish.output,)
        _, replaced = future_chain(butler, wish.chaining, f"{wish.output}/new", ())
        return tuple(one for one in butler.collections.info(wish.output).children if one != replaced)
    raise RunError("say where the inputs are: -i COLLECTION, or more of them separated by commas")


def foresee(butler: Butler, pipeline: PipelineGraph, wish: Wish) -> tuple[QuantumGraph, tuple[str, ...], str]:
    """Plan what a wish would run, and write nothing.

    Parameters
    ----------
    butler : Butler
        The repository.
    pipeline : PipelineGraph
        The tasks.
    wish : Wish
        On what, and where the results go.

    Returns
    -------
    graph : QuantumGraph
        What would be run if it were begun anew.
    chain : tuple of str
        What the chain of the results would show; empty if there is none.
    replaced : str
        The run that it would no longer show; empty if there is none.
    """
    run = wish.output_run or f"{wish.output}/<time>"
    graph = build(butler, pipeline, wish, run)
    if not wish.output:
        return graph, (), ""
    return graph, *future_chain(butler, wish.chaining, run, [*reused_runs(graph), *graph.header.inputs])

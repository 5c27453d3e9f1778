"""Where runs begin and go on: from a pipeline and a wish, from a stored graph, or for jobs elsewhere."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.dataset import CollectionType
from bunter.dataset.changes import RegisterCollection, SetChain
from bunter.errors import AllDoneError, WaitingError
from bunter.execution.chaining import Chaining, asked_to_prune, future_chain, prune_replaced, show_results
from bunter.execution.extending import earlier_parts, take_over
from bunter.execution.full_disk import saying_full
from bunter.execution.planning import inputs_of, plan
from bunter.execution.pool import warm_up
from bunter.execution.run_directory import RUNS, RunDirectory, RunRequest, runs_root
from bunter.execution.wished_run import further_part, named_run, wished_run
from bunter.execution.worker_pool import modules_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.execution.run_options import RunOptions
    from bunter.execution.summary import RunSummary
    from bunter.execution.watch import Watcher
    from bunter.execution.wish import Wish
    from bunter.graph import QuantumGraph
    from bunter.pipeline import PipelineGraph

__all__ = ["prepare_run", "resume", "run_pipeline", "run_stored_graph"]

_MOST_PAUSE_S = 30.0


def run_pipeline(
    butler: Butler,
    pipeline: PipelineGraph,
    wish: Wish,
    *,
    options: RunOptions | None = None,
    watcher: Watcher | None = None,
) -> RunSummary:
    """Run a pipeline, or go on with the run that the same wish has begun before and that is not finished.

    Parameters
    ----------
    butler : Butler
        A writeable butler of the repository.
    pipeline : PipelineGraph
        The tasks.
    wish : Wish
        On what, and where the results go.
    options : RunOptions, optional
        How.
    watcher : Watcher, optional
        Is told what happens.

    Returns
    -------
    RunSummary
        How it ended; failures of quanta are in it and raise nothing.

    Raises
    ------
    EmptyGraphError
        If there is nothing to run.
    RunError
        If the run was begun by another request, or another process works on it.
    """
    if options is not None:
        options = replace(options, resources={task.label: task.resources for task in pipeline.tasks})
    if options is not None and options.jobs > 1 and getattr(butler.repository, "runs", None) is not None:
        warm_up(modules_of(pipeline))  # while the graph is built
    patience_s = options.patience_s if options is not None else 0.0
    end = effects.monotonic() + patience_s
    while True:
        summary = _go_on(butler, pipeline, wish, options=options, watcher=watcher)
        left_s = end - effects.monotonic()
        if summary.status != "waiting" or left_s <= 0:
            return summary
        effects.sleep(min(left_s, _MOST_PAUSE_S, max(patience_s / 20, 0.1)))


def _go_on(butler: Butler, pipeline: PipelineGraph, wish: Wish, **more: Any) -> RunSummary:
    """Run what can be run now."""
    with ExitStack() as stack, saying_full(runs_root(butler) / RUNS):
        try:
            directory = wished_run(butler, pipeline, wish, stack)
            if not directory.has_graph():
                graph = plan(butler, pipeline, wish, directory)
                return _carry_out(butler, graph, directory, wish.chaining, **more)
            take_over(earlier_parts(butler, directory))
            summary = _carry_out(butler, directory.graph(), directory, wish.chaining, **more)
            if summary.status == "waiting":
                return _next_part(butler, pipeline, wish, directory, stack, **more) or summary
        except AllDoneError as done:
            return _all_done(butler, wish, done)
        except WaitingError as waiting:
            return _nothing_yet(wish, waiting)
        return summary


def _next_part(
    butler: Butler, pipeline: PipelineGraph, wish: Wish, directory: RunDirectory, stack: ExitStack, **more: Any
) -> RunSummary | None:
    """Run what an earlier part of a run has waited for, if some of it is there now."""
    part = further_part(butler, directory.run, wish.request(pipeline), stack)
    try:
        graph = plan(butler, pipeline, wish, part)
    except (AllDoneError, WaitingError):
        return None
    return _carry_out(butler, graph, part, wish.chaining, **more)


def _nothing_yet(wish: Wish, waiting: WaitingError) -> RunSummary:
    from bunter.execution.summary import RunSummary

    return RunSummary(wish.output_run, wish.output, "waiting", 0, {}, (), 0, 0.0, 0.0, str(waiting))


def run_stored_graph(
    butler: Butler,
    path: Path | str,
    *,
    output: str = "",
    options: RunOptions | None = None,
    watcher: Watcher | None = None,
) -> RunSummary:
    """Run a graph that was written into a file or a storage service before, or go on with it."""
    from bunter.graph import QuantumGraph

    graph = QuantumGraph.read(path)
    run = graph.header.output_run
    request = RunRequest(graph.header.graph_id, graph.header.inputs, output, more="graph")
    directory = named_run(runs_root(butler), run, request)
    with saying_full(directory.path), directory.lock():
        if not directory.has_graph():
            directory.adopt_graph(path)
        return _carry_out(butler, directory.graph(), directory, Chaining(output), options=options, watcher=watcher)


def resume(
    butler: Butler, directory: RunDirectory, *, options: RunOptions | None = None, watcher: Watcher | None = None
) -> RunSummary:
    """Go on with a run as its stored graph says; its folder is locked by the caller."""
    chaining = Chaining(directory.request.output)
    with saying_full(directory.path):
        summary = _carry_out(butler, directory.graph(), directory, chaining, options=options, watcher=watcher)
        if directory.is_finished:
            parts = [directory, *earlier_parts(butler, directory)]
            prune_replaced(butler, parts, asked_to_prune(parts))
        return summary


def prepare_run(butler: Butler, path: Path | str, *, output: str = "") -> RunDirectory:
    """Prepare a run whose quanta are run by jobs: register it and what its tasks write once, and say where jobs write.

    Parameters
    ----------
    butler : Butler
        A writeable butler of the repository.
    path : Path or str
        File of the graph, or its address in a storage service.
    output : str, optional
        A chain that shows the results.

    Returns
    -------
    RunDirectory
        Its folder, for `bunter.execution.run_job`.
    """
    from bunter.execution.run import initialise_graph
    from bunter.execution.site import Site
    from bunter.graph import QuantumGraph

    graph = QuantumGraph.read(path)
    request = RunRequest(graph.header.graph_id, graph.header.inputs, output, more="graph")
    directory = named_run(runs_root(butler), graph.header.output_run, request)
    with directory.lock():
        if not directory.has_graph():
            directory.adopt_graph(path)
        show = _shows(butler, graph, directory, Chaining(output))
        Site.of(butler, directory.path, initialise_graph(butler, graph, directory, on_initialised=show)).write(
            directory.path
        )
    return directory


def _all_done(butler: Butler, wish: Wish, done: AllDoneError) -> RunSummary:
    """Show what earlier runs have done in place of a new one."""
    from bunter.execution.summary import RunSummary

    if wish.output:
        children, _ = future_chain(butler, wish.chaining, "", [*done.runs, *inputs_of(butler, wish)])
        butler.apply(RegisterCollection(wish.output, CollectionType.CHAINED), SetChain(wish.output, children))
    return RunSummary("", wish.output, "nothing to do", 0, {}, (), 0, 0.0, 0.0, str(done))


def _carry_out(
    butler: Butler, graph: QuantumGraph, directory: RunDirectory, chaining: Chaining, **more: Any
) -> RunSummary:
    from bunter.execution.run import run_graph

    show = _shows(butler, graph, directory, chaining)
    summary = run_graph(butler, graph, directory, on_initialised=show, **more)
    if directory.is_finished:
        prune_replaced(butler, [directory, *earlier_parts(butler, directory)], chaining.prune)
    return summary


def _shows(butler: Butler, graph: QuantumGraph, directory: RunDirectory, chaining: Chaining) -> Callable[[], None]:
    """Return what makes the chain of the results show the run."""

    def show() -> None:
        if chaining.output:
            show_results(butler, graph, directory, chaining)

    return show

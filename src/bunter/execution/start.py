"""Where a run begins: a new one, or the unfinished one that the same request has begun before."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from bunter import effects
from bunter.dataset import CollectionType
from bunter.dataset.changes import RegisterCollection, SetChain
from bunter.errors import AllDoneError, RunError, WaitingError
from bunter.execution.chaining import Chaining, asked_to_prune, future_chain, newest_run, prune_replaced, show_results
from bunter.execution.extending import earlier_parts, hand_over, refuse_clashes, settle
from bunter.execution.full_disk import saying_full
from bunter.execution.pool import warm_up
from bunter.execution.precedents import find_precedents, reused_runs
from bunter.execution.run_directory import EXTENDED, RUNS, RunDirectory, RunRequest, run_directories, runs_root
from bunter.execution.worker_pool import modules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.execution.chaining import Prune
    from bunter.execution.run import RunOptions
    from bunter.execution.summary import RunSummary
    from bunter.execution.watch import Watcher
    from bunter.graph import Decision, QuantumGraph
    from bunter.graph.keys import KeyTable
    from bunter.pipeline import PipelineGraph

__all__ = ["Wish", "foresee", "prepare_run", "resume", "run_pipeline", "run_stored_graph"]

_MOST_PAUSE_S = 30.0
_MORE = {"binds", "data_ids", "select", "skip_existing_in", "decisions", "profile", "replace_run"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants to be run.

    Parameters
    ----------
    inputs : tuple of str
        Collections in which inputs are searched; by default those of the output chain, or of the butler.
    output : str
        A chain that shows the results; each run gets a name of its own below it.
    output_run : str
        Name of the run, where the user wants to choose it.
    where : str
        Selection of data.
    binds : mapping
        Values of names in the selection.
    data_ids : mapping, optional
        A table of data IDs, columns by dimension.
    select : str
        ``closure`` or ``strict``, see `bunter.graph.build_graph`.
    max_growth : float, optional
        See `bunter.graph.build_graph`.
    skip_existing_in : tuple of str
        Collections with earlier runs; what these have done is not done again.
    decisions : tuple of Decision
        Vetoes and overrides of operators.
    profile : str
        ``development`` or ``production``, see `bunter.graph.build_graph`.
    command : str
        The command line, to be remembered.
    replace_run : bool
        Whether the run takes the place of the one that the chain shows first, which is then no input either.
    prune_replaced : str
        What becomes of that run when all has succeeded: ``unstore`` removes its files, ``purge`` the run with its datasets.
    rebase : bool
        Whether the chain forgets the inputs that it showed in favour of those given now.
    extend_run : bool
        Whether the results go into the run that is there, by its name or as the first of the chain, though something else
        was asked for then; what it has done already is not done again.
    """

    inputs: tuple[str, ...] = ()
    output: str = ""
    output_run: str = ""
    where: str = ""
    binds: Mapping[str, object] = field(default_factory=dict)
    data_ids: Mapping[str, Sequence[Any]] | None = None
    select: Literal["closure", "strict"] = "closure"
    max_growth: float | None = 20.0
    skip_existing_in: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    profile: Literal["development", "production"] = "development"
    command: str = ""
    replace_run: bool = False
    prune_replaced: Prune = ""
    rebase: bool = False
    extend_run: bool = False

    @property
    def chaining(self) -> Chaining:
        """How the run enters the chain of its results."""
        return Chaining(self.output, self.replace_run, self.prune_replaced, self.rebase)

    def request(self, pipeline: PipelineGraph) -> RunRequest:
        """Return what tells this wish from another."""
        whole = pipeline.to_dict()
        whole["tasks"] = [{name: one[name] for name in one if name != "resources"} for one in whole["tasks"]]
        plain = json.dumps(whole, sort_keys=True, default=str)
        more = {name: value for name, value in asdict(self).items() if name in _MORE and value}
        return RunRequest(
            pipeline=hashlib.sha256(plain.encode()).hexdigest(),
            inputs=self.inputs,
            output=self.output,
            where=self.where,
            more=json.dumps(more, sort_keys=True, default=str),
        )


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
            directory = _directory(butler, pipeline, wish, stack)
            if not directory.has_graph():
                graph = _plan(butler, pipeline, wish, directory)
                return _carry_out(butler, graph, directory, wish.chaining, **more)
            _take_over(earlier_parts(butler, directory))
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
    part = _part(butler, directory.run, wish.request(pipeline), stack)
    try:
        graph = _plan(butler, pipeline, wish, part)
    except (AllDoneError, WaitingError):
        return None
    return _carry_out(butler, graph, part, wish.chaining, **more)


def _part(butler: Butler, run: str, request: RunRequest, stack: ExitStack) -> RunDirectory:
    """Begin a further part of a run, which is locked as the others are."""
    part = RunDirectory.extend(runs_root(butler), run, request)
    stack.enter_context(part.lock())
    return part


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
    directory = _named(runs_root(butler), run, request)
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
    directory = _named(runs_root(butler), graph.header.output_run, request)
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
        children, _ = future_chain(butler, wish.chaining, "", [*done.runs, *_inputs(butler, wish)])
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


def _directory(butler: Butler, pipeline: PipelineGraph, wish: Wish, stack: ExitStack) -> RunDirectory:
    """Find or make the folder of the run that a wish is about, and lock it."""
    root, request = runs_root(butler), wish.request(pipeline)
    run = wish.output_run or (newest_run(butler, wish.output) if wish.extend_run else "")
    if run and wish.extend_run and (parts := RunDirectory.parts(root, run)):
        last = _locked(parts, stack)
        is_over = last.is_finished or bool(last.request.differences(request))
        return _part(butler, run, request, stack) if is_over else last
    directory = _named(root, run, request) if run else _of_chain(butler, pipeline, wish, request)
    return _locked(RunDirectory.parts(root, directory.run), stack)


def _locked(parts: Sequence[RunDirectory], stack: ExitStack) -> RunDirectory:
    """Lock the first part of a run, so that nobody extends it, and the last; return the last."""
    for part in {str(one.path): one for one in (parts[0], parts[-1])}.values():
        stack.enter_context(part.lock())
    return parts[-1]


def _of_chain(butler: Butler, pipeline: PipelineGraph, wish: Wish, request: RunRequest) -> RunDirectory:
    """Find the newest run of a chain if the wish is to go on with it; make a new one otherwise."""
    root = runs_root(butler)
    if not wish.output:
        raise RunError("say where the results go: a chain with -o OUT, or a run with --output-run RUN")
    for directory in run_directories(root):
        if directory.request.output == wish.output and not directory.is_foreign:
            if not directory.request.differences(request) and _can_go_on(butler, pipeline, wish, directory):
                return directory
            break
    return _new(root, wish.output, request)


def _can_go_on(butler: Butler, pipeline: PipelineGraph, wish: Wish, directory: RunDirectory) -> bool:
    """Whether a run of the same wish is unfinished, or finished with nothing new to be done since."""
    if not directory.is_finished:
        return True
    if earlier_parts(butler, directory):
        return _has_nothing_new(butler, pipeline, wish, directory)
    return _is_same_work(directory.graph(), _build(butler, pipeline, wish, f"{directory.run}-again"))


def _has_nothing_new(butler: Butler, pipeline: PipelineGraph, wish: Wish, directory: RunDirectory) -> bool:
    try:
        _build(butler, pipeline, wish, directory.run, extends=True)
    except (AllDoneError, WaitingError):
        return True
    return False


def _is_same_work(one: QuantumGraph, other: QuantumGraph) -> bool:
    """Whether two graphs have the same quanta and the same inputs."""
    if one.counts != other.counts:
        return False
    for label, table in one.tasks.items():
        if _rows(table.keys) != _rows(other.tasks[label].keys):
            return False
    return _inputs_of(one) == _inputs_of(other)


def _rows(keys: KeyTable) -> set[tuple[Any, ...]]:
    columns = [keys.values(name).tolist() for name in keys.required]
    return set(zip(*columns, strict=True)) if columns else set()


def _inputs_of(graph: QuantumGraph) -> set[bytes]:
    return {bytes(row) for table in graph.datasets.values() if table.ids is not None for row in table.ids}


def _named(root: Path, run: str, request: RunRequest) -> RunDirectory:
    directory = RunDirectory.of(root, run)
    if not directory.exists:
        return RunDirectory.create(root, run, request)
    if differences := directory.request.differences(request):
        raise RunError(
            f"the run {run!r} was begun with another {' and '.join(differences)}; "
            "give the command it was begun with, extend it with --extend-run, or choose another name for the run"
        )
    return directory


def _new(root: Path, output: str, request: RunRequest) -> RunDirectory:
    """Make a run named by the time; a second one within the same second gets a number."""
    now = dt.datetime.fromtimestamp(effects.now_ns() / 1e9, dt.UTC)
    name = f"{output}/{now:%Y%m%dT%H%M%SZ}"
    for number in range(2, 1000):
        try:
            return RunDirectory.create(root, name, request)
        except FileExistsError:
            name = f"{output}/{now:%Y%m%dT%H%M%SZ}-{number}"
    raise RunError(f"too many runs of {output!r} were begun within one second")


def _plan(butler: Butler, pipeline: PipelineGraph, wish: Wish, directory: RunDirectory) -> QuantumGraph:
    """Build the graph and store it; an empty one leaves nothing behind."""
    try:
        earlier = earlier_parts(butler, directory)
        for part in earlier:
            settle(butler, part)
        graph = _build(butler, pipeline, wish, directory.run, extends=bool(earlier))
        if earlier:
            refuse_clashes(butler, graph, earlier)
    except BaseException:
        directory.forget()
        raise
    graph.write(directory.graph_path)
    _take_over(earlier)
    return directory.graph()


def _take_over(earlier: Sequence[RunDirectory]) -> None:
    """Let the earlier parts of a run know that there is a later one; a process may have died before it could."""
    for part in earlier:
        if (part.summary() or {}).get("status") != EXTENDED:
            hand_over(part)


def _build(butler: Butler, pipeline: PipelineGraph, wish: Wish, run: str, *, extends: bool = False) -> QuantumGraph:
    from bunter.graph import build_graph

    searched = ((run,) if extends else ()) + wish.skip_existing_in
    return build_graph(
        butler,
        pipeline,
        where=wish.where,
        binds=wish.binds,
        inputs=_inputs(butler, wish),
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


def _inputs(butler: Butler, wish: Wish) -> tuple[str, ...]:
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
    graph = _build(butler, pipeline, wish, run)
    if not wish.output:
        return graph, (), ""
    return graph, *future_chain(butler, wish.chaining, run, [*reused_runs(graph), *graph.header.inputs])

"""The run that a wish is about: one that was begun before, a further part of it, or a new one."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.errors import AllDoneError, RunError, WaitingError
from bunter.execution.chaining import newest_run
from bunter.execution.extending import earlier_parts
from bunter.execution.planning import build
from bunter.execution.run_directory import RunDirectory, run_directories, runs_root

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.execution.run_directory import RunRequest
    from bunter.execution.wish import Wish
    from bunter.graph import QuantumGraph
    from bunter.graph.keys import KeyTable
    from bunter.pipeline import PipelineGraph

__all__ = ["further_part", "named_run", "wished_run"]


def wished_run(butler: Butler, pipeline: PipelineGraph, wish: Wish, stack: ExitStack) -> RunDirectory:
    """Find or make the folder of the run that a wish is about, and lock it."""
    root, request = runs_root(butler), wish.request(pipeline)
    run = wish.output_run or (newest_run(butler, wish.output) if wish.extend_run else "")
    if run and wish.extend_run and (parts := RunDirectory.parts(root, run)):
        last = _locked(parts, stack)
        is_over = last.is_finished or bool(last.request.differences(request))
        return further_part(butler, run, request, stack) if is_over else last
    directory = named_run(root, run, request) if run else _of_chain(butler, pipeline, wish, request)
    return _locked(RunDirectory.parts(root, directory.run), stack)


def further_part(butler: Butler, run: str, request: RunRequest, stack: ExitStack) -> RunDirectory:
    """Begin a further part of a run, which is locked as the others are."""
    part = RunDirectory.extend(runs_root(butler), run, request)
    stack.enter_context(part.lock())
    return part


def named_run(root: Path, run: str, request: RunRequest) -> RunDirectory:
    """Return the folder of a run, made if there is none; one that was begun with another request is refused."""
    directory = RunDirectory.of(root, run)
    if not directory.exists:
        return RunDirectory.create(root, run, request)
    if differences := directory.request.differences(request):
        raise RunError(
            f"the run {run!r} was begun with another {' and '.join(differences)}; "
            "give the command it was begun with, extend it with --extend-run, or choose another name for the run"
        )
    return directory


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
    return _is_same_work(directory.graph(), build(butler, pipeline, wish, f"{directory.run}-again"))


def _has_nothing_new(butler: Butler, pipeline: PipelineGraph, wish: Wish, directory: RunDirectory) -> bool:
    try:
        build(butler, pipeline, wish, directory.run, extends=True)
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

"""Commands that run pipelines and report on runs."""

from __future__ import annotations

import functools
import logging
import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import names_of
from bunter.cli.commands.graph import DECISIONS_HELP, PROFILE_HELP, SKIP_HELP, decisions_in
from bunter.cli.commands.limit_options import limit_options, profiles_option
from bunter.cli.commands.mock_options import mock_options
from bunter.cli.commands.pipeline import pipeline_options, read_pipeline
from bunter.cli.data_ids import data_id_option, read_data_ids
from bunter.cli.output import output_options
from bunter.cli.telemetry import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.cli.commands.mock_options import Mocking
    from bunter.cli.output import Emit
    from bunter.execution import FailedQuantum, State, Watcher, Wish
    from bunter.pipeline import PipelineGraph

__all__ = ["PARTIAL_HELP", "Progress", "report", "run", "worker_logging"]

_EPILOG = """\b\nExample: bunter run -b demo -p bunter.demo:pipelines/science.yaml#isr -i DemoCam/raw/all,DemoCam/calib -o u/me/isr -d "detector = 0" -j 2

The same command goes on where an unfinished run stopped. Exit codes: 0 all has succeeded, 1 something failed, 2 wrong usage,
20 all that failed would fail again, 21 nothing in this run can work, 75 some quanta wait for inputs that are not there yet,
130 interrupted."""

EXTEND_HELP = "Put the results into the run that is there, though another pipeline or selection was asked for then."
WAIT_HELP = (
    "Look again for so long for inputs that quanta wait for; without it, the run ends and the same command goes on."
)
PRUNE_HELP = "When all has succeeded, remove the files of the run that was replaced (unstore), or the run (purge)."
REGISTER_HELP = "Whether dataset types that the repository lacks are registered (default), or refused."
PARTIAL_HELP = "Whether tasks that made flawed outputs count as failed (default)."


@click.command("run", epilog=_EPILOG)
@click.option("-b", "--butler", "repo", required=True, metavar="REPO", help="The repository.")
@click.option("-p", "--pipeline", "location", metavar="PIPELINE", help="A pipeline file, or file#label.")
@click.option(
    "-g", "--qgraph", "graph", type=click.Path(), help="A graph made by `bunter qgraph` instead; also s3://..."
)
@click.option("-i", "--input", "inputs", multiple=True, help="Collections with the inputs, in order. Repeatable.")
@click.option("-o", "--output", default="", help="Chain that shows the results; each run gets a name below it.")
@click.option("--output-run", default="", help="Name of the run, instead of one made from the time.")
@click.option("-d", "--data-query", "where", default="", help="What to select, such as \"tract = 5 AND band = 'r'\".")
@data_id_option
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Quanta at a time.")
@click.option("--fail-fast", is_flag=True, help="Stop everything at the first failure.")
@limit_options
@profiles_option
@click.option(
    "--raise-on-partial-outputs/--no-raise-on-partial-outputs", "refuses_partial", default=True, help=PARTIAL_HELP
)
@click.option("--strict", "selection", flag_value="strict", help="Apply every condition to every quantum.")
@click.option(
    "--closure", "selection", flag_value="closure", default=True, help="Add what the selection needs (default)."
)
@click.option("--max-growth", default=20.0, show_default=True, help="Most quanta needed for each one asked for.")
@click.option("--profile", type=click.Choice(["development", "production"]), default="development", help=PROFILE_HELP)
@click.option("--decisions", "decided", type=click.Path(exists=True), help=DECISIONS_HELP)
@click.option("--skip-existing-in", "skip", multiple=True, metavar="COLLECTION", help=SKIP_HELP)
@click.option("--replace-run", is_flag=True, help="Take the place of the run that the chain shows first.")
@click.option("--prune-replaced", type=click.Choice(["unstore", "purge"]), help=PRUNE_HELP)
@click.option("--extend-run", is_flag=True, help=EXTEND_HELP)
@click.option("--wait", "patience_s", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help=WAIT_HELP)
@click.option("--rebase", is_flag=True, help="Let the chain show the inputs given now instead of those before.")
@click.option("--register-dataset-types/--no-register-dataset-types", "registers", default=True, help=REGISTER_HELP)
@click.option("-n", "--dry-run", is_flag=True, help="Only count the quanta, and say what the chain would show.")
@mock_options
@pipeline_options
@output_options
@click.pass_context
def run(
    context: click.Context,
    *,
    repo: str,
    location: str | None,
    graph: str | None,
    inputs: tuple[str, ...],
    output: str,
    output_run: str,
    where: str,
    table: str | None,
    jobs: int,
    fail_fast: bool,
    limits: dict[str, dict[str, Any]],
    memory_budget: int | None,
    handover: int | None,
    profiles: Path | None,
    leftovers: Any,
    refuses_partial: bool,
    selection: str,
    max_growth: float,
    skip: tuple[str, ...],
    decided: str | None,
    profile: str,
    replace_run: bool,
    prune_replaced: str | None,
    rebase: bool,
    extend_run: bool,
    patience_s: float,
    registers: bool,
    dry_run: bool,
    mocking: Mocking,
    overrides: tuple[str, ...],
    files: tuple[str, ...],
    select: str | None,
    trust: tuple[str, ...],
    emit: Emit,
) -> int:
    """Run a pipeline on the data of a repository; the same command resumes it."""
    if (location is None) == (graph is None):
        raise click.UsageError("give a pipeline with -p, or a graph with -g")
    if graph is not None and (
        where or inputs or output_run or overrides or files or select or skip or decided or table
    ):
        raise click.UsageError(
            "a stored graph holds its pipeline, inputs, run and selection; only -o, -j and the like go with -g"
        )
    mocking.refuse_graph(graph)
    if graph is None and not (output or output_run):
        raise click.UsageError("say where the results go: a chain with -o OUT, or a run with --output-run RUN")
    from bunter.butler import Butler
    from bunter.execution import RunOptions, Wish, run_pipeline, run_stored_graph
    from bunter.graph.far import graph_place

    options = RunOptions(
        jobs,
        fail_fast,
        on_worker_start=worker_logging(context),
        limits=limits,
        memory_budget=memory_budget,
        handover=handover,
        leftovers=leftovers,
        accepts_partial=not refuses_partial,
        patience_s=patience_s,
        profiles=profiles,
    )
    if prune_replaced and not replace_run:
        raise click.UsageError("--prune-replaced goes with --replace-run")
    if graph is not None and (replace_run or rebase or dry_run or extend_run or patience_s):
        raise click.UsageError(
            "--replace-run, --rebase, --extend-run, --wait and --dry-run are for runs that are planned here, with -p"
        )
    if extend_run and replace_run:
        raise click.UsageError("a run is either extended or replaced; leave out --extend-run or --replace-run")
    wish = Wish(
        inputs=tuple(names_of(inputs)),
        output=output,
        output_run=output_run,
        where=where,
        select="strict" if selection == "strict" else "closure",
        max_growth=max_growth,
        decisions=decisions_in(decided),
        profile="production" if profile == "production" else "development",
        skip_existing_in=tuple(names_of(skip)),
        command=shlex.join(sys.argv),
        replace_run=replace_run,
        prune_replaced=prune_replaced or "",  # type: ignore[arg-type]
        rebase=rebase,
        extend_run=extend_run,
    )
    with (
        Butler(repo, writeable=not dry_run) as butler,
        Progress(emit, draws=context.obj["progress"]) as progress,
        watched(context, progress) as watcher,
    ):
        if graph is not None:
            summary = run_stored_graph(butler, graph_place(graph), output=output, options=options, watcher=watcher)
        else:
            assert location is not None, "checked above"
            known = {kind.name: kind for kind in butler.dataset_types.query()}
            plan = read_pipeline(location, overrides, files, select).resolve(
                butler.universe, known, trust=trust or None
            )
            plan = mocking.applied(plan)
            if not registers:
                _refuse_unregistered(plan, known)
            wish = replace(wish, data_ids=read_data_ids(table, butler.universe))
            if dry_run:
                return _foresee(butler, plan, wish, emit)
            summary = run_pipeline(butler, plan, wish, options=options, watcher=watcher)
    emit.record(summary.to_dict(), str(summary))
    return summary.exit_code


def _refuse_unregistered(plan: PipelineGraph, known: Mapping[str, Any]) -> None:
    from bunter.errors import RunError

    made = {one.dataset_type for task in plan.tasks for one in task.connections if not one.is_input}
    if lacking := sorted(made - known.keys()):
        raise RunError(
            f"the repository has no dataset types {', '.join(lacking)}; `bunter register-dataset-type` registers them,"
            " or leave --no-register-dataset-types out"
        )


def _foresee(butler: Butler, plan: PipelineGraph, wish: Wish, emit: Emit) -> int:
    """Say what would be run and what the chain would show."""
    from bunter.execution import foresee

    graph, chain, replaced = foresee(butler, plan, wish)
    shown = f"; {wish.output} would show {', '.join(chain)}" if chain else ""
    shown += f" and no longer {replaced}" if replaced else ""
    values = {"tasks": graph.counts, "quanta": len(graph), "chain": chain, "replaced": replaced, "dry_run": True}
    emit.record(values, f"would run {len(graph)} quanta, if begun anew{shown}")
    return 0


def worker_logging(context: click.Context) -> Callable[[], None]:
    """Return what sets up logging in a worker process as the global options ask for it."""
    from bunter.cli.logs import LogOptions, start_logging

    asked: Mapping[str, Any] = context.find_root().params
    options = LogOptions(
        asked["log_levels"], asked["long_log"], asked["log_files"], asked["log_tty"], asked["log_labels"]
    )
    if not options.levels:
        _only_warnings_of_tasks()
        return functools.partial(_start_quietly, options)
    return functools.partial(start_logging, options)


def _start_quietly(options: Any) -> None:
    from bunter.cli.logs import start_logging

    start_logging(options)
    _only_warnings_of_tasks()


def _only_warnings_of_tasks() -> None:
    """Keep what tasks report as information for their logs, unless the user asked for a level."""
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.addFilter(_is_worth_showing)


def _is_worth_showing(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or not record.name.startswith("bunter.task")


class Progress:
    """A bar per task on standard error, and a line for each failure."""

    def __init__(self, emit: Emit, *, draws: bool) -> None:
        self._emit, self._draws = emit, draws
        self._bars: Any = None
        self._of_label: dict[str, Any] = {}

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def begun(self, run: str, totals: Mapping[str, tuple[int, int]]) -> None:
        """Draw the bars."""
        self._emit.note(f"run {run}: {sum(total - earlier for total, earlier in totals.values()):,} quanta to do")
        if not self._draws:
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=Console(stderr=True))
        for label, (total, earlier) in totals.items():
            self._of_label[label] = self._bars.add_task(label, total=total, completed=earlier)
        self._bars.start()

    def ended(self, label: str, state: State) -> None:
        """Move a bar."""
        del state
        if self._bars is not None:
            self._bars.advance(self._of_label[label])

    def failed(self, failure: FailedQuantum, *, again: bool) -> None:
        """Print a failure."""
        line = f"{failure}{'; trying again' if again else ''}"
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._emit.note(line)


@click.command(epilog="\b\nExample: bunter report demo demo/science --output report.html")
@click.argument("repo")
@click.argument("collection")
@click.option("-o", "--output", type=click.Path(), help="The file; by default report.html in the folder of the run.")
@output_options
def report(*, repo: str, collection: str, output: str | None, emit: Emit) -> None:
    """Report on the newest run of COLLECTION, a run or the chain above it, as one self-contained HTML page, or with --json."""
    from bunter.butler import Butler
    from bunter.execution.report import write_report
    from bunter.execution.status import report_values

    with Butler(repo, writeable=False) as butler:
        path = write_report(butler, collection, output)
        values = report_values(butler, collection) if emit.style == "json" else {}
    emit.record({"report": str(path), **values}, f"wrote {path}")

"""Runs in parts: prepare one, run some of its quanta without a database, register what they have made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.commands.working_options import working_options
from bunter.cli.output import output_options
from bunter.cli.run_progress import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.cli.commands.working_options import Working
    from bunter.cli.output import Emit
    from bunter.execution import RunDirectory
    from bunter.graph import QuantumGraph

__all__ = ["job_directory", "merge", "pre_exec_init", "quantum_options", "run_quanta", "selected", "values_of"]

_PLAN = (
    "bunter qgraph -b demo -p bunter.demo:pipelines/science.yaml#isr -i DemoCam/raw/all,DemoCam/calib --output-run u/me/jobs"
    ' -d "detector = 0" -q jobs.bqg'
)


def quantum_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name some quanta of a graph: ``ranges``, ``labels``, ``values``."""
    for option in (
        click.option("--where", "values", multiple=True, metavar="KEY=VALUE", help="Only quanta with it. Repeatable."),
        click.option("--task", "labels", multiple=True, metavar="LABEL", help="Only quanta of this task. Repeatable."),
        click.option("--quanta", "ranges", default="", metavar="RANGES", help="Only these numbers, as in 0..99,200."),
    ):
        command = option(command)
    return command


def values_of(texts: tuple[str, ...]) -> dict[str, object]:
    """Read KEY=VALUE words."""
    found: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{text!r} is not KEY=VALUE, such as exposure=12")
        found[name] = int(value) if value.lstrip("-").isdigit() else value
    return found


def selected(graph: QuantumGraph, ranges: str, labels: tuple[str, ...], values: tuple[str, ...]) -> tuple[int, ...]:
    """Return the quanta that the options name."""
    from bunter.execution.selection import select_quanta

    return select_quanta(graph, ranges=ranges, labels=labels, values=values_of(values))


@click.command("pre-exec-init", epilog=f"\b\nExample: {_PLAN}; bunter pre-exec-init demo jobs.bqg -o u/me/jobs-results")
@click.argument("repo")
@click.argument("graph", type=click.Path())
@click.option("-o", "--output", default="", help="A chain that shows the results.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be registered.")
@output_options
def pre_exec_init(*, repo: str, graph: str, output: str, dry_run: bool, emit: Emit) -> None:
    """Prepare the run of a GRAPH in REPO for jobs: register run and dataset types, write what tasks write once."""
    from bunter.butler import Butler
    from bunter.execution import prepare_run
    from bunter.graph import QuantumGraph
    from bunter.graph.far import graph_place

    plan = QuantumGraph.read(graph)
    made = sorted({edge.dataset_type for edge in plan.edges.values() if edge.kind in {"output", "init_output"}})
    found: dict[str, object] = {"run": plan.header.output_run, "dataset_types": made, "quanta": len(plan)}
    if dry_run:
        emit.record(found, f"would register the run {plan.header.output_run!r} and {len(made)} dataset types")
        return
    with Butler(repo, writeable=True) as butler:
        directory = prepare_run(butler, graph_place(graph), output=output)
    emit.record(found | {"run_dir": str(directory.path)}, str(directory.path))


@click.command(
    "run-quanta",
    epilog="\b\nExample: bunter run-quanta jobs.bqg --run-dir demo/.runs/u%2Fme%2Fjobs --job one --quanta 0..1"
    "\n\nExit codes are those of `bunter run`; quanta that wait for other jobs count as failed.",
)
@click.argument("graph", type=click.Path())
@click.option("--run-dir", type=click.Path(exists=True), help="Folder of the run, as pre-exec-init prints it.")
@click.option("--job", "name", default="job", show_default=True, help="Name of the job, its own within the run.")
@click.option("--attempt", type=click.IntRange(min=0), default=0, help="How often the job was begun before.")
@quantum_options
@working_options
@click.option("-n", "--dry-run", is_flag=True, help="Only count the quanta.")
@output_options
@click.pass_context
def run_quanta(
    context: click.Context,
    *,
    graph: str,
    run_dir: str | None,
    name: str,
    attempt: int,
    ranges: str,
    labels: tuple[str, ...],
    values: tuple[str, ...],
    working: Working,
    dry_run: bool,
    emit: Emit,
) -> int:
    """Run quanta of a GRAPH as one job, without any database; GRAPH may also be a folder made by `stage in` or a capsule."""
    from bunter.execution import Job, run_job

    directory = job_directory(graph, run_dir)
    quanta = _job_quanta(directory, ranges, labels, values)
    if dry_run:
        emit.record({"job": name, "quanta": len(quanta)}, f"job {name!r} would run {len(quanta)} quanta")
        return 0
    with shown(context, emit) as watcher:
        summary = run_job(directory, Job(name, quanta, attempt), options=working.options(context), watcher=watcher)
    emit.record(summary.to_dict(), str(summary))
    return summary.exit_code


def _job_quanta(
    directory: RunDirectory, ranges: str, labels: tuple[str, ...], values: tuple[str, ...]
) -> tuple[int, ...]:
    """Return the quanta asked for; in a staged folder, those among which it was made for."""
    from bunter.execution.site import Site
    from bunter.execution.staging import staged_quanta

    quanta = selected(directory.graph(), ranges, labels, values)
    if not Site.read(directory.path).is_staged:
        return quanta
    here = set(staged_quanta(directory.path))
    return tuple(quantum for quantum in quanta if quantum in here)


def job_directory(graph: str, run_dir: str | None) -> RunDirectory:
    """Return the folder that a job works in."""
    from bunter.execution import RunDirectory
    from bunter.execution.capsule import is_capsule, open_capsule
    from bunter.graph import GraphFile

    if Path(graph).is_dir():
        return RunDirectory(Path(graph))
    if is_capsule(Path(graph)):
        return RunDirectory(open_capsule(Path(graph)))
    if run_dir is None:
        raise click.UsageError("give --run-dir, the folder that `bunter pre-exec-init` prints")
    directory = RunDirectory(Path(run_dir))
    if not directory.has_graph():
        raise click.UsageError(f"{run_dir} is no folder of a run; `bunter pre-exec-init` makes and prints it")
    if directory.graph().header.graph_id != GraphFile(graph).header.graph_id:
        raise click.UsageError(f"{run_dir} belongs to another graph than {graph}")
    return directory


@click.command("merge", epilog="\b\nExample: bunter merge demo u/me/jobs")
@click.argument("repo")
@click.argument("collection", metavar="RUN")
@click.option("--follow", is_flag=True, help="Go on until all quanta have succeeded or all jobs are over.")
@click.option("--final", is_flag=True, help="All jobs have ended: remove also what those left that were killed.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say how far the jobs are.")
@output_options
def merge(*, repo: str, collection: str, follow: bool, final: bool, dry_run: bool, emit: Emit) -> int:
    """Register what the jobs of a RUN, or of the newest run of a chain, have made; as often as you like."""
    from bunter.butler import Butler
    from bunter.execution import merge_run

    with Butler(repo, writeable=not dry_run) as butler:
        if dry_run:
            from bunter.execution.told_run import find_run, tell

            run = tell(find_run(butler, collection))
            counts = {"run": run.run, "succeeded": run.count("succeeded"), "total": run.count("total")}
            emit.record(counts, f"{counts['succeeded']} of {counts['total']} quanta of {run.run!r} succeeded")
            return 0
        merged = merge_run(butler, collection, follow=follow, final=final, on_merged=lambda one: emit.note(str(one)))
    emit.record(merged.to_dict(), str(merged))
    return 1 if merged.failed or merged.lost else 0

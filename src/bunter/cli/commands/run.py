"""Commands that run pipelines and report on runs."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.commands.mock_options import mock_options
from bunter.cli.commands.planning_options import planning_options
from bunter.cli.commands.working_options import partial_option, working_options
from bunter.cli.output import output_options
from bunter.cli.run_progress import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.butler import Butler
    from bunter.cli.commands.mock_options import Mocking
    from bunter.cli.commands.planning_options import Planning
    from bunter.cli.commands.working_options import Working
    from bunter.cli.output import Emit
    from bunter.execution import RunOptions, Wish
    from bunter.pipeline import PipelineGraph

__all__ = ["report", "run"]

_EPILOG = """\b\nExample: bunter run -b demo -p bunter.demo:pipelines/science.yaml#isr -i DemoCam/raw/all,DemoCam/calib -o u/me/isr -d "detector = 0" -j 2

The same command goes on where an unfinished run stopped. Exit codes: 0 all has succeeded, 1 something failed, 2 wrong usage,
20 all that failed would fail again, 21 nothing in this run can work, 75 some quanta wait for inputs that are not there yet,
130 interrupted."""

_EXTEND_HELP = "Put the results into the run that is there, though another pipeline or selection was asked for then."
_WAIT_HELP = (
    "Look again for so long for inputs that quanta wait for; without it, the run ends and the same command goes on."
)
_PRUNE_HELP = "When all has succeeded, remove the files of the run that was replaced (unstore), or the run (purge)."
_REGISTER_HELP = "Whether dataset types that the repository lacks are registered (default), or refused."


@click.command("run", epilog=_EPILOG)
@click.option("-b", "--butler", "repo", required=True, metavar="REPO", help="The repository.")
@click.option("-p", "--pipeline", "location", metavar="PIPELINE", help="A pipeline file, or file#label.")
@click.option(
    "-g", "--qgraph", "graph", type=click.Path(), help="A graph made by `bunter qgraph` instead; also s3://..."
)
@click.option("-o", "--output", default="", help="Chain that shows the results; each run gets a name below it.")
@click.option("--output-run", default="", help="Name of the run, instead of one made from the time.")
@planning_options
@click.option("--replace-run", is_flag=True, help="Take the place of the run that the chain shows first.")
@click.option("--prune-replaced", type=click.Choice(["unstore", "purge"]), help=_PRUNE_HELP)
@click.option("--extend-run", is_flag=True, help=_EXTEND_HELP)
@click.option("--rebase", is_flag=True, help="Let the chain show the inputs given now instead of those before.")
@click.option("--wait", "patience_s", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help=_WAIT_HELP)
@click.option("--register-dataset-types/--no-register-dataset-types", "registers", default=True, help=_REGISTER_HELP)
@working_options
@partial_option
@mock_options
@click.option("-n", "--dry-run", is_flag=True, help="Only count the quanta, and say what the chain would show.")
@output_options
@click.pass_context
def run(
    context: click.Context,
    /,
    *,
    repo: str,
    location: str | None,
    graph: str | None,
    output: str,
    output_run: str,
    planning: Planning,
    patience_s: float,
    registers: bool,
    working: Working,
    refuses_partial: bool,
    mocking: Mocking,
    dry_run: bool,
    emit: Emit,
    **of_chain: Any,
) -> int:
    """Run a pipeline on the data of a repository; the same command resumes it."""
    if (location is None) == (graph is None):
        raise click.UsageError("give a pipeline with -p, or a graph with -g")
    _check_chaining(**of_chain)
    options = working.options(context, accepts_partial=not refuses_partial, patience_s=patience_s)
    if graph is not None:
        mocking.refuse_graph(graph)
        if planning.is_asked or output_run:
            raise click.UsageError(
                "a stored graph holds its pipeline, inputs, run and selection; only -o, -j and the like go with -g"
            )
        if any(of_chain.values()) or dry_run or patience_s:
            raise click.UsageError(
                "--replace-run, --rebase, --extend-run, --wait and --dry-run are for runs that are planned here, with -p"
            )
        return _run_stored(context, repo, graph, output, options=options, emit=emit)
    if not (output or output_run):
        raise click.UsageError("say where the results go: a chain with -o OUT, or a run with --output-run RUN")
    from bunter.butler import Butler
    from bunter.execution import Wish, run_pipeline

    with Butler(repo, writeable=not dry_run) as butler, shown(context, emit) as watcher:
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        assert location is not None, "checked above"
        plan = mocking.applied(planning.pipeline(location, butler.universe, known))
        if not registers:
            _refuse_unregistered(plan, known)
        wish = Wish(
            output=output,
            output_run=output_run,
            skip_existing_in=planning.skipped,
            command=shlex.join(sys.argv),
            **planning.terms(butler.universe),
            **of_chain | {"prune_replaced": of_chain["prune_replaced"] or ""},
        )
        if dry_run:
            return _foresee(butler, plan, wish, emit)
        summary = run_pipeline(butler, plan, wish, options=options, watcher=watcher)
    emit.record(summary.to_dict(), str(summary))
    return summary.exit_code


def _check_chaining(*, replace_run: bool, prune_replaced: str | None, extend_run: bool, rebase: bool) -> None:
    """Refuse what does not go together in the chain of the results."""
    del rebase
    if prune_replaced and not replace_run:
        raise click.UsageError("--prune-replaced goes with --replace-run")
    if extend_run and replace_run:
        raise click.UsageError("a run is either extended or replaced; leave out --extend-run or --replace-run")


def _run_stored(context: click.Context, repo: str, graph: str, output: str, *, options: RunOptions, emit: Emit) -> int:
    from bunter.butler import Butler
    from bunter.execution import run_stored_graph
    from bunter.graph.far import graph_place

    with Butler(repo, writeable=True) as butler, shown(context, emit) as watcher:
        summary = run_stored_graph(butler, graph_place(graph), output=output, options=options, watcher=watcher)
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


@click.command(epilog="\b\nExample: bunter report demo demo/science --output report.html")
@click.argument("repo")
@click.argument("collection")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="The file; by default report.html in the folder of the run."
)
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

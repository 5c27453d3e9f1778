"""How far a run is, and some of its quanta once more."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import names_of
from bunter.cli.commands.jobs import quantum_options, selected
from bunter.cli.commands.working_options import partial_option, working_options
from bunter.cli.output import confirmed, output_options
from bunter.cli.run_progress import shown
from bunter.values import sized

if TYPE_CHECKING:
    from bunter.cli.commands.working_options import Working
    from bunter.cli.output import Emit
    from bunter.execution import RunStatus
    from bunter.execution.again import Again

__all__ = ["rerun", "retry", "status"]


@click.command(epilog="\b\nExample: bunter status demo demo/science")
@click.argument("repo")
@click.argument("collection", metavar="[RUN]", required=False)
@click.option("-w", "--watch", is_flag=True, help="Look again and again, until nothing works on it.")
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, show_default=True, help="Seconds between looks.")
@output_options
def status(*, repo: str, collection: str | None, watch: bool, every: float, emit: Emit) -> None:
    """Say how far RUN is, or the newest run of a chain; without it, list all runs of REPO."""
    from bunter import effects
    from bunter.butler import Butler
    from bunter.execution import run_status

    with Butler(repo, writeable=False) as butler:
        if collection is None:
            _list_runs(butler, emit)
            return
        while True:
            found = run_status(butler, collection)
            _show(found, emit)
            if not (watch and found.is_running):
                return
            effects.sleep(every)
            if emit.style == "text":
                click.clear()


def _list_runs(butler: Any, emit: Emit) -> None:
    from bunter.execution import run_directories
    from bunter.execution.pulse import read_beats
    from bunter.execution.run_directory import EXTENDED, runs_root

    rows = []
    for one in run_directories(runs_root(butler)):
        if (one.summary() or {}).get("status") == EXTENDED:
            continue
        is_running = any(beat.is_alive for beat in read_beats(one.path))
        rows.append((one.run, "running" if is_running else (one.summary() or {}).get("status", "cut short")))
    emit.rows(("run", "state"), rows)


def _show(found: RunStatus, emit: Emit) -> None:
    if emit.style == "json":
        emit.record(asdict(found) | {"is_running": found.is_running})
        return
    emit.note(str(found))
    emit.rows(
        ("task", "total", "succeeded", "no_work", "failed", "blocked", "running", "left", "median_s", "memory"),
        [
            (t.label, t.total, t.succeeded, t.no_work, t.failed, t.blocked, t.running, t.left,
             None if t.median_s is None else round(t.median_s, 3), sized(t.peak_memory) if t.peak_memory else None)
            for t in found.tasks
        ],
    )  # fmt: skip
    _show_caveats(found, emit)
    for group in found.failures:
        blocks = f", blocking {group.blocks} more" if group.blocks else ""
        log = f"; log: {group.log}" if group.log else ""
        emit.note(f"{group.count} x {group.label}: {group.message}{blocks}; the first: {_said(group.data_id)}{log}")
    for one in found.stragglers:
        emit.note(
            f"slow: {one.label}@{_said(one.data_id)} has run for {one.running_s:.0f} s; others took {one.median_s:.1f} s"
        )


def _show_caveats(found: RunStatus, emit: Emit) -> None:
    for task in found.tasks:
        words = {
            "with flawed outputs": task.partial,
            "without some of their inputs, because what should have made these had failed": task.deprived,
        }
        said = [f"{count} {word}" for word, count in words.items() if count]
        said += [f"{count} {name}" for name, count in task.caveats.items()]
        if said:
            emit.note(f"{task.label}: of {task.succeeded} that succeeded {', '.join(said)}")


def _said(data_id: Any) -> str:
    return "{" + ", ".join(f"{name}: {value!r}" for name, value in data_id.items()) + "}"


@click.command(
    epilog="\b\nExample: bunter retry demo demo/science --dry-run\n\n--memory x2 gives quanta that failed twice the memory"
    " that they had. Exit codes as of `bunter run`."
)
@click.argument("repo")
@click.argument("collection", metavar="RUN")
@click.option(
    "--only",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only failures of a kind: oom, timeout, killed, or the name of an exception. Repeatable.",
)
@working_options
@partial_option
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be run.")
@output_options
@click.pass_context
def retry(
    context: click.Context,
    /,
    *,
    repo: str,
    collection: str,
    kinds: tuple[str, ...],
    working: Working,
    refuses_partial: bool,
    dry_run: bool,
    emit: Emit,
) -> int:
    """Go on with RUN, or the newest run of a chain: run what failed or is left, as the stored graph has it."""
    from bunter.butler import Butler
    from bunter.execution import plan_retry

    growth = {label: plain.pop("memory_times") for label, plain in working.limits.items() if "memory_times" in plain}
    options = working.options(context, accepts_partial=not refuses_partial)
    words = names_of(kinds)
    with Butler(repo, writeable=not dry_run or None) as butler:
        plan = plan_retry(butler, collection, kinds=words, growth=growth, options=options)
        return _carry_out(butler, plan, options, context, dry_run=dry_run, emit=emit)


@click.command(epilog="\b\nExample: bunter rerun demo demo/science --task isr --where detector=0 --dry-run")
@click.argument("repo")
@click.argument("collection", metavar="RUN")
@click.option("--failed", is_flag=True, help="Only those that failed.")
@quantum_options
@click.option("--confirm/--no-confirm", default=True, help="Whether to ask before results are removed.")
@working_options
@partial_option
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be run.")
@output_options
@click.pass_context
def rerun(
    context: click.Context,
    /,
    *,
    repo: str,
    collection: str,
    failed: bool,
    ranges: str,
    labels: tuple[str, ...],
    values: tuple[str, ...],
    confirm: bool,
    working: Working,
    refuses_partial: bool,
    dry_run: bool,
    emit: Emit,
) -> int:
    """Run quanta of RUN again, and all that follows from them; what they have made is removed first."""
    from bunter.butler import Butler
    from bunter.execution import plan_rerun
    from bunter.execution.told_run import find_run

    options = working.options(context, accepts_partial=not refuses_partial)
    with Butler(repo, writeable=not dry_run or None) as butler:
        quanta = selected(find_run(butler, collection).graph(), ranges, labels, values)
        plan = plan_rerun(butler, collection, quanta, failed=failed)
        if plan.void and confirm and not dry_run and not confirmed(f"remove what {len(plan.void)} quanta have made?"):
            return 0
        return _carry_out(butler, plan, options, context, dry_run=dry_run, emit=emit)


def _carry_out(butler: Any, plan: Again, options: Any, context: click.Context, *, dry_run: bool, emit: Emit) -> int:
    if dry_run:
        counts = {"run": plan.directory.run, "quanta": len(plan.quanta), "following": len(plan.following)}
        sentence = (
            f"would run {len(plan.quanta)} quanta of {plan.directory.run!r} and {len(plan.following)} that follow from them"
            + (f", after removing what {len(plan.void)} of these have made" if plan.void else "")
        )
        emit.record(counts | {"void": len(plan.void)}, sentence)
        return 0
    with shown(context, emit) as watcher:
        summary = plan.carry_out(butler, options=options, watcher=watcher)
    emit.record(summary.to_dict(), str(summary))
    return summary.exit_code

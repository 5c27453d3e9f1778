"""The command that takes a change back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.butler.restoration import Restoration, Undoable
    from bunter.cli.output import Emit

__all__ = ["undo"]

_LISTED = ("change", "time", "user", "command", "what", "datasets", "artifacts", "bytes", "until", "undone")


@click.command("undo", epilog="\b\nExample: bunter undo demo --list")
@click.argument("repo")
@click.argument("change", type=click.IntRange(min=1), required=False)
@click.option("--list", "listing", is_flag=True, help="List the changes that can be undone, the latest first.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="List at most this many.")
@click.option("--partly", is_flag=True, help="Leave what is in the way as it is, and do the rest.")
@dry_run_option
@output_options
def undo(*, repo: str, change: int | None, listing: bool, limit: int, partly: bool, dry_run: bool, emit: Emit) -> None:
    """Take back what the change of number CHANGE, or your last one, did to collections, dataset types and datasets of REPO."""
    from bunter.butler import Butler

    if listing:
        with Butler(repo, writeable=False) as butler:
            emit.rows(_LISTED, [_row(each) for each in butler.undoable(limit)])
        return
    with Butler(repo, writeable=not dry_run) as butler:
        done = butler.undo(change, partly=partly, dry_run=dry_run)
    if emit.style == "text":
        rows = [("conflict", "", text) for text in done.conflicts]
        rows += [(step.what, step.name, step.text) for step in done.steps]
        if rows:
            emit.rows(("kind", "name", "what"), rows)
    emit.record(_values(done, dry_run=dry_run), _sentence(done, dry_run=dry_run, partly=partly))


def _row(each: Undoable) -> tuple[object, ...]:
    from bunter.values import clock_text
    from bunter.values.instant import utc_to_tai_ns

    kept: tuple[object, ...] = (None, None, None, None)
    if each.kept is not None:
        until = clock_text(utc_to_tai_ns(each.kept.until_ns))
        kept = (each.kept.datasets, each.kept.artifacts, each.kept.bytes, until)
    return (each.change, clock_text(each.time_ns), each.user, each.command, each.deeds, *kept, each.is_undone)


def _values(done: Restoration, *, dry_run: bool) -> dict[str, object]:
    return {
        "change": done.change,
        "datasets": sum(done.counts.values()),
        "artifacts": done.artifacts,
        "bytes": done.bytes,
        "conflicts": list(done.conflicts),
        "steps": [{"what": step.what, "name": step.name, "text": step.text} for step in done.steps],
        "by_type_and_run": [
            {"dataset_type": kind, "run": run, "datasets": count} for (kind, run), count in sorted(done.counts.items())
        ],
        "dry_run": dry_run,
    }


def _sentence(done: Restoration, *, dry_run: bool, partly: bool) -> str:
    from bunter.values import counted, sized

    if dry_run and done.conflicts and not partly:
        return f"change {done.change} cannot be undone as things stand; --partly leaves what is in the way as it is"
    if not done.counts and not done.artifacts:
        return f"{'would undo' if dry_run else 'undid'} change {done.change}: {counted(len(done.steps), 'step')}"
    datasets = counted(sum(done.counts.values()), "dataset")
    said = f"{datasets} with {counted(done.artifacts, 'file')}, {sized(done.bytes)}, of change {done.change}"
    return f"{'would bring back' if dry_run else 'brought back'} {said}"

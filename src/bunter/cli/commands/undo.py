"""The command that brings back what was removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.butler.trash import Removed, Restoration
    from bunter.cli.output import Emit

__all__ = ["undo"]


@click.command("undo", epilog="\b\nExample: bunter undo demo --list")
@click.argument("repo")
@click.argument("change", type=click.IntRange(min=1), required=False)
@click.option("--list", "listing", is_flag=True, help="List the removals that can be undone, the latest first.")
@dry_run_option
@output_options
def undo(*, repo: str, change: int | None, listing: bool, dry_run: bool, emit: Emit) -> None:
    """Bring back what the removal of number CHANGE, or the latest one, took out of REPO: runs, datasets and files."""
    from bunter.butler import Butler

    if listing:
        with Butler(repo, writeable=False) as butler:
            rows = [_listed(removed) for removed in butler.removal.undoable()]
        emit.rows(("change", "time", "user", "command", "datasets", "artifacts", "bytes", "until"), rows)
        return
    with Butler(repo, writeable=not dry_run) as butler:
        done = butler.undo(change, dry_run=dry_run)
    if emit.style == "text" and done.counts:
        emit.rows(("dataset_type", "run", "datasets"), [(*key, count) for key, count in sorted(done.counts.items())])
    emit.record(_values(done, dry_run=dry_run), _sentence(done, dry_run=dry_run))


def _listed(removed: Removed) -> tuple[object, ...]:
    from bunter.values import clock_text
    from bunter.values.instant import utc_to_tai_ns

    when, until = clock_text(removed.time_ns), clock_text(utc_to_tai_ns(removed.until_ns))
    what = (removed.datasets, removed.artifacts, removed.bytes)
    return (removed.change, when, removed.user, removed.command, *what, until)


def _values(done: Restoration, *, dry_run: bool) -> dict[str, object]:
    return {
        "change": done.change,
        "datasets": sum(done.counts.values()),
        "artifacts": done.artifacts,
        "bytes": done.bytes,
        "left_out": done.left_out,
        "by_type_and_run": [
            {"dataset_type": kind, "run": run, "datasets": count} for (kind, run), count in sorted(done.counts.items())
        ],
        "dry_run": dry_run,
    }


def _sentence(done: Restoration, *, dry_run: bool) -> str:
    from bunter.values import counted, sized

    datasets = counted(sum(done.counts.values()), "dataset")
    said = f"{datasets} with {counted(done.artifacts, 'file')}, {sized(done.bytes)}, of change {done.change}"
    if done.left_out:
        said += f"; {counted(done.left_out, 'membership')} stay away, as others have their place by now"
    return f"{'would bring back' if dry_run else 'brought back'} {said}"

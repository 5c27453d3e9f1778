"""The command that removes leftovers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.butler.sweeping import Leftovers
    from bunter.cli.output import Emit

__all__ = ["gc"]

_DAY_S = 86400.0


@click.command("gc", epilog="\b\nExample: bunter gc demo --dry-run")
@click.argument("repo")
@click.option(
    "--older-than",
    "older_than_s",
    type=click.FloatRange(min=0),
    default=_DAY_S,
    show_default=True,
    help="Remove only orphans unchanged for so many seconds.",
)
@click.option(
    "--abandoned-after",
    "abandoned_days",
    type=click.FloatRange(min=0),
    default=7.0,
    show_default=True,
    help="A run that nobody went on with for so many days loses what it wrote for quanta that never ended.",
)
@click.option(
    "--events-after",
    "events_days",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Events that everybody was told are forgotten after so many days.",
)
@dry_run_option
@output_options
def gc(*, repo: str, older_than_s: float, abandoned_days: float, events_days: float, dry_run: bool, emit: Emit) -> None:
    """Remove from REPO what nothing needs: leftovers of dead writers, expired removals, orphans, pieces of given-up runs."""
    from bunter.butler import Butler
    from bunter.execution import abandoned_keys, claimed_keys
    from bunter.execution.run_directory import runs_root
    from bunter.values import counted

    with Butler(repo, writeable=not dry_run) as butler:
        root = runs_root(butler)
        leftovers = butler.gc(
            dry_run=dry_run,
            older_than_s=older_than_s,
            claims=lambda: claimed_keys(root),
            abandoned=lambda: abandoned_keys(root, older_than_s=abandoned_days * _DAY_S),
        )
        events = butler.events.forget(events_days, dry_run=dry_run)
    if leftovers.rows or emit.style != "text":
        columns = ("kind", "dataset_type", "run", "artifacts", "bytes")
        emit.rows(columns, [(row.kind, row.dataset_type, row.run, row.artifacts, row.bytes) for row in leftovers.rows])
    if events:
        emit.note(f"{'would forget' if dry_run else 'forgot'} {counted(events, 'event')}")
    _conclude(leftovers, repo, {"events": events, "dry_run": dry_run}, emit)


def _conclude(leftovers: Leftovers, repo: str, more: dict[str, int | bool], emit: Emit) -> None:
    from bunter.values import counted, sized

    files = f"{counted(leftovers.artifacts, 'file')}, {sized(leftovers.bytes)}"
    failed = {key: str(error) for key, error in leftovers.failed.items()}
    emit.summary(
        {"artifacts": leftovers.artifacts, "bytes": leftovers.bytes, "failed": failed, **more},
        f"{'would remove' if more['dry_run'] else 'removed'} {files}",
    )
    if any(row.kind == "strange" for row in leftovers.rows):
        emit.note(f"strange files are none of ours and stay; `bunter check {repo} --repair` sets them aside")
    for key, error in leftovers.failed.items():
        emit.note(f"{key} could not be removed: {error}")
    if leftovers.failed:
        raise click.exceptions.Exit(1)

"""The command about the sinks that take values out of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["sinks"]


@click.command("sinks", epilog="\b\nExamples:\n  bunter sinks demo\n  bunter sinks demo --deliver --fill --dry-run")
@click.argument("repo")
@click.option("--deliver", is_flag=True, help="Tell the sinks now what they could not be told before.")
@click.option("--fill", is_flag=True, help="Tell them also of datasets from before they were configured.")
@dry_run_option
@output_options
def sinks(*, repo: str, deliver: bool, fill: bool, dry_run: bool, emit: Emit) -> None:
    """Say how far the sinks of REPO are: datasets sent, still to be sent or removed, and unfit."""
    from bunter.butler import Butler
    from bunter.cli.commands.storage import _direct

    with Butler(repo, writeable=(deliver or fill) and not dry_run) as butler:
        feeding = _direct(butler).feeding
        added: dict[str, int] = {}
        sent: dict[str, int] = {}
        for name in sorted(feeding.sinks) if fill else ():
            added[name] = feeding.fill(name, dry_run=dry_run)
            emit.note(f"{'would add' if dry_run else 'added'} {added[name]} datasets that {name} was never told of")
        if (deliver or fill) and not dry_run:
            sent = dict(feeding.deliver())
            for name, count in sent.items():
                emit.note(f"told {name} of {count} datasets")
        rows, reasons = feeding.counts(), feeding.reasons()
        known = sorted(feeding.sinks)
    if not known and not rows:
        emit.note(f"{repo} has no sinks; datastore.sinks of its configuration names them")
    told = [(*row, reasons.get(row[0], "") if row[1] == "unfit" else "") for row in rows]
    emit.rows(("sink", "state", "datasets", "such as"), told)
    if emit.style == "json" and (deliver or fill):
        emit.summary({"added": added, "told": sent, "dry_run": dry_run}, "")

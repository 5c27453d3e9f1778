"""The command about the sinks that take values out of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["sinks"]


@click.command("sinks", epilog="\b\nExample: bunter sinks demo --deliver")
@click.argument("repo")
@click.option("--deliver", is_flag=True, help="Tell the sinks now what they could not be told before.")
@dry_run_option
@output_options
def sinks(*, repo: str, deliver: bool, dry_run: bool, emit: Emit) -> None:
    """Say how far the sinks of REPO are: datasets sent, still to be sent or removed, and unfit."""
    from bunter.butler import Butler
    from bunter.cli.commands.storage import _direct

    with Butler(repo, writeable=deliver and not dry_run) as butler:
        feeding = _direct(butler).feeding
        if deliver and not dry_run:
            for name, count in feeding.deliver().items():
                emit.note(f"told {name} of {count} datasets")
        rows = feeding.counts()
        known = sorted(feeding.sinks)
    if not known and not rows:
        emit.note(f"{repo} has no sinks; datastore.sinks of its configuration names them")
    emit.rows(("sink", "state", "datasets"), rows)

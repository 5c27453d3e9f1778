"""The command that says where files lie that were ingested where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["relocate"]


@click.command("relocate", epilog="\b\nExample: bunter relocate demo /disk1/raws /disk2/raws --dry-run")
@click.argument("repo")
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path(exists=True, file_okay=False))
@dry_run_option
@output_options
def relocate(*, repo: str, old: str, new: str, dry_run: bool, emit: Emit) -> None:
    """Record in REPO that files ingested where they are (`--transfer direct`) lie in the folder NEW and no longer in OLD.

    You have moved them: no file is touched. All must be there with the sizes that were recorded.
    """
    from bunter.butler import Butler
    from bunter.values import counted

    with Butler(repo, writeable=not dry_run) as butler:
        done = butler.relocate(old, new, dry_run=dry_run)
    record = {"old": done.old, "new": done.new, "files": done.files, "known": done.known, "dry_run": dry_run}
    if not done.files:
        emit.record(record, f"nothing to do: {counted(done.known, 'file')} in {done.new} known already")
        return
    would = "would be" if dry_run else "now"
    emit.record(record, f"{counted(done.files, 'file')} {would} recorded in {done.new}")

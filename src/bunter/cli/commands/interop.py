"""Commands that take in what other systems wrote."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["import_rubin"]

TRANSFERS = ("auto", "copy", "move", "link", "hardlink", "symlink", "relsymlink", "direct")


@click.command(
    "import-rubin", epilog="\b\nExample: bunter import-rubin demo export.yaml --directory exported --dry-run"
)
@click.argument("repo")
@click.argument("export", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False),
    help="Folder that the paths in the export start from; without it only the registry is filled.",
)
@click.option("-t", "--transfer", type=click.Choice(TRANSFERS), default="auto", help="How the files come in.")
@click.option("--dry-run", is_flag=True, help="Read and check everything and change nothing.")
@output_options
def import_rubin(*, repo: str, export: str, directory: str | None, transfer: str, dry_run: bool, emit: Emit) -> None:
    """Take in EXPORT, the YAML file that `butler.export` of a Rubin repository wrote; ids are kept.

    What is there already stays as it is, so an import that was interrupted can be repeated.
    """
    from bunter.butler import Butler
    from bunter.interop import import_rubin as take_in

    with Butler(repo, writeable=False if dry_run else None) as butler:
        report = take_in(butler, export, directory=directory, transfer=transfer, dry_run=dry_run)
    emit.record(asdict(report), str(report))

"""Commands that take in what other systems wrote, and write what these take in."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options
from bunter.cli.selecting import choosing_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.cli.selecting import Chosen

__all__ = ["export_rubin", "import_rubin"]

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
@click.option("-n", "--dry-run", is_flag=True, help="Read and check everything and change nothing.")
@output_options
def import_rubin(*, repo: str, export: str, directory: str | None, transfer: str, dry_run: bool, emit: Emit) -> None:
    """Take in EXPORT, the YAML file that `butler.export` of a Rubin repository wrote; ids are kept.

    What is there already stays as it is, so an import that was interrupted can be repeated.
    """
    from bunter.butler import Butler
    from bunter.interop import import_rubin as take_in

    with Butler(repo, writeable=not dry_run) as butler:
        report = take_in(butler, export, directory=directory, transfer=transfer, dry_run=dry_run)
    emit.record(asdict(report), str(report))


@click.command(
    "export-rubin", epilog="\b\nExample: bunter export-rubin demo for-rubin -d coadd --transfer none --dry-run"
)
@click.argument("repo")
@click.argument("folder", type=click.Path(file_okay=False))
@choosing_options()
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(("auto", "copy", "hardlink", "link", "symlink", "relsymlink", "none")),
    default="auto",
    help="How files get there; none writes the registry only.",
)
@click.option(
    "--formatter",
    "formatters",
    multiple=True,
    metavar="FORMAT=CLASS",
    help="What reads files of a format there, such as fits=lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter. Repeatable.",
)
@dry_run_option
@output_options
def export_rubin(
    *,
    repo: str,
    folder: str,
    chosen: Chosen,
    transfer: str,
    formatters: tuple[str, ...],
    dry_run: bool,
    emit: Emit,
) -> None:
    """Write datasets of REPO to FOLDER as export.yaml and files, for `butler import` of the Rubin Butler; ids are kept."""
    from bunter.butler import Butler
    from bunter.cli.progress import bytes_told
    from bunter.interop import export_rubin as write_out

    readers = {}
    for each in formatters:
        name, equals, what = each.partition("=")
        if not equals or not all(part.isidentifier() for part in what.split(".")):
            raise click.BadParameter(f"{each!r} is not FORMAT=CLASS, such as npy=my.formatters.NumpyFormatter")
        readers[name] = what
    with Butler(repo, writeable=False) as butler:
        parcel = butler.transfers.parcel(selection=chosen.selection(butler))
        done = write_out(
            parcel,
            folder,
            transfer=None if transfer == "none" else transfer,
            formatters=readers,
            dry_run=dry_run,
            progress=bytes_told(),
        )
    emit.record(done.as_row(), str(done))

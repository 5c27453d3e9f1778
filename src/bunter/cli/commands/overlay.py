"""The command that makes a repository of one's own over a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["overlay"]


@click.command(
    "overlay", epilog="\b\nExamples: bunter overlay demo mine\n          bunter overlay demo mine --refresh --dry-run"
)
@click.argument("release")
@click.argument("folder")
@click.option(
    "--database",
    metavar="URL",
    help="Server that is to have the registry: postgresql://user@host/database?schema=name.",
)
@click.option("--refresh", is_flag=True, help="FOLDER lies over RELEASE already: bring what RELEASE has got since.")
@dry_run_option
@output_options
def overlay(*, release: str, folder: str, database: str | None, refresh: bool, dry_run: bool, emit: Emit) -> None:
    """Make the repository FOLDER that has all that RELEASE has, and takes what is new.

    The catalogue of RELEASE is copied; its files are read where they are, and never changed, whatever is done in FOLDER.
    What was removed in FOLDER stays removed when it is refreshed.
    """
    from bunter.butler.overlaying import overlay_repository, refresh_overlay

    if refresh:
        if database is not None:
            raise click.UsageError("--database is for making an overlay; one that is refreshed has its registry")
        report = refresh_overlay(release, folder, dry_run=dry_run)
        emit.record(report.as_row(), str(report))
        return
    made = overlay_repository(release, folder, database=database, dry_run=dry_run)
    would = "would make" if dry_run else "made"
    emit.record(
        {
            "repository": made.folder,
            "release": made.release,
            "rows": made.rows,
            "stores": made.stores,
            "dry_run": dry_run,
        },
        f"{would} {folder} over {made.release}; {made.rows} rows of its catalogue",
    )

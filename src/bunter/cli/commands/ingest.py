"""Commands that bring a survey's frames and catalogues in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bunter.cli.output import Emit

__all__ = ["define_visits", "ingest_raws", "ingest_refcat", "register_instrument", "register_skymap"]

TRANSFERS = ("auto", "copy", "move", "link", "hardlink", "symlink", "relsymlink", "direct")


@click.command("register-instrument", epilog="\b\nExample: bunter register-instrument demo DemoCam")
@click.argument("repo")
@click.argument("instrument")
@click.option("--update", is_flag=True, help="Replace another description of the same instrument.")
@dry_run_option
@output_options
def register_instrument(*, repo: str, instrument: str, update: bool, dry_run: bool, emit: Emit) -> None:
    """Register INSTRUMENT, an installed one or a YAML file: its detectors and filters."""
    from bunter.butler import Butler
    from bunter.ingest import Instrument
    from bunter.ingest import register_instrument as register

    described = Instrument.from_yaml(instrument)
    with Butler(repo, writeable=not dry_run) as butler:
        if not dry_run:
            register(butler, described, update=update)
    counts = f"{len(described.detectors)} detectors, {len(described.filters)} filters"
    emit.record(
        {
            "instrument": described.name,
            "detectors": len(described.detectors),
            "filters": len(described.filters),
            "dry_run": dry_run,
        },
        f"{'would register' if dry_run else 'registered'} {described.name}: {counts}",
    )


@click.command("ingest-raws", epilog="\b\nExample: bunter ingest-raws demo demo/incoming --transfer copy")
@click.argument("repo")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("-i", "--instrument", help="Instrument that took them; by default every registered one is tried.")
@click.option("--output-run", "run", help="RUN collection; by default <instrument>/raw/all.")
@click.option("-t", "--transfer", type=click.Choice(TRANSFERS), default="auto", help="How the files come in.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first file that is rejected.")
@click.option("--partial", is_flag=True, help="Take the good files of an exposure although others are rejected.")
@click.option(
    "-j", "--jobs", "workers", type=click.IntRange(min=1), default=4, show_default=True, help="Headers read at a time."
)
@dry_run_option
@output_options
@click.pass_context
def ingest_raws(
    context: click.Context,
    *,
    repo: str,
    paths: tuple[str, ...],
    instrument: str | None,
    run: str | None,
    transfer: str,
    fail_fast: bool,
    partial: bool,
    workers: int,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Ingest raw frames: FITS files, or folders that hold some.

    An exposure's files go in together or not at all. Files that are in already are skipped. Exit code 1 means that some
    were rejected; each is printed with the reason.
    """
    from bunter.butler import Butler
    from bunter.ingest import ingest_raws as ingest

    with Butler(repo, writeable=None if dry_run else True) as butler:
        for progress in _progress("ingest-raws"):
            report = ingest(
                butler,
                paths,
                instrument=instrument,
                run=run,
                transfer=transfer,
                fail_fast=fail_fast,
                partial=partial,
                workers=workers,
                dry_run=dry_run,
                progress=progress,
            )
    for path, reason in report.rejected:
        emit.note(f"rejected {path}: {reason}")
    emit.record(
        {
            "files": report.files,
            "datasets": len(report.refs),
            "exposures": len(report.exposures),
            "skipped": report.skipped,
            "rejected": [{"path": path, "reason": reason} for path, reason in report.rejected],
            "dry_run": report.dry_run,
        },
        str(report),
    )
    if report.rejected:
        context.exit(1)


def _progress(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give a callback that draws a bar on standard error while the loop's body runs; None where nobody looks."""
    import sys

    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label)
        yield lambda done, all_of_them: bar.update(task, completed=done, total=all_of_them)


@click.command("define-visits", epilog='\b\nExample: bunter define-visits demo DemoCam --where "day_obs = 20250920"')
@click.argument("repo")
@click.argument("instrument")
@click.option("--where", default="", help="Query expression that the exposures satisfy.")
@click.option("--update", is_flag=True, help="Work out visits anew that are there.")
@dry_run_option
@output_options
def define_visits(*, repo: str, instrument: str, where: str, update: bool, dry_run: bool, emit: Emit) -> None:
    """Make a visit of every science exposure of INSTRUMENT, with the regions that its detectors see."""
    from bunter.butler import Butler
    from bunter.ingest import define_visits as define

    with Butler(repo, writeable=None if dry_run else True) as butler:
        report = define(butler, instrument, where=where, update=update, dry_run=dry_run)
    for exposure, reason in report.left_out:
        emit.note(f"left out exposure {exposure}: {reason}")
    reasons = [{"exposure": exposure, "reason": reason} for exposure, reason in report.left_out]
    counts = {"new": report.new, "known": report.known, "left_out": len(reasons)}
    emit.record({**counts, "reasons": reasons, "dry_run": dry_run}, str(report))


@click.command("register-skymap", epilog="\b\nExample: bunter register-skymap demo demo/inputs/skymap.yaml")
@click.argument("repo")
@click.argument("skymap", type=click.Path(dir_okay=False))
@dry_run_option
@output_options
def register_skymap(*, repo: str, skymap: str, dry_run: bool, emit: Emit) -> None:
    """Register the tracts and patches that the YAML file SKYMAP describes."""
    from bunter.butler import Butler
    from bunter.ingest import register_skymap as register
    from bunter.values import counted

    with Butler(repo, writeable=not dry_run) as butler:
        new = register(butler, skymap, dry_run=dry_run)
    columns, rows = new.model.patches
    verb = "would register" if dry_run else "registered"
    emit.record(
        {"skymap": new.name, "tracts": len(new), "patches": len(new) * columns * rows, "dry_run": dry_run},
        f"{verb} {new.name}: {counted(len(new), 'tract')} of {columns} x {rows} patches of {new.model.patch_pixels} pixels",
    )


@click.command(
    "ingest-refcat", epilog="\b\nExample: bunter ingest-refcat demo demo/inputs/refcat.ecsv --pixelization htm7"
)
@click.argument("repo")
@click.argument("table", type=click.Path(dir_okay=False))
@click.option("-d", "--dataset-type", default="refcat", show_default=True, help="Name of the dataset type.")
@click.option("--pixelization", default="htm7", show_default=True, help="Sky pixels, such as htm7 or healpix5.")
@click.option("--output-run", "run", default="refcats", show_default=True, help="RUN collection.")
@click.option("--ra", default="ra", show_default=True, help="Column of right ascensions.")
@click.option("--dec", default="dec", show_default=True, help="Column of declinations.")
@dry_run_option
@output_options
def ingest_refcat(
    *,
    repo: str,
    table: str,
    dataset_type: str,
    pixelization: str,
    run: str,
    ra: str,
    dec: str,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Ingest the catalogue TABLE (ECSV, FITS, CSV, Parquet ...), one dataset per sky pixel."""
    from bunter.butler import Butler
    from bunter.ingest import ingest_refcat as ingest

    with Butler(repo, writeable=None if dry_run else True) as butler:
        report = ingest(
            butler,
            table,
            dataset_type=dataset_type,
            pixelization=pixelization,
            run=run,
            ra=ra,
            dec=dec,
            dry_run=dry_run,
        )
    emit.record({"sources": report.sources, "pixels": report.pixels, "run": run, "dry_run": dry_run}, str(report))

"""Parts of a graph in folders of their own, for machines that do not see the repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bunter.cli.commands.jobs import job_directory, quantum_options, selected
from bunter.cli.output import output_options
from bunter.values import sized

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.execution.staging import StagedFile

__all__ = ["stage"]


@click.group(epilog="\b\nExample: bunter stage in jobs.bqg --run-dir demo/.runs/u%2Fme%2Fjobs --quanta 0..1 --to far")
def stage() -> None:
    """Copy the inputs of some quanta into a folder, or what they have made out of it."""


@stage.command(
    "in",
    short_help="Make a folder in which quanta run.",
    epilog="\b\nExample: bunter stage in jobs.bqg --run-dir demo/.runs/u%2Fme%2Fjobs --quanta 2 --to part;"
    " bunter run-quanta part --job part",
)
@click.argument("graph", type=click.Path())
@click.option(
    "--run-dir", type=click.Path(exists=True), required=True, help="Folder of the run, as pre-exec-init says."
)
@click.option("--to", "target", type=click.Path(file_okay=False), required=True, help="The folder to make or complete.")
@quantum_options
@click.option("--no-files", is_flag=True, help="Copy no inputs: somebody else brings them to the places listed.")
@click.option("-n", "--dry-run", is_flag=True, help="Only count the quanta.")
@output_options
def stage_in(
    *,
    graph: str,
    run_dir: str,
    target: str,
    ranges: str,
    labels: tuple[str, ...],
    values: tuple[str, ...],
    no_files: bool,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Make a folder in which quanta of a GRAPH run without the repository; the same command completes it."""
    from bunter.execution import staging

    directory = job_directory(graph, run_dir)
    quanta = selected(directory.graph(), ranges, labels, values)
    if dry_run:
        emit.record({"quanta": len(quanta), "to": target}, f"would stage {len(quanta)} quanta into {target}")
        return
    files = staging.stage_in(directory, quanta, Path(target), files=not no_files)
    if no_files:
        emit.rows(("path", "source", "size", "is_new"), [(f.path, f.source, f.size, f.is_new) for f in files])
        return
    _tell(files, {"quanta": len(quanta)}, f"{len(quanta)} quanta in {target}", emit)


@stage.command(
    "out",
    short_help="Bring results of a folder to their run.",
    epilog="\b\nExample: bunter stage out part --run-dir demo/.runs/u%2Fme%2Fjobs; bunter merge demo u/me/jobs",
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--run-dir", type=click.Path(exists=True), required=True, help="Folder of the run in the repository.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what has been made.")
@output_options
def out(*, folder: str, run_dir: str, dry_run: bool, emit: Emit) -> None:
    """Bring what jobs have made in a FOLDER to the run that it belongs to; the same command goes on after an error."""
    from bunter.execution import RunDirectory
    from bunter.execution.bringing import stage_out

    source, target = RunDirectory(Path(folder)), RunDirectory(Path(run_dir))
    if dry_run:
        told = source.told()
        emit.record({"artifacts": len(told.artifacts)}, f"would bring up to {len(told.artifacts)} artifacts")
        return
    _tell(stage_out(source, target), {}, f"to {run_dir}", emit)


def _tell(files: list[StagedFile], more: dict[str, object], where: str, emit: Emit) -> None:
    new = [file for file in files if file.is_new]
    size = sum(file.size for file in new)
    emit.record(
        {**more, "files": len(files), "copied": len(new), "bytes": size},
        f"{where}: {len(new)} of {len(files)} files copied, {sized(size)}",
    )

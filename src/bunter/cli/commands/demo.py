"""The guided tour as a command."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["demo"]

_MILESTONES = ("simulate", "ingest", "calibrations", "isr", "science", "report")
_SEED = 1923


@click.command(epilog="\b\nExample: bunter demo first --until isr")
@click.argument("directory", metavar="[DIR]", default="demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--until", type=click.Choice(_MILESTONES), default="report", show_default=True, help="Where to stop.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Quanta at a time.")
@click.option("--seed", default=_SEED, show_default=True, help="Another seed, another night.")
@click.pass_context
def demo(context: click.Context, *, directory: Path, until: str, jobs: int, seed: int) -> None:
    """Simulate a night of a small camera and process it in DIR, command by command.

    Each command is printed as you would type it. The same again goes on where it stopped.
    """
    from bunter.demo.tour import Tour
    from bunter.demo.workspace import Workspace

    context.exit(Tour(Workspace(directory, seed), jobs, until).go())

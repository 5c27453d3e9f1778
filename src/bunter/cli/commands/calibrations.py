"""Commands about the validity of calibrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import as_of_option, data_id_of, dry_run_option, names_of
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler.timeline import Timeline
    from bunter.cli.output import Emit

__all__ = ["calibration", "decertify", "why_dataset"]

_COLOURS = ("blue", "yellow", "green", "magenta", "red", "cyan", "bright_black", "white")


@click.group("calibration", epilog="\b\nExample: bunter calibration timeline demo bias")
def calibration() -> None:
    """Look at the validity of calibrations."""


@calibration.command(
    "timeline",
    short_help="Draw when calibrations are valid.",
    epilog="\b\nExample: bunter calibration timeline demo bias",
)
@click.argument("repo")
@click.argument("dataset_type")
@click.option(
    "-c", "--collections", multiple=True, help="CALIBRATION collections or chains; all by default. Repeatable."
)
@click.option("--where", default="", help='Query expression, such as "detector < 4".')
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write a drawing to this new file.")
@as_of_option
@output_options
def timeline(
    *,
    repo: str,
    dataset_type: str,
    collections: tuple[str, ...],
    where: str,
    svg: Path | None,
    as_of: str | None,
    emit: Emit,
) -> None:
    """Draw when the calibrations of DATASET_TYPE are valid, and name the gaps."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        drawn = butler.calibration_timeline(dataset_type, names_of(collections) or None, where=where)
    if svg is not None:
        from bunter import effects

        effects.write_new(svg, drawn.svg().encode(), sync=False)
        emit.note(f"drew {svg}")
    if emit.style == "text":
        _show(drawn)
    else:
        records = list(drawn.records())
        emit.rows(tuple(records[0]), [tuple(record.values()) for record in records])


def _show(drawn: Timeline) -> None:
    """Print in the width of the terminal; on one with colours, each run in its own."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    text = Text(drawn.text(console.width))
    if console.is_terminal:
        for place, letter in enumerate(drawn.runs.values()):
            text.highlight_regex(
                rf"(?<![^\s<.A-Za-z]){letter}{{3,}}(?=[\sA-Za-z.>]|$)", _COLOURS[place % len(_COLOURS)]
            )
        text.highlight_regex(r"\.{2,}|^gap: .*$", "bold red")
    console.print(text)


@click.command(
    "decertify-calibrations",
    epilog="\b\nExample: bunter decertify-calibrations demo DemoCam/calib bias --begin-date 2030-01-01 --dry-run",
)
@click.argument("repo")
@click.argument("collection")
@click.argument("dataset_type")
@click.option("--begin-date", help="First instant that loses validity, ISO (UTC; 'T.../tai' for TAI); open by default.")
@click.option("--end-date", help="First instant that keeps it; open by default.")
@click.option("--where", default="", help='Only data IDs that satisfy this expression, such as "detector = 3".')
@dry_run_option
@output_options
def decertify(
    *,
    repo: str,
    collection: str,
    dataset_type: str,
    begin_date: str | None,
    end_date: str | None,
    where: str,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Cut a time out of the validity of the calibrations DATASET_TYPE in COLLECTION; what is left of each range stays valid."""
    from bunter.butler import Butler
    from bunter.butler.cutting import affected
    from bunter.values import Timespan, counted

    try:
        timespan = Timespan.from_times(begin_date, end_date)
    except ValueError as error:
        raise click.UsageError(f"--begin-date and --end-date: {error}") from error
    with Butler(repo, writeable=not dry_run or None) as butler:
        cut = affected(butler, collection, dataset_type, timespan, where=where)
        if not dry_run and cut:
            data_ids = [data_id for data_id, _, _ in cut] if where else None
            butler.collections.decertify(collection, dataset_type, timespan, data_ids)
    rows = [(*data_id.values(), str(old), [str(piece) for piece in left]) for data_id, old, left in cut]
    keys = tuple(cut[0][0]) if cut else ()
    if emit.style != "text" or dry_run:
        emit.rows((*keys, "valid", "left"), rows)
    verb = "would cut" if dry_run else "cut"
    emit.note(f"{verb} {timespan} out of {counted(len(rows), 'validity range')} of {dataset_type} in {collection}")


@click.command(
    "why-dataset",
    epilog="\b\nExample: bunter why-dataset demo bias detector=1 --begin-date 2025-09-21 --collections DemoCam/calib",
)
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("data_id", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("-c", "--collections", multiple=True, help="Where to look, in order. Repeatable.")
@click.option("--begin-date", help="Begin of the time at which a calibration is wanted.")
@click.option("--end-date", help="End of it; without it, --begin-date is a moment.")
@as_of_option
@output_options
def why_dataset(
    *,
    repo: str,
    dataset_type: str,
    data_id: Sequence[str],
    collections: tuple[str, ...],
    begin_date: str | None,
    end_date: str | None,
    as_of: str | None,
    emit: Emit,
) -> None:
    """Say which dataset a look-up finds, and for each collection in search order why it is or is not from there."""
    from bunter.butler import Butler
    from bunter.values import Timespan

    timespan = None
    if begin_date or end_date:
        try:
            alone = begin_date is not None and end_date is None
            timespan = Timespan.instant(begin_date) if alone else Timespan.from_times(begin_date, end_date)
        except ValueError as error:
            raise click.UsageError(f"--begin-date and --end-date: {error}") from error
    with Butler(repo, writeable=False, as_of=as_of) as butler:
        told = butler.explain_lookup(
            dataset_type, data_id_of(data_id), collections=names_of(collections) or None, timespan=timespan
        )
    if emit.style == "text":
        click.echo(str(told))
        return
    emit.rows(
        ("place", "collection", "type", "through", "verdict", "reason"),
        [(n, s.collection, s.type.name, list(s.path), s.verdict, s.reason) for n, s in enumerate(told.steps, 1)],
    )

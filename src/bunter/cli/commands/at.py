"""What covers a position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import as_of_option, names_of
from bunter.cli.asking import EXIT_EMPTY, collections_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler.coverage import Coverage, CoveringDatasets
    from bunter.cli.output import Emit

__all__ = ["at"]


@click.command(
    "at",
    context_settings={"ignore_unknown_options": True},  # a declination may begin with a minus sign
    epilog="\b\nExamples:\n  bunter at demo 330.02 -12.11\n  bunter at demo 22:00:05 -12:06:36 -d calexp --where \"band = 'r'\"\n"
    "  bunter at demo 330.02 -12.11 --radius 0.1 --summary --json",
)
@click.argument("repo")
@click.argument("place", nargs=-1, required=True, metavar="RA DEC | NAME")
@click.option(
    "--radius",
    "radius_deg",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Radius in degrees of a circle to overlap.",
)
@click.option(
    "-d",
    "--datasets",
    "dataset_types",
    multiple=True,
    metavar="NAMES",
    help="Only these types: names or globs. Repeatable.",
)
@collections_option
@click.option("--where", default="", help="Condition on dimensions, such as \"band = 'r'\".")
@click.option("--time", help="Only what was taken then; ISO, UTC unless it says otherwise.")
@click.option("--find-first/--no-find-first", default=True, help="Only the first dataset of each data ID.")
@click.option("--summary", is_flag=True, help="Print only how many there are of each type.")
@click.option("--fail-if-empty", is_flag=True, help=f"Leave with exit code {EXIT_EMPTY} if nothing covers the place.")
@as_of_option
@output_options
def at(
    *,
    repo: str,
    place: tuple[str, ...],
    radius_deg: float,
    dataset_types: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    time: str | None,
    find_first: bool,
    summary: bool,
    fail_if_empty: bool,
    as_of: str | None,
    emit: Emit,
) -> None:
    """List every dataset in REPO that covers a position, by type.

    RA and DEC are ICRS degrees, or sexagesimal with RA in hours (08:51:20 +11:49:00). NAME is looked up where the
    repository's configuration has a resolver.
    """
    from bunter.butler import Butler

    _check(place, repo)
    with Butler(repo, writeable=False, as_of=as_of) as butler:
        found = butler.at(
            *_angles(place),
            radius_deg=radius_deg,
            collections=names_of(collections) or None,
            dataset_types=names_of(dataset_types) or None,
            where=where,
            time=time,
            find_first=find_first,
        )
        _print(emit, found, summary=summary)
    if not found and fail_if_empty:
        raise click.exceptions.Exit(EXIT_EMPTY)


def _check(place: Sequence[str], repo: str) -> None:
    """Refuse options that are none, and a repository that does not come first."""
    from bunter.butler.position import looks_like_position
    from bunter.errors import near

    wrong = next((word for word in place if word.startswith("-") and not looks_like_position(word)), None)
    if wrong is not None:
        options = [spelling for option in click.get_current_context().command.params for spelling in option.opts]
        raise click.UsageError(f"no option {wrong!r}{near(wrong, options)}")
    if looks_like_position(repo) and len(place) > 1 and not looks_like_position(place[-1]):
        raise click.UsageError(f"the repository comes first: bunter at {place[-1]} {repo} {' '.join(place[:-1])}")


def _angles(place: Sequence[str]) -> tuple[str, ...]:
    """Return right ascension and declination, or a name, which may have several words."""
    from bunter.butler.position import looks_like_position

    if len(place) == 2 and looks_like_position(place[1]) and not place[0][:1].isalpha():
        return tuple(place)
    if len(place) == 6:
        return " ".join(place[:3]), " ".join(place[3:])
    return (" ".join(place),)


def _print(emit: Emit, found: Coverage, *, summary: bool) -> None:
    names = ("dataset_type", "datasets", "bands", "through")
    if emit.style == "text":
        number = sum(found.counts.values())
        emit.heading(f"{found.title}: {number} dataset{'' if number == 1 else 's'}")
    if found and (summary or emit.style == "text"):
        emit.rows(names, found.summary())
    if not summary:
        _print_datasets(emit, found)
    for note in found.notes():
        emit.note(note)


def _print_datasets(emit: Emit, found: Coverage) -> None:
    if emit.style == "csv":
        _print_csv(emit, found)
        return
    for name, datasets in found.items():
        columns, rows = _plain(datasets)
        if emit.style == "text":
            emit.heading(f"\n{name}:")
            emit.rows(columns, rows)
        else:
            emit.rows(("dataset_type", *columns), ((name, *row) for row in rows))


def _print_csv(emit: Emit, found: Coverage) -> None:
    """Print one table with the columns of all types."""
    plain = {name: _plain(datasets) for name, datasets in found.items()}
    behind = ("id", "run")
    every = dict.fromkeys(column for columns, _ in plain.values() for column in columns if column not in behind)
    names = ("dataset_type", *every, *behind)
    rows = (
        (name, *(dict(zip(columns, row, strict=True)).get(column) for column in names[1:]))
        for name, (columns, values) in plain.items()
        for row in values
    )
    emit.rows(names, rows)


def _plain(datasets: CoveringDatasets) -> tuple[list[str], list[tuple[object, ...]]]:
    from bunter.butler.tables import plain_rows

    return plain_rows(datasets.rows.drop_columns(["collection"]))

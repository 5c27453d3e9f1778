"""Tables of data IDs that choose what is asked for, planned or run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions import Universe

__all__ = ["agreeing", "data_id_option", "read_data_ids"]

data_id_option = click.option(
    "--data-id-table",
    "table",
    type=click.Path(exists=True, dir_okay=False),
    help="Table of data IDs whose columns are dimensions, in CSV, ECSV, Parquet or FITS: only what agrees with a row.",
)


def agreeing(path: str | None) -> dict[str, Any]:
    """Return the argument of questions by which only what agrees with a table of data IDs is found; none if no file is given."""
    if path is None:
        return {}
    from bunter.butler.given_data_ids import read_table

    return {"data_ids": read_table(path)}


def read_data_ids(path: str | None, universe: Universe) -> Mapping[str, Sequence[Any]] | None:
    """Read the columns of a table of data IDs; None if no file is given.

    Raises
    ------
    click.UsageError
        If the file is no table, has no rows, a column that is no dimension, or a value that is missing or of another type.
    """
    if path is None:
        return None
    from bunter.butler.given_data_ids import given_data_ids, read_table
    from bunter.errors import DataIdError, near

    try:
        columns, others = given_data_ids(read_table(path), universe)
    except DataIdError as error:
        raise click.UsageError(f"{path}: {error}") from error
    for name in others:
        raise click.UsageError(f"{path} has a column {name!r}, which is no dimension{near(name, universe.dimensions)}")
    if not next(iter(columns.values())):
        raise click.UsageError(
            f"{path} has no rows, so that nothing would be selected; leave --data-id-table out to select all"
        )
    return columns

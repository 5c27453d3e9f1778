"""Tables of data IDs in files, as selections of what is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions import Universe

__all__ = ["data_id_option", "read_data_ids"]

data_id_option = click.option(
    "--data-id-table",
    "table",
    type=click.Path(exists=True, dir_okay=False),
    help="Table of data IDs whose columns are dimensions, in CSV, ECSV, Parquet or FITS: only what agrees with a row.",
)


def read_data_ids(path: str | None, universe: Universe) -> Mapping[str, Sequence[Any]] | None:
    """Read the columns of a table of data IDs; None if no file is given.

    Raises
    ------
    click.UsageError
        If the file is no table, has no rows, a column that is no dimension, or a value that is missing or of another type.
    """
    if path is None:
        return None
    columns = _parquet(path) if path.endswith((".parquet", ".pq")) else _table(path)
    _check(path, columns, universe)
    return columns


def _parquet(path: str) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found: dict[str, list[Any]] = pq.read_table(path).to_pydict()
    except (pa.ArrowException, OSError) as error:
        raise click.UsageError(f"{path} is no Parquet file: {error}") from error
    return found


def _table(path: str) -> dict[str, list[Any]]:
    from astropy.io.registry import IORegistryError
    from astropy.table import Table

    try:
        table = Table.read(path)
    except (IORegistryError, ValueError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise click.UsageError(
            f"{path} is no table that can be read: {first}; its name ends in .csv, .ecsv, .parquet or .fits"
        ) from error
    return {name: table[name].tolist() for name in table.colnames}


def _check(path: str, columns: Mapping[str, Sequence[Any]], universe: Universe) -> None:
    from bunter.errors import near

    known = universe.dimensions
    for name, values in columns.items():
        if name not in known:
            raise click.UsageError(f"{path} has a column {name!r}, which is no dimension{near(name, known)}")
        if any(value is None for value in values):
            raise click.UsageError(
                f"{path} has no value of {name!r} in row {list(values).index(None) + 1}; fill it, or drop it"
            )
        wanted = str if universe.key_column(name).kind == "str" else int
        if bad := [value for value in values if not isinstance(value, wanted)]:
            kind = "text" if wanted is str else "a whole number"
            raise click.UsageError(f"{path} has {bad[0]!r} for {name!r}, which is {kind}")
    if not columns or not len(next(iter(columns.values()))):
        raise click.UsageError(
            f"{path} has no rows, so that nothing would be selected; leave --data-id-table out to select all"
        )

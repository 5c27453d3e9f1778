"""Command that reads one dataset, or a piece of it, into a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import as_of_option, data_id_of, dry_run_option, names_of
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.datastore.traffic import Traffic

__all__ = ["get"]

_CONDITION = re.compile(r"\s*(\w[\w.]*)\s*(==|!=|<=|>=|=|<|>)\s*(\S.*?)\s*")


def _numbers(text: str | None, count: int, kind: type, what: str) -> tuple[Any, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(kind(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise click.UsageError(f"{text!r} is not {what}")
    return numbers


@click.command(
    "get",
    epilog="\b\nExamples:\n  bunter get demo coadd tract=0 patch=3 band=r --bbox 100,100,200,150 -o cut.fits\n"
    "  bunter get demo coadd.shape tract=0 patch=3 band=r",
)
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("data_id", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="File to write; its suffix says the format.")
@click.option("--bbox", metavar="X0,Y0,X1,Y1", help="Box of pixels from 0, without the last ones.")
@click.option("--circle", metavar="RA,DEC,RADIUS", help="Smallest box with this circle on the sky, ICRS degrees.")
@click.option("--columns", multiple=True, help="Columns of a table, separated by commas. Repeatable.")
@click.option("--rows", metavar="BEGIN,END", help="Rows of a table from 0, without the last one.")
@click.option(
    "--filter",
    "filters",
    metavar="CONDITION",
    multiple=True,
    help="Rows of a Parquet table that satisfy all of these, such as 'flux > 99'. Repeatable.",
)
@click.option("-c", "--collections", multiple=True, help="Where to find it. Repeatable.")
@dry_run_option
@as_of_option
@output_options
def get(
    *,
    repo: str,
    dataset_type: str,
    data_id: tuple[str, ...],
    output: str | None,
    bbox: str | None,
    circle: str | None,
    columns: tuple[str, ...],
    rows: str | None,
    filters: tuple[str, ...],
    collections: tuple[str, ...],
    dry_run: bool,
    as_of: str | None,
    emit: Emit,
) -> None:
    """Read a dataset, a component of it (TYPE.COMPONENT), or a piece cut out of it; only what is needed is moved.

    The files of many datasets, chosen by a query: `bunter retrieve-artifacts`. Their objects: `Butler.get_many`, in Python.
    """
    from bunter.butler import Butler
    from bunter.datastore.formats.foreign import format_of_file
    from bunter.datastore.traffic import watched

    asked = {
        "bbox": _numbers(bbox, 4, int, "four whole numbers X0,Y0,X1,Y1"),
        "circle": _numbers(circle, 3, float, "three numbers RA,DEC,RADIUS in degrees"),
        "columns": names_of(columns) or None,
        "rows": _numbers(rows, 2, int, "two whole numbers BEGIN,END"),
        "filters": [_condition(text) for text in filters] or None,
    }
    parameters = {name: value for name, value in asked.items() if value is not None}
    form = None if output is None else format_of_file(output)
    if output is not None:
        _refuse_place(output)
    with Butler(repo, writeable=False, as_of=as_of) as butler, watched() as traffic:
        found = butler.get(
            dataset_type, data_id_of(data_id), collections=names_of(collections) or None, parameters=parameters
        )
    is_part = bool(parameters) or "." in dataset_type
    if output is None or form is None:
        _show(found, emit)
    else:
        _save(found, output, form, emit, dry_run=dry_run, traffic=traffic if is_part else None)


def _refuse_place(output: str) -> None:
    """Refuse a file that cannot be made, before anything is read for it."""
    from bunter import effects
    from bunter.errors import ConfigurationError, KeyTakenError

    if effects.stat(output) is not None:
        raise KeyTakenError(f"{output} is there already; remove it, or choose another name")
    if not Path(output).absolute().parent.is_dir():
        raise ConfigurationError(f"there is no folder {Path(output).parent} for {output}; make it first")


def _condition(text: str) -> tuple[str, str, object]:
    """Read ``NAME OP VALUE``; a value that is no number, nor true or false, is a text, in quotes or not."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise click.UsageError(f"{text!r} is not a condition such as 'flux > 99', with one of ==, !=, <, <=, > and >=")
    name, sign, value = found.groups()
    try:
        return name, sign, json.loads(value)
    except ValueError:
        return name, sign, value.strip("'\"")


def _save(found: Any, output: str, form: str, emit: Emit, *, dry_run: bool, traffic: Traffic | None) -> None:
    from bunter import effects
    from bunter.datastore import format_of
    from bunter.values import sized

    if form.partition(":")[0] == "fits" and str(getattr(found, "dtype", "")) == "bool":
        found = found.astype("uint8")  # FITS has no pixels that are true or false
    content = format_of(form).to_bytes(found)
    if not dry_run:
        effects.write_new(output, content, sync=False)
    counts, read = {}, ""
    if traffic is not None and traffic.whole:
        read = f"; read {sized(traffic.moved)} of {sized(traffic.whole)}"
        counts = {"read": traffic.moved, "ranges": traffic.ranges, "of": traffic.whole}
    said = f"{'would write' if dry_run else 'wrote'} {sized(len(content))} to {output}{read}"
    emit.record({"output": output, "size": len(content), "format": form, **counts}, said)


def _show(found: Any, emit: Emit) -> None:
    """Print a plain value, or say what was read."""
    if found is None or isinstance(found, str | int | float | bool | list | dict):
        emit.record({"value": found}, str(found))
        return
    if hasattr(found, "colnames"):
        emit.record(
            {"type": type(found).__name__, "rows": len(found), "columns": list(found.colnames)},
            "\n".join(found.pformat()),
        )
        return
    shape = getattr(found, "shape", None)
    size = " x ".join(map(str, reversed(shape))) if shape else ""
    told = f"{type(found).__name__} {size}".strip() if shape else str(found).strip()
    emit.record({"type": type(found).__name__, "shape": list(shape or ())}, told)

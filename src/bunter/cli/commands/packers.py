"""Commands about packers: numbers for data IDs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.dimensions import Layout

__all__ = ["packer"]


@click.group("packer", epilog="\b\nExample: bunter packer list demo")
def packer() -> None:
    """Define packers, turn data IDs into integers and integers into data IDs."""


@packer.command(
    "define",
    short_help="Keep the layout of a packer in a repository.",
    epilog="\b\nExample: bunter packer define demo tiles -f tract:20 -f patch:100 skymap=demo",
)
@click.argument("repo")
@click.argument("name")
@click.argument("fixed", nargs=-1, metavar="[DIMENSION=VALUE]...")
@click.option(
    "--field",
    "-f",
    "fields",
    multiple=True,
    metavar="DIMENSION:SIZE",
    help="A part of the number, the most significant first: how many values it has (a number, or a field such as "
    "instrument.detector_max), or the values, as in band:g,r,i. The universe's recipe for NAME by default.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Work out the layout and keep nothing.")
@output_options
def define(*, repo: str, name: str, fixed: tuple[str, ...], fields: tuple[str, ...], dry_run: bool, emit: Emit) -> None:
    """Keep the layout of packer NAME in REPO, for the given values of dimensions that are not in the number."""
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run) as butler:
        values = _values(fixed)
        parts = [_field(text) for text in fields] or None
        layout = butler.packers.layout(name, parts, **values)
        if not dry_run:
            butler.packers.define(name, parts, **values)
    emit.record(_facts(layout), f"{'would define' if dry_run else 'defined'} {_said(layout)}")


@packer.command("list", epilog="\b\nExample: bunter packer list demo")
@click.argument("repo")
@output_options
def list_(*, repo: str, emit: Emit) -> None:
    """List the packers of REPO with their layouts."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        layouts = [each.layout for each in butler.packers]
        undefined = sorted(butler.universe.packers.keys() - {each.name for each in layouts})
    if undefined:
        emit.note(f"the universe has recipes for {', '.join(undefined)}, which are not defined here")
    rows = [(each.name, _pairs(each), _fields(each), each.bits) for each in layouts]
    emit.rows(("packer", "for", "fields", "bits"), rows)


@packer.command("pack", epilog="\b\nExample: bunter packer pack demo tiles tract=3 patch=21")
@click.argument("repo")
@click.argument("name")
@click.argument("data_id", nargs=-1, metavar="DIMENSION=VALUE...")
@output_options
def pack(*, repo: str, name: str, data_id: tuple[str, ...], emit: Emit) -> None:
    """Print the number of a data ID."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        values = _values(data_id)
        names = {dimension for each in butler.packers if each.name == name for dimension, _ in each.layout.fixed}
        found = butler.packer(name, **{key: value for key, value in values.items() if key in names})
        number = found.pack(values)
    emit.record({"packer": name, "number": number}, str(number))


@packer.command("unpack", epilog="\b\nExample: bunter packer unpack demo tiles 321")
@click.argument("repo")
@click.argument("name")
@click.argument("numbers", nargs=-1, type=int, required=True)
@click.option("--for", "fixed", multiple=True, metavar="DIMENSION=VALUE", help="Which layout, where there are several.")
@output_options
def unpack(*, repo: str, name: str, numbers: tuple[int, ...], fixed: tuple[str, ...], emit: Emit) -> None:
    """Print the data IDs of numbers."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        found = butler.packer(name, **_values(fixed))
        rows = [(number, *found.unpack(number).required.values()) for number in numbers]
        emit.rows(("number", *found.dimensions.required), rows)


def _values(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read ``name=value`` arguments; digits are numbers."""
    found: dict[str, Any] = {}
    for text in pairs:
        name, equal, value = text.partition("=")
        if not equal:
            raise click.UsageError(f"write DIMENSION=VALUE, not {text!r}")
        found[name] = int(value) if value.lstrip("-").isdigit() else value
    return found


def _field(text: str) -> dict[str, Any]:
    name, colon, size = text.partition(":")
    if not colon or not size:
        raise click.UsageError(f"--field takes DIMENSION:SIZE or DIMENSION:VALUE,VALUE,..., not {text!r}")
    if size.isdigit():
        return {"dimension": name, "size": int(size)}
    if "." in size:
        return {"dimension": name, "size": size}
    return {"dimension": name, "values": size.split(",")}


def _facts(layout: Layout) -> dict[str, object]:
    return {**json.loads(json.dumps(layout.to_dict())), "bits": layout.bits}


def _pairs(layout: Layout) -> str:
    return " ".join(f"{name}={value}" for name, value in layout.fixed)


def _fields(layout: Layout) -> str:
    return ", ".join(f"{each.dimension} ({each.said()})" for each in layout.fields)


def _said(layout: Layout) -> str:
    return f"packer {layout.name} {_pairs(layout)}: {_fields(layout)}, {layout.bits} bits"

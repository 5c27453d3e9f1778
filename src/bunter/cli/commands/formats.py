"""Command about file formats: which there are, and which suits a file best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.cli.output import Emit

__all__ = ["formats"]


@click.command("formats", epilog="\b\nExamples:\n  bunter formats --json\n  bunter formats --bench cut.fits")
@click.option(
    "--bench",
    "path",
    type=click.Path(exists=True, dir_okay=False),
    help="Write and read the content of this file in each format, and say how long it took.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Tries; the best counts.")
@output_options
def formats(*, path: str | None, rounds: int, emit: Emit) -> None:
    """List the file formats with the types that each writes and the recipes it has; or compare them on a file."""
    if path is not None:
        emit.rows(("format", "size", "write_ms", "read_ms", "part_ms", "part_bytes", "remark"), _compared(path, rounds))
        return
    emit.rows(("format", "version", "extension", "types", "recipes", "status"), _listed())


def _listed() -> Iterator[tuple[object, ...]]:
    from bunter.datastore import format_names, format_of
    from bunter.datastore.format import HasRecipes
    from bunter.errors import FormatError

    for name in format_names():
        try:
            form = format_of(name)
        except FormatError as exc:
            yield name, "", "", "", "", str(exc)
            continue
        types = ", ".join(kind.replace(":", ".").removeprefix("builtins.") for kind in form.python_types)
        recipes = ", ".join(form.recipes) if isinstance(form, HasRecipes) else ""
        yield name, form.version, form.extension, types, recipes, _status(getattr(form, "needs", None))


def _status(needs: tuple[str, str] | None) -> str:
    """Say what to install where a library is missing."""
    from importlib.util import find_spec

    if needs is None or find_spec(needs[0]) is not None:
        return "ready"
    return f"pip install 'bunter[{needs[1]}]'"


def _compared(path: str, rounds: int) -> Iterator[tuple[object, ...]]:
    from bunter.datastore.formats.comparison import compare
    from bunter.datastore.formats.foreign import read_file

    for each in compare(read_file(path), rounds):
        if not each.size:
            yield each.format, None, None, None, None, None, each.remark
            continue
        times = [
            None if each_s is None else round(1000 * each_s, 2) for each_s in (each.write_s, each.read_s, each.part_s)
        ]
        yield each.format, each.size, *times, each.part_bytes, each.remark

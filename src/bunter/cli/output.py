"""The one object through which commands print: rows and records as text, JSON lines or CSV."""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Emit", "confirmed", "output_options"]

_TOGETHER = 1000


def _plain(value: object) -> object:
    """Return a value that JSON knows; anything else as its text."""
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def _cell(value: object) -> str:
    """Return a value for eyes: ten digits of a number are enough; JSON and CSV have all of them."""
    return min(repr(value), f"{value:.10g}", key=len) if isinstance(value, float) else _text(value)


def _print(lines: Iterable[str]) -> int:
    """Print lines, many at once; return how many there were."""
    coming, number = iter(lines), 0
    while chunk := list(islice(coming, _TOGETHER)):
        click.echo("\n".join(chunk))
        number += len(chunk)
    return number


@dataclass(frozen=True, slots=True)
class Emit:
    """Print results on standard output in the style that the user chose, and all else on standard error."""

    style: str = "text"

    def rows(self, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print rows under their column names as they come: an aligned table, JSON lines, or CSV."""
        if self.style == "json":
            _print(json.dumps(dict(zip(names, row, strict=True)), default=_plain) for row in rows)
        elif self.style == "csv":
            import csv

            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([_text(value) for value in row] for row in rows)
        else:
            self._table(names, ([_cell(value) for value in row] for row in rows))

    @staticmethod
    def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        from bunter.cli.grid import Grid
        from bunter.cli.wrapping import terminal_width

        if not _print(Grid(names, terminal_width()).lines(rows)):
            click.echo("no results", err=True)

    def heading(self, title: str) -> None:
        """Print a title above a table of several; the other styles have none."""
        if self.style == "text":
            click.echo(title)

    def record(self, values: Mapping[str, object], sentence: str | None = None) -> None:
        """Print one result: the sentence as text, or the values as one JSON object."""
        if self.style == "json":
            click.echo(json.dumps(dict(values), default=_plain))
        elif self.style == "csv":
            self.rows(list(values), [list(values.values())])
        elif sentence is not None:
            click.echo(sentence)
        else:
            width = max(map(len, values), default=0)
            for name, value in values.items():
                click.echo(f"{name.ljust(width)}  {_text(value)}")

    def summary(self, values: Mapping[str, object], sentence: str) -> None:
        """Say what rows amount to: in JSON as the last line, ``{"summary": {...}}``, else beside the results."""
        if self.style == "json":
            click.echo(json.dumps({"summary": dict(values)}, default=_plain))
        else:
            self.note(sentence)

    @staticmethod
    def note(sentence: str) -> None:
        """Say something that is not a result."""
        from bunter.cli.wrapping import wrapped_for

        click.echo(wrapped_for(sys.stderr, sentence), err=True)


def confirmed(question: str) -> bool:
    """Ask before something is removed; where nobody can answer, say which option to give instead."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError("nobody answers here; give --no-confirm to go on without asking") from None


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` and ``--csv`` to a command and pass it an `Emit` as ``emit``."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
    @click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
    @functools.wraps(command)
    def with_emit(*args: Any, as_json: bool, as_csv: bool, **kwargs: Any) -> Any:
        if as_json and as_csv:
            raise click.UsageError("choose one of --json and --csv")
        return command(*args, emit=Emit("json" if as_json else "csv" if as_csv else "text"), **kwargs)

    return with_emit

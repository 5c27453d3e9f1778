"""What every query command lets the user say, and how its answer is given."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import names_of
from bunter.cli.data_ids import agreeing, data_id_option
from bunter.cli.output import output_options
from bunter.cli.sheets import Sheet, Window, united
from bunter.errors import near

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from bunter.cli.output import Emit

__all__ = ["EXIT_EMPTY", "Asking", "asking_options", "collections_option"]

EXIT_EMPTY = 3
_OPTIONS = (
    "where", "order_by", "limit", "offset", "columns", "group_by", "summaries", "table", "with_records", "count",
    "explain", "parquet", "fail_if_empty",
)  # fmt: skip

collections_option = click.option(
    "-c",
    "--collections",
    multiple=True,
    metavar="NAMES",
    help="Collections to search, in order: names, chains, globs, separated by commas. Repeatable.",
)


@dataclass(frozen=True, slots=True)
class Asking:
    """A question from the command line, apart from what it is about.

    Parameters
    ----------
    where : str
        Query expression.
    order_by : tuple of str
        Names to sort by.
    limit : int
        At most this many rows; 0 for all, less than 0 to be told if there are more.
    offset : int
        Rows left out first.
    columns : tuple of str
        Values to show in place of what the rows are.
    group_by : tuple of str
        Values on which rows of a group agree.
    summaries : tuple of str
        What to say of each group, as ``name=count(*)``.
    table : str, optional
        File with a table of data IDs that rows must match.
    with_records : bool
        Whether rows have the columns of their dimension records.
    count, explain : bool
        Print the number of rows, or why there are these, instead of rows.
    parquet : str, optional
        File to write the rows to.
    fail_if_empty : bool
        Whether no rows are a failure.
    emit : Emit
        Where rows go.
    """

    where: str
    order_by: tuple[str, ...]
    limit: int
    offset: int
    columns: tuple[str, ...]
    group_by: tuple[str, ...]
    summaries: tuple[str, ...]
    table: str | None
    with_records: bool
    count: bool
    explain: bool
    parquet: str | None
    fail_if_empty: bool
    emit: Emit

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of the butler's queries."""
        order = () if self._groups else tuple(names_of(self.order_by))
        options: dict[str, Any] = {"where": self.where, "order_by": order, "offset": 0 if self._groups else self.offset}
        if self.with_records:
            options["with_dimension_records"] = True
        return options | agreeing(self.table)

    @property
    def _groups(self) -> bool:
        return bool(self.group_by or self.summaries)

    def _grouped(self, sheet: Sheet) -> Sheet:
        """Sum up rows in groups; order and limit are then those of the groups."""
        if not self._groups:
            return sheet
        if self.columns or sheet.finish is not None:
            raise click.UsageError("groups have columns of their own: leave out --columns and --show-uri")
        if bad := [text for text in self.summaries if "=" not in text]:
            raise click.UsageError(f"{bad[0]!r} is not NAME=SUMMARY, such as n=count(*)")
        pairs = (text.partition("=") for text in self.summaries)
        wanted = {name.strip(): what for name, _, what in pairs} or {"count": "count(*)"}
        groups = sheet.results.group_by(*names_of(self.group_by)).aggregate(**wanted)
        return Sheet(sheet.name, groups.order_by(*names_of(self.order_by)).offset(self.offset))

    def answer(self, sheets: Sequence[Sheet]) -> None:
        """Print what was asked for; with several sheets each under its name."""
        sheets = [self._grouped(sheet) for sheet in sheets]
        if self.count:
            found = self._counts(sheets)
        elif self.explain:
            found = self._explanations(sheets)
        else:
            found = self._rows([self._chosen(sheet) for sheet in sheets])
        if not found and self.fail_if_empty:
            raise click.exceptions.Exit(EXIT_EMPTY)

    def _chosen(self, sheet: Sheet) -> Sheet:
        """Show the columns that were asked for."""
        if not self.columns:
            return sheet
        names = names_of(self.columns)
        if sheet.finish is None:
            return Sheet(sheet.name, sheet.results.select(*names))
        finish = sheet.finish
        return Sheet(sheet.name, sheet.results, lambda table: _only(finish(table), names))

    def _counts(self, sheets: Sequence[Sheet]) -> int:
        numbers = [self._number(sheet) for sheet in sheets]
        if len(sheets) == 1 and not sheets[0].name:
            self.emit.record({"count": numbers[0]}, str(numbers[0]))
        else:
            some = [(sheet.name, number) for sheet, number in zip(sheets, numbers, strict=True) if number]
            self.emit.rows(("dataset_type", "count"), some)
        return sum(numbers)

    def _number(self, sheet: Sheet) -> int:
        return (sheet.results if self.limit == 0 else sheet.results.limit(abs(self.limit))).count()

    def _explanations(self, sheets: Sequence[Sheet]) -> int:
        found = 0
        for sheet in sheets:
            explanation = sheet.results.explain()
            found += explanation.rows
            of = {"dataset_type": sheet.name} if sheet.name else {}
            if self.emit.style == "csv":
                self.emit.rows((*of, "explanation"), [(*of.values(), explanation.sentence)])
            else:
                self.emit.record({**of, **explanation.to_dict()}, str(explanation))
        return found

    def _rows(self, sheets: Sequence[Sheet]) -> int:
        window = Window(self.limit)
        if self.parquet is not None:
            self._to_parquet(self.parquet, sheets, window)
        elif self.emit.style == "csv" and sheets:
            schema, tables = united(sheets, window)
            names, _ = self._plain(schema.empty_table())
            self.emit.rows(names, (row for table in tables for row in self._plain(table)[1]))
        else:
            for sheet in sheets:
                self._sheet(sheet, window, alone=len(sheets) == 1)
        if window.was_cut:
            self.emit.note(f"more than {window.shown} rows: these are the first; --limit 0 gives all")
        return window.shown

    def _sheet(self, sheet: Sheet, window: Window, *, alone: bool) -> None:
        """Print one sheet as JSON lines, or as a table under its name."""
        tables = sheet.tables(window)
        first = next(tables, None)
        if first is None:
            if alone and self.emit.style == "text" and not window.was_cut:
                self.emit.note(sheet.results.explain().sentence)
            return
        if self.emit.style == "text" and sheet.name:
            self.emit.heading(f"{sheet.name}:")
            first = first.drop_columns(["dataset_type"])
            tables = (table.drop_columns(["dataset_type"]) for table in tables)
        names, rows = self._plain(first)
        self.emit.rows(names, chain(rows, (row for table in tables for row in self._plain(table)[1])))

    def _plain(self, table: pa.Table) -> tuple[list[str], list[tuple[Any, ...]]]:
        from bunter.butler.tables import plain_rows

        return plain_rows(table, chosen=bool(self.columns))

    def _to_parquet(self, path: str, sheets: Sequence[Sheet], window: Window) -> None:
        """Write rows to a file that appears when it is complete."""
        import pyarrow.parquet as pq

        from bunter import effects
        from bunter.butler.tables import portable
        from bunter.errors import KeyTakenError

        if effects.stat(path) is not None:
            raise KeyTakenError(f"{path} is there already; remove it, or choose another name")
        if not sheets:
            self.emit.note("no results; nothing was written")
            return
        schema, tables = united(sheets, window)
        schema = portable(schema.empty_table()).schema
        unfinished = f"{path}.unfinished"
        try:
            with pq.ParquetWriter(unfinished, schema) as writer:
                for table in tables:
                    writer.write_table(portable(table).cast(schema))
        except BaseException:
            effects.unlink(unfinished, missing_ok=True)
            raise
        effects.rename(unfinished, path)
        self.emit.record({"file": path, "rows": window.shown}, f"{window.shown} rows in {path}")


def _only(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return some columns of a table, in the order asked for."""
    for name in names:
        if name not in table.column_names:
            hint = near(name, table.column_names) or f"; there are {', '.join(table.column_names)}"
            more = "" if "." not in name else "; --with-records adds those of dimension records"
            raise click.UsageError(f"--columns {name}: there is no such column{hint}{more}")
    return table.select(list(names))


def asking_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every query has, with those of `output_options`, and pass them as one `Asking`."""

    @click.option("--where", default="", help="Query expression, such as \"band = 'r' and visit > 100\".")
    @click.option("--order-by", multiple=True, metavar="NAMES", help="Sort by these; '-name' downwards. Repeatable.")
    @click.option(
        "--limit",
        type=int,
        default=0,
        help="At most this many rows; 0 for all; -N for N and to be told if there are more.",
    )
    @click.option("--offset", type=click.IntRange(min=0), default=0, help="Leave out the first rows.")
    @click.option(
        "--columns",
        multiple=True,
        metavar="NAMES",
        help="Show these values, such as visit,visit.exposure_time. Repeatable.",
    )
    @click.option(
        "--group-by", multiple=True, metavar="NAMES", help="Put rows that agree on these into groups. Repeatable."
    )
    @click.option(
        "--summary",
        "summaries",
        multiple=True,
        metavar="NAME=WHAT",
        help="Say this of each group: count(*), count(distinct band), min(...), max(...), sum(...), avg(...). Repeatable.",
    )
    @data_id_option
    @click.option("--with-records", is_flag=True, help="Add columns of dimension records, such as visit.exposure_time.")
    @click.option("--count", is_flag=True, help="Print only the number of rows.")
    @click.option("--explain", is_flag=True, help="Say which constraint empties the result, and what is near.")
    @click.option(
        "--parquet", type=click.Path(dir_okay=False), metavar="FILE", help="Write the rows to a new Parquet file."
    )
    @click.option("--fail-if-empty", is_flag=True, help=f"Leave with exit code {EXIT_EMPTY} if there are no rows.")
    @output_options
    @functools.wraps(command)
    def with_asking(*args: Any, emit: Emit, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name) for name in _OPTIONS}
        return command(*args, asking=Asking(emit=emit, **chosen), **kwargs)

    return with_asking

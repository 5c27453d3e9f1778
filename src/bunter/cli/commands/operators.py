"""Commands for operators: SQL over views, statistics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.butler.operators import Usage
    from bunter.cli.output import Emit
    from bunter.dataset.operator import SqlAnswer

__all__ = ["mirror", "sql", "stats"]

_KEYS = {
    "type": "dataset_type",
    "run": "run",
    "instrument": "instrument",
    "night": "night",
    "user": "user",
    "host": "host",
    "day": "day",
}


@click.command(
    "sql",
    epilog="\b\nExamples: bunter sql demo --views\n          "
    'bunter sql demo "SELECT dataset_type, count(*) AS n FROM v1_dataset GROUP BY dataset_type"',
)
@click.argument("repo")
@click.argument("statement", default="")
@click.option("--views", is_flag=True, help="List the views with what they hold and their columns, instead.")
@click.option("--file", "file", type=click.File(), help="Read the statement from a file; - for standard input.")
@click.option("--bind", "binds", multiple=True, metavar="NAME=VALUE", help="Value for :NAME. Repeatable.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=10_000, show_default=True, help="At most this many rows; 0 for all."
)
@click.option(
    "--time-limit", type=click.FloatRange(min=0.001), default=60.0, show_default=True, help="Longest time in seconds."
)
@click.option(
    "--parquet", type=click.Path(dir_okay=False), metavar="FILE", help="Write the rows to a new Parquet file, instead."
)
@output_options
def sql(
    *,
    repo: str,
    statement: str,
    views: bool,
    file: Any,
    binds: tuple[str, ...],
    limit: int,
    time_limit: float,
    parquet: str | None,
    emit: Emit,
) -> None:
    """Carry out one SELECT over the views of REPO; nothing can be changed by it."""
    from bunter.butler import Butler
    from bunter.cli.arguments import data_id_of

    text = file.read() if file is not None else statement
    if not text and not views:
        raise click.UsageError("give a SELECT, or --views to see what can be asked")
    with Butler(repo, writeable=False) as butler:
        answer = (
            butler.sql_views()
            if views
            else butler.sql(text, data_id_of(binds), limit=limit or None, time_limit_s=time_limit)
        )
    if parquet is not None:
        _write_parquet(answer, Path(parquet), emit)
    else:
        emit.rows(answer.names, _readable(answer))
    if not answer.is_complete:
        emit.note(f"only the first {limit} rows; --limit 0 gives all")


def _readable(answer: SqlAnswer) -> Iterator[Sequence[object]]:
    """Write bytes as hexadecimal digits."""
    for row in answer:
        yield [value.hex() if isinstance(value, bytes) else value for value in row]


def _write_parquet(answer: SqlAnswer, path: Path, emit: Emit) -> None:
    import pyarrow.parquet as pq

    from bunter.errors import RepositoryExistsError

    if path.exists():
        raise RepositoryExistsError(f"{path} exists; choose another name, nothing is overwritten")
    pq.write_table(answer.to_arrow(), path)
    emit.record({"file": str(path), "rows": len(answer)}, f"wrote {len(answer)} rows to {path}")


@click.command("stats", epilog="\b\nExamples: bunter stats demo\n          bunter stats demo --by type,night --json")
@click.argument("repo")
@click.option(
    "--by",
    metavar="NAMES",
    help=f"Count by these, separated by commas: {', '.join(_KEYS)}. Without it, a table for each.",
)
@output_options
def stats(*, repo: str, by: str | None, emit: Emit) -> None:
    """Count the datasets of REPO and the bytes of their artifacts; days are those of registration (TAI)."""
    from bunter.butler import Butler
    from bunter.values import counted

    names = [name.strip() for name in (by or "").split(",") if name.strip()]
    if unknown := [name for name in names if name not in _KEYS]:
        raise click.UsageError(f"--by {unknown[0]}: there are {', '.join(_KEYS)}")
    with Butler(repo, writeable=False) as butler:
        usage = butler.usage()
    if names:
        emit.rows((*names, "datasets", "bytes"), usage.by(*(_KEYS[name] for name in names)))
    elif emit.style == "text":
        _overview(usage, emit)
    else:
        rows = [(name, value, *sums) for name in _KEYS for value, *sums in usage.by(_KEYS[name])]
        emit.rows(("by", "value", "datasets", "bytes"), rows)
    emit.note(f"{counted(usage.datasets, 'dataset')}, {usage.bytes} bytes in all")


def _overview(usage: Usage, emit: Emit) -> None:
    for place, name in enumerate(_KEYS):
        if place:
            emit.heading("")
        emit.rows((name, "datasets", "bytes"), usage.by(_KEYS[name]))


@click.command(
    "mirror",
    epilog="\b\nExamples: bunter mirror demo demo-books\n          bunter mirror demo demo-books --dry-run",
)
@click.argument("repo")
@click.argument("target")
@dry_run_option
@output_options
def mirror(*, repo: str, target: str, dry_run: bool, emit: Emit) -> None:
    """Copy the views of REPO to TARGET, or bring it up to date: a file that ends in .duckdb, or a folder for Parquet."""
    from bunter.butler import Butler
    from bunter.values import counted

    with Butler(repo, writeable=False) as butler:
        report = butler.mirror(target, dry_run=dry_run)
    values = {
        "target": target,
        "since": report.since,
        "until": report.until,
        "removed": report.removed,
        "dry_run": dry_run,
    }
    rows = counted(sum(report.written.values()), "row")
    sentence = f"{target} is at change {report.until} already"
    if report.since != report.until:
        verb = "would go" if dry_run else "went"
        told = "" if dry_run else f": {rows} written, {counted(report.removed, 'dataset')} taken out"
        sentence = f"{target} {verb} from change {report.since} to {report.until}{told}"
    emit.record({**values, "written": report.written}, sentence)

"""Commands that look and change nothing."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import as_of_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bunter.butler import Butler
    from bunter.butler.results import Results
    from bunter.cli.output import Emit

__all__ = ["query_data_ids", "query_dataset_types", "query_datasets", "query_dimension_records"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What every query command lets the user say about rows.

    Parameters
    ----------
    where : str
        Query expression.
    order_by : tuple of str
        Names to sort by.
    limit : int, optional
        At most this many rows.
    offset : int
        Rows left out first.
    count, explain : bool
        Print the number of rows, or why there are these, instead of rows.
    """

    where: str
    order_by: tuple[str, ...]
    limit: int | None
    offset: int
    count: bool
    explain: bool

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of the butler's queries."""
        return {"where": self.where, "order_by": self.order_by, "limit": self.limit, "offset": self.offset}


def _selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every query has and pass them as one `Selection`."""

    @click.option("--where", default="", help="Query expression, such as \"band = 'r' and visit > 100\".")
    @click.option("--order-by", multiple=True, help="Sort by this name; '-name' downwards. Repeatable.")
    @click.option("--limit", type=click.IntRange(min=1), help="At most this many rows.")
    @click.option("--offset", type=click.IntRange(min=0), default=0, help="Leave out the first rows.")
    @click.option("--count", is_flag=True, help="Print only the number of rows.")
    @click.option("--explain", is_flag=True, help="Say which constraint empties the result.")
    @functools.wraps(command)
    def with_selection(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name) for name in ("where", "order_by", "limit", "offset", "count", "explain")}
        return command(*args, selection=Selection(**chosen), **kwargs)

    return with_selection


_collections = click.option(
    "--collections", multiple=True, help="Collections to search, in order; names, chains, globs. Repeatable."
)


def _chosen(collections: tuple[str, ...]) -> list[str] | None:
    return [name for names in collections for name in names.split(",")] or None


def _emit(emit: Emit, results: Results[Any], selection: Selection, name: str = "") -> None:
    """Print what was asked for; ``name`` is the dataset type where there are several."""
    of = {"dataset_type": name} if name else {}
    if selection.count:
        number = results.count()
        emit.record({**of, "count": number}, str(number))
    elif selection.explain:
        sentence = results.explain()
        emit.record({**of, "explanation": sentence}, sentence)
    else:
        _emit_rows(emit, results, name)


def _emit_rows(emit: Emit, results: Results[Any], name: str = "") -> None:
    from bunter.butler.tables import plain_rows

    columns, rows = plain_rows(results.to_arrow())
    if name and emit.style != "text":
        columns, rows = ["dataset_type", *columns], [(name, *row) for row in rows]
    if not rows and emit.style == "text":
        emit.note(results.explain())
        return
    emit.rows(columns, rows)


@click.command(
    "query-datasets", epilog="\b\nExample: bunter query-datasets demo coadd --where \"band = 'r'\" --show-uri"
)
@click.argument("repo")
@click.argument("dataset_types", nargs=-1)
@_collections
@click.option("--find-first/--no-find-first", default=None, help="Only the first dataset of each data ID.")
@click.option("--show-uri", is_flag=True, help="Print where each file is.")
@_selection
@as_of_option
@output_options
def query_datasets(
    *,
    repo: str,
    dataset_types: tuple[str, ...],
    collections: tuple[str, ...],
    find_first: bool | None,
    show_uri: bool,
    selection: Selection,
    as_of: str | None,
    emit: Emit,
) -> None:
    """List the datasets of DATASET_TYPES (names or globs; all by default) in REPO."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        names = list(_matching_types(butler, dataset_types))
        alone = len(dataset_types) == 1 and names == list(dataset_types)
        for name in names:
            results = butler.query_datasets(
                name,
                _chosen(collections),
                find_first=find_first,
                **selection.options,
            )
            if show_uri and not (selection.count or selection.explain):
                _emit_uris(emit, butler, results)
            elif alone:
                _emit(emit, results, selection)
            elif results.any():
                emit.heading(f"{name}:")
                _emit(emit, results, selection, name)


def _matching_types(butler: Butler, patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns or ("*",):
        if set(pattern) & set("*?["):
            yield from (kind.name for kind in butler.dataset_types.query(pattern))
        else:
            yield butler.dataset_types.get(pattern).name


def _emit_uris(emit: Emit, butler: Butler, results: Results[Any]) -> None:
    refs = list(results)
    uris = butler.get_uris(refs)
    rows = [
        (ref.dataset_type.name, *ref.data_id.required_values, str(ref.id), ref.run, str(uri))
        for ref, found in zip(refs, uris, strict=True)
        for uri in found
    ]
    if not rows and emit.style == "text":
        emit.note(results.explain())
        return
    keys = refs[0].data_id.group.required if refs else ()
    emit.rows(("dataset_type", *keys, "id", "run", "uri"), rows)


@click.command("query-data-ids", epilog="\b\nExample: bunter query-data-ids demo visit detector --datasets calexp")
@click.argument("repo")
@click.argument("dimensions", nargs=-1, required=True)
@click.option("--datasets", multiple=True, help="Only data IDs for which this dataset type exists. Repeatable.")
@_collections
@_selection
@as_of_option
@output_options
def query_data_ids(
    *,
    repo: str,
    dimensions: tuple[str, ...],
    datasets: tuple[str, ...],
    collections: tuple[str, ...],
    selection: Selection,
    as_of: str | None,
    emit: Emit,
) -> None:
    """List the data IDs of DIMENSIONS in REPO."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        results = butler.query_data_ids(
            dimensions,
            datasets=datasets,
            collections=_chosen(collections),
            **selection.options,
        )
        _emit(emit, results, selection)


@click.command(
    "query-dimension-records",
    epilog='\b\nExample: bunter query-dimension-records demo exposure --where "exposure.exposure_time > 10"',
)
@click.argument("repo")
@click.argument("element")
@_selection
@as_of_option
@output_options
def query_dimension_records(
    *,
    repo: str,
    element: str,
    selection: Selection,
    as_of: str | None,
    emit: Emit,
) -> None:
    """List the records of the dimension ELEMENT in REPO."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        results = butler.query_dimension_records(element, **selection.options)
        _emit(emit, results, selection)


@click.command("query-dataset-types", epilog="\b\nExample: bunter query-dataset-types demo 'co*'")
@click.argument("repo")
@click.argument("pattern", default="*")
@as_of_option
@output_options
def query_dataset_types(*, repo: str, pattern: str, as_of: str | None, emit: Emit) -> None:
    """List the dataset types of REPO whose names match PATTERN."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        rows = [
            (kind.name, list(kind.dimensions.required), kind.storage_class, kind.is_calibration)
            for kind in butler.dataset_types.query(pattern)
        ]
    emit.rows(("name", "dimensions", "storage_class", "is_calibration"), rows)

"""Commands that look and change nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import as_of_option, names_of
from bunter.cli.asking import asking_options, collections_option
from bunter.cli.output import output_options
from bunter.cli.sheets import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from bunter.butler import Butler
    from bunter.cli.asking import Asking
    from bunter.cli.output import Emit

__all__ = ["query_data_ids", "query_dataset_types", "query_datasets", "query_dimension_records"]

_WILD = frozenset("*?[")

_datasets = click.option(
    "--datasets",
    multiple=True,
    metavar="NAMES",
    help="Only where datasets of these types exist (in the collections searched). Repeatable.",
)


@click.command(
    "query-datasets",
    epilog="\b\nExamples:\n  bunter query-datasets demo coadd --where \"band = 'r'\" --show-uri\n"
    "  bunter query-datasets demo 'co*' --count\n"
    "  bunter query-datasets demo calexp --columns visit,visit.exposure_time,run --csv",
)
@click.argument("repo")
@click.argument("dataset_types", nargs=-1)
@collections_option
@click.option("--find-first/--no-find-first", default=None, help="Only the first dataset of each data ID.")
@click.option("--show-uri", is_flag=True, help="Print where each file is.")
@as_of_option
@asking_options
def query_datasets(
    *,
    repo: str,
    dataset_types: tuple[str, ...],
    collections: tuple[str, ...],
    find_first: bool | None,
    show_uri: bool,
    as_of: str | None,
    asking: Asking,
) -> None:
    """List the datasets of DATASET_TYPES (names or globs; all by default) in REPO."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        names = list(dict.fromkeys(_matching_types(butler, dataset_types)))
        alone = names == list(dataset_types) and len(names) == 1
        if not alone and asking.offset:
            raise click.UsageError("--offset counts the rows of one dataset type; name one")
        finish = partial(_with_uris, butler) if show_uri else None
        asked = (
            butler.query_datasets(name, names_of(collections) or None, find_first=find_first, **asking.options)
            for name in names
        )
        sheets = [Sheet("" if alone else name, results, finish) for name, results in zip(names, asked, strict=True)]
        if not sheets:
            asking.emit.note(f"no dataset type matches {' '.join(dataset_types) or '*'}")
        asking.answer(sheets)


def _matching_types(butler: Butler, patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns or ("*",):
        if set(pattern) & _WILD:
            yield from (kind.name for kind in butler.dataset_types.query(pattern))
        else:
            yield butler.dataset_types.get(pattern).name


def _with_uris(butler: Butler, table: pa.Table) -> pa.Table:
    """Add a column of addresses; a dataset of several files has a row for each."""
    import pyarrow as pa

    located = butler.locate(table.column("id").to_pylist())
    uris: list[list[str | None]] = [
        [str(butler.datastore.uri(item)) for item in stored] or [None] for stored in located
    ]
    places = [place for place, found in enumerate(uris) for _ in found]
    return table.take(places).append_column("uri", pa.array([uri for found in uris for uri in found], pa.string()))


@click.command(
    "query-data-ids",
    epilog="\b\nExamples:\n  bunter query-data-ids demo visit detector --datasets calexp\n"
    "  bunter query-data-ids demo --datasets coadd --count",
)
@click.argument("repo")
@click.argument("dimensions", nargs=-1)
@_datasets
@collections_option
@as_of_option
@asking_options
def query_data_ids(
    *,
    repo: str,
    dimensions: tuple[str, ...],
    datasets: tuple[str, ...],
    collections: tuple[str, ...],
    as_of: str | None,
    asking: Asking,
) -> None:
    """List the data IDs of DIMENSIONS in REPO; by default those of the datasets that must exist."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        joined = list(_matching_types(butler, tuple(names_of(datasets)))) if datasets else []
        names = names_of(dimensions) or _dimensions_of(butler, joined)
        results = butler.query_data_ids(
            names, datasets=joined, collections=names_of(collections) or None, **asking.options
        )
        asking.answer([Sheet("", results)])


def _dimensions_of(butler: Butler, dataset_types: list[str]) -> list[str]:
    if not dataset_types:
        raise click.UsageError("name dimensions, such as visit detector, or give --datasets")
    return [name for kind in dataset_types for name in butler.dataset_types.get(kind).dimensions.required]


@click.command(
    "query-dimension-records",
    epilog='\b\nExamples:\n  bunter query-dimension-records demo exposure --where "exposure.exposure_time > 10"\n'
    "  bunter query-dimension-records demo visit --datasets calexp --order-by -visit --limit 3",
)
@click.argument("repo")
@click.argument("element")
@_datasets
@collections_option
@click.option("--no-check", is_flag=True, hidden=True, help="Accepted and ignored, for scripts of the Rubin Butler.")
@as_of_option
@asking_options
def query_dimension_records(
    *,
    repo: str,
    element: str,
    datasets: tuple[str, ...],
    collections: tuple[str, ...],
    no_check: bool,
    as_of: str | None,
    asking: Asking,
) -> None:
    """List the records of the dimension ELEMENT in REPO."""
    from bunter.butler import Butler

    del no_check
    with Butler(repo, writeable=False, as_of=as_of) as butler:
        results: Any = butler.query_dimension_records(element, **asking.options)
        if datasets:
            joined = _matching_types(butler, tuple(names_of(datasets)))
            query = butler.query().join_datasets(*joined, collections=names_of(collections) or None)
            if "data_ids" in (options := asking.options):
                query = query.join_data_ids(options["data_ids"])
            found = query.where(asking.where).dimension_records(element)
            results = found.order_by(*options["order_by"]).offset(options["offset"])
        asking.answer([Sheet("", results)])


@click.command(
    "query-dataset-types",
    epilog="\b\nExamples:\n  bunter query-dataset-types demo 'co*'\n"
    "  bunter query-dataset-types demo --collections demo/science",
)
@click.argument("repo")
@click.argument("patterns", nargs=-1)
@click.option(
    "-c", "--collections", multiple=True, metavar="NAMES", help="Only types of which these have datasets. Repeatable."
)
@click.option("-v", "--verbose", is_flag=True, hidden=True, help="Accepted; dimensions are always shown.")
@as_of_option
@output_options
def query_dataset_types(
    *,
    repo: str,
    patterns: tuple[str, ...],
    collections: tuple[str, ...],
    verbose: bool,
    as_of: str | None,
    emit: Emit,
) -> None:
    """List the dataset types of REPO whose names match PATTERNS (all by default)."""
    from bunter.butler import Butler

    del verbose
    with Butler(repo, writeable=False, as_of=as_of) as butler:
        names = dict.fromkeys(name for pattern in patterns or ("*",) for name in _names_like(butler, pattern))
        held = _held_in(butler, names_of(collections)) if collections else None
        kinds = [butler.dataset_types.get(name) for name in names if held is None or name in held]
        rows = [(kind.name, list(kind.dimensions.required), kind.storage_class, kind.is_calibration) for kind in kinds]
        nothing_like = next((pattern for pattern in patterns if not rows and not set(pattern) & _WILD), None)
        if nothing_like is not None and held is None:
            butler.dataset_types.get(nothing_like)  # says what is near
    emit.rows(("name", "dimensions", "storage_class", "is_calibration"), rows)


def _names_like(butler: Butler, pattern: str) -> list[str]:
    return [kind.name for kind in butler.dataset_types.query(pattern)]


def _held_in(butler: Butler, collections: list[str]) -> set[str]:
    """Return the dataset types of which collections hold datasets now."""
    summaries = butler.collections.summary(collections, sizes=False)
    return {name for summary in summaries.values() for name in summary.dataset_types}

"""Commands about what is kept beside datasets: headers, metadata, indexes, origins, activities."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import data_id_of, dry_run_option, names_of
from bunter.cli.data_ids import agreeing, data_id_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.cli.output import Emit
    from bunter.dataset import DatasetRef

__all__ = ["dataset_of", "index_metadata", "origin", "query_activities", "query_headers", "set_metadata"]

_collections = click.option("-c", "--collections", multiple=True, help="Collections to search, in order. Repeatable.")
_where = click.option("--where", default="", help='Query expression, such as "raw.header.AIRMASS < 1.4".')


@click.command(
    "query-headers", epilog="\b\nExample: bunter query-headers demo raw AIRMASS EXPTIME --where \"band = 'r'\""
)
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("cards", nargs=-1, required=True)
@_collections
@_where
@data_id_option
@click.option("--order-by", multiple=True, help="Sort by this name; '-name' downwards. Repeatable.")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many rows.")
@output_options
def query_headers(
    *,
    repo: str,
    dataset_type: str,
    cards: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    table: str | None,
    order_by: tuple[str, ...],
    limit: int | None,
    emit: Emit,
) -> None:
    """List header CARDS of the datasets of DATASET_TYPE in REPO; no file is opened."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        results = butler.query_datasets(
            dataset_type,
            names_of(collections) or None,
            where=where,
            order_by=order_by,
            limit=limit,
            **agreeing(table),
        )
        refs = list(results)
        if not refs and emit.style == "text":
            emit.note(str(results.explain()))
            return
        found = butler.headers(refs, cards)
    rows = ([None if _is_masked(value) else value for value in row] for row in found)
    emit.rows(found.colnames, rows)


def _is_masked(value: object) -> bool:
    import numpy as np

    return value is np.ma.masked


@click.command(
    "set-metadata",
    epilog='\b\nExample: bunter set-metadata demo raw quality.flag=bad --where "raw.header.AIRMASS > 1.5"',
)
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("values", nargs=-1, required=True, metavar="KEY=VALUE...")
@_collections
@_where
@data_id_option
@dry_run_option
@output_options
def set_metadata(
    *,
    repo: str,
    dataset_type: str,
    values: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    table: str | None,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Give the datasets of DATASET_TYPE in REPO that --where selects metadata.

    KEY may have dots; VALUE is JSON where it can be read as such, else text; null takes the key away.
    """
    from bunter.butler import Butler

    document = _document(values)
    with Butler(repo, writeable=not dry_run) as butler:
        results = butler.query_datasets(dataset_type, names_of(collections) or None, where=where, **agreeing(table))
        refs = list(results)
        if not refs and emit.style != "json":
            emit.note(str(results.explain()))
        if not dry_run:
            butler.set_metadata(refs, document)
    verb = "would set" if dry_run else "set"
    emit.record({"datasets": len(refs), "metadata": document}, f"{verb} metadata of {len(refs)} {dataset_type}")


def _document(values: tuple[str, ...]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for pair in values:
        key, equal, text = pair.partition("=")
        if not equal or not key:
            raise click.UsageError(f"{pair!r} is not KEY=VALUE, such as quality.flag=good")
        *outer, last = key.split(".")
        level = document
        for name in outer:
            level = level.setdefault(name, {})
            if not isinstance(level, dict):
                raise click.UsageError(f"{key!r} lies below a key that has a value of its own")
        level[last] = _value(text)
    return document


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@click.command("index-metadata", epilog="\b\nExample: bunter index-metadata demo raw.header.AIRMASS")
@click.argument("repo")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--drop", is_flag=True, help="Drop the indexes instead.")
@click.option("--list", "listed", is_flag=True, help="List the indexes there are.")
@dry_run_option
@output_options
def index_metadata(*, repo: str, names: tuple[str, ...], drop: bool, listed: bool, dry_run: bool, emit: Emit) -> None:
    """Index header cards or metadata in REPO, such as raw.header.AIRMASS, so that questions about them are fast."""
    from bunter.butler import Butler
    from bunter.butler.annotations import field_named

    if not names and not listed:
        raise click.UsageError("name what to index, such as raw.header.AIRMASS, or give --list")
    fields = [field_named(name) for name in names]
    with Butler(repo, writeable=bool(names) and not dry_run) as butler:
        for name, field in zip(names, fields, strict=True):
            butler.dataset_types.get(field.dataset_type)
            if not dry_run:
                butler.drop_metadata_index(name) if drop else butler.index_metadata(name)
            verb = "drop" if drop else "index"
            emit.record(
                {"name": str(field), "dropped": drop, "dry_run": dry_run},
                f"would {verb} {field}" if dry_run else f"{'dropped the index of' if drop else 'indexed'} {field}",
            )
        if listed:
            rows = [(str(field), count) for field, count in butler.metadata_indexes()]
            emit.rows(("name", "datasets"), rows)


@click.command("origin", epilog="\b\nExample: bunter origin demo coadd tract=0 patch=3 band=r")
@click.argument("repo")
@click.argument("dataset_type", required=False)
@click.argument("data_id", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--id", "ids", multiple=True, help="Id of a dataset, instead of type and data ID. Repeatable.")
@_collections
@output_options
def origin(
    *,
    repo: str,
    dataset_type: str | None,
    data_id: tuple[str, ...],
    ids: tuple[str, ...],
    collections: tuple[str, ...],
    emit: Emit,
) -> None:
    """Say who registered a dataset of REPO, when, where, with which code, and from which file."""
    from bunter.butler import Butler

    if bool(dataset_type) == bool(ids):
        raise click.UsageError("name a dataset by its type and data ID, or by --id")
    with Butler(repo, writeable=False) as butler:
        refs = _by_id(butler, ids) if ids else [_by_data_id(butler, str(dataset_type), data_id, collections)]
        for found in butler.origins(refs):
            row = {name: value for name, value in found.as_row().items() if value is not None}
            emit.record(row if emit.style == "json" else {n: _told(v) for n, v in row.items()})


def _told(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{name}={each}" for name, each in value.items())
    return value


def dataset_of(
    butler: Butler,
    dataset_type: str | None,
    data_id: tuple[str, ...],
    identity: str | None,
    collections: tuple[str, ...],
) -> DatasetRef:
    """Find the one dataset that a command is about, by type and data ID or by id."""
    if bool(dataset_type) == bool(identity):
        raise click.UsageError("name a dataset by its type and data ID, or by --id")
    if identity:
        return _by_id(butler, (identity,))[0]
    return _by_data_id(butler, str(dataset_type), data_id, collections)


def _by_data_id(
    butler: Butler, dataset_type: str, data_id: tuple[str, ...], collections: tuple[str, ...]
) -> DatasetRef:
    handle = butler.get_deferred(dataset_type, data_id_of(data_id), collections=names_of(collections) or None)
    ref: DatasetRef = handle.ref
    return ref


def _by_id(butler: Butler, ids: tuple[str, ...]) -> list[DatasetRef]:
    from uuid import UUID

    from bunter.errors import DatasetNotFoundError

    refs = []
    for text in ids:
        try:
            ref = butler.get_dataset(UUID(text))
        except ValueError:
            raise click.UsageError(f"{text!r} is no dataset id; an id has 32 hexadecimal digits") from None
        if ref is None:
            raise DatasetNotFoundError(f"no dataset has the id {text}; `bunter query-datasets` lists those that exist")
        refs.append(ref)
    return refs


@click.command("query-activities", epilog="\b\nExample: bunter query-activities demo --kind run --limit 5")
@click.argument("repo")
@click.option("--kind", "kinds", multiple=True, help="Only of this kind, such as run or ingest. Repeatable.")
@click.option("--label", help="Pattern with * and ?.")
@click.option("--user", help="Pattern with * and ?.")
@click.option("--host", help="Pattern with * and ?.")
@click.option("--command", "line", help="Pattern with * and ? for the command line.")
@click.option("--after", help="Only those at work after this time, UTC.")
@click.option("--before", help="Only those that began before this time, UTC.")
@click.option(
    "--number", "numbers", type=int, multiple=True, help="Only this one, with a count of datasets. Repeatable."
)
@click.option("--limit", type=click.IntRange(min=1), help="At most this many, the newest.")
@output_options
def query_activities(*, repo: str, line: str | None, emit: Emit, **filters: Any) -> None:
    """List what was done in REPO, the newest first: who, when, where, with which command."""
    from bunter.butler import Butler
    from bunter.values import clock_text

    moments = {name: _moment(filters.pop(name)) for name in ("after", "before")}
    with Butler(repo, writeable=False) as butler:
        found = butler.activities(command=line, **moments, **filters)
    names = ["activity", "kind", "label", "began", "ended", "outcome", "user", "host", "changes", "command"]
    rows: list[list[Any]] = [
        [a.number, a.kind, a.label, clock_text(a.began), None if a.ended is None else clock_text(a.ended), a.outcome,
         a.user, a.host, a.changes, a.command]
        for a in found
    ]  # fmt: skip
    if filters["numbers"]:
        names.append("datasets")
        rows = [[*row, a.datasets] for row, a in zip(rows, found, strict=True)]
    if emit.style == "json":
        names += ["process", "code", "facts"]
        rows = [[*row, a.process, a.code, a.facts] for row, a in zip(rows, found, strict=True)]
    emit.rows(names, rows)


def _moment(text: str | None) -> int | None:
    from bunter.values import parse_instant

    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as exc:
        raise click.UsageError(f"{text!r} is no time: {exc}") from None

"""The list of collections: names, chains as trees, contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import as_of_option, dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.butler import Butler
    from bunter.butler.summaries import CollectionSummary
    from bunter.cli.output import Emit

__all__ = ["collection_doc", "query_collections", "rename_collection"]


@click.command("query-collections", epilog="\b\nExample: bunter query-collections demo 'DemoCam/*' --chains tree")
@click.argument("repo")
@click.argument("pattern", nargs=-1)
@click.option(
    "--collection-type",
    type=click.Choice(["RUN", "TAGGED", "CHAINED", "CALIBRATION"], case_sensitive=False),
    multiple=True,
    help="Only collections of this type. Repeatable.",
)
@click.option(
    "--chains",
    type=click.Choice(["table", "tree", "flatten", "no-children"], case_sensitive=False),
    default="table",
    help="Show members of chains beside these (table), below these (tree), instead of these in search order (flatten), or not.",
)
@click.option("--flatten", is_flag=True, help="The same as --chains flatten.")
@click.option(
    "--summary", is_flag=True, help="Count the datasets and bytes in each, by dataset type; chains as a whole."
)
@as_of_option
@output_options
def query_collections(
    *,
    repo: str,
    pattern: tuple[str, ...],
    collection_type: tuple[str, ...],
    chains: str,
    flatten: bool,
    summary: bool,
    as_of: str | None,
    emit: Emit,
) -> None:
    """List the collections of REPO whose names match PATTERN (names or globs; all by default)."""
    from bunter.butler import Butler

    chains = "flatten" if flatten else chains
    with Butler(repo, writeable=False, as_of=as_of) as butler:
        names = butler.collections.query(
            pattern or "*", types=collection_type or None, flatten_chains=chains == "flatten"
        )
        if summary:
            _summarize(list(butler.collections.summary(names).values()), emit)
        elif chains == "tree":
            _tree(butler, names, emit)
        else:
            _table(butler, names, emit, children=chains != "no-children")


def _table(butler: Butler, names: Sequence[str], emit: Emit, *, children: bool) -> None:
    infos = [butler.collections.info(name) for name in names]
    rows = [(i.name, i.type.name, *([list(i.children)] if children else []), i.doc or "") for i in infos]
    emit.rows(("name", "type", *(["children"] if children else []), "doc"), rows)


def _tree(butler: Butler, names: Sequence[str], emit: Emit) -> None:
    """Print chains with their members below them, indented; members show once more where they are listed themselves."""
    rows = [row for name in names for row in _branch(butler, name, ())]
    if emit.style == "text":
        emit.rows(("name", "type"), [("  " * len(path) + name, kind) for path, name, kind in rows])
    else:
        emit.rows(("name", "type", "depth", "path"), [(n, kind, len(path), list(path)) for path, n, kind in rows])


def _branch(butler: Butler, name: str, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    info = butler.collections.info(name)
    yield path, name, info.type.name
    for child in info.children:
        yield from _branch(butler, child, (*path, name))


def _summarize(found: Sequence[CollectionSummary], emit: Emit) -> None:
    from bunter.values import sized

    governors = list(dict.fromkeys(name for each in found for name in each.governors))
    rows = []
    for each in found:
        for row in each.table.to_pylist():
            size = sized(row["bytes"] or 0) if emit.style == "text" else row["bytes"]
            rows.append(
                (each.name, each.type.name, row["dataset_type"], *(row[g] for g in governors), row["datasets"], size)
            )
        if not each.table.num_rows:
            rows.append(
                (
                    each.name,
                    each.type.name,
                    None,
                    *(None for _ in governors),
                    0,
                    sized(0) if emit.style == "text" else 0,
                )
            )
    emit.rows(("name", "type", "dataset_type", *governors, "datasets", "bytes"), rows)


@click.command(
    "rename-collection", epilog="\b\nExample: bunter rename-collection demo demo/science demo/first --dry-run"
)
@click.argument("repo")
@click.argument("name")
@click.argument("new_name")
@dry_run_option
@output_options
def rename_collection(*, repo: str, name: str, new_name: str, dry_run: bool, emit: Emit) -> None:
    """Give the collection NAME another name; it stays in its chains, and files keep the names they have."""
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run or None) as butler:
        parents = butler.collections.info(name).parents
        if not dry_run:
            butler.collections.rename(name, new_name)
    where = f", which stays in {', '.join(parents)}" if parents else ""
    emit.record(
        {"name": name, "new_name": new_name, "parents": list(parents)},
        f"{'would call' if dry_run else 'called'} {name} {new_name}{where}",
    )


@click.command(
    "collection-doc", epilog='\b\nExample: bunter collection-doc demo DemoCam/calib "validity from the demonstration"'
)
@click.argument("repo")
@click.argument("name")
@click.argument("text", required=False)
@dry_run_option
@output_options
def collection_doc(*, repo: str, name: str, text: str | None, dry_run: bool, emit: Emit) -> None:
    """Print what the collection NAME is for, or say it with TEXT."""
    from bunter.butler import Butler

    with Butler(repo, writeable=None if text is None or dry_run else True) as butler:
        old = butler.collections.info(name).doc
        if text is not None and not dry_run:
            butler.collections.set_doc(name, text)
    now = old if text is None else text
    emit.record({"name": name, "doc": now}, now or f"{name} has no documentation")

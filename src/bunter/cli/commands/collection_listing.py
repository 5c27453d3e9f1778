"""The list of collections: names, chains as trees, contents."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import as_of_option, dry_run_option, names_of
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.butler import Butler
    from bunter.butler.summaries import CollectionSummary
    from bunter.cli.output import Emit

__all__ = ["collection_doc", "query_collections", "rename_collection"]


@click.command(
    "query-collections",
    epilog="\b\nExamples:\n  bunter query-collections demo 'DemoCam/*' --chains tree\n"
    "  bunter query-collections demo --chains inverse-table --show-dataset-types",
)
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
    type=click.Choice(
        ["table", "inverse-table", "tree", "inverse-tree", "flatten", "no-children"], case_sensitive=False
    ),
    default="table",
    help="Show members of chains beside these (table), below these (tree), instead of these in search order (flatten), or not; "
    "or the chains that each collection is a member of, beside it (inverse-table) or below it (inverse-tree).",
)
@click.option("--flatten", is_flag=True, help="The same as --chains flatten.")
@click.option("-t", "--show-dataset-types", is_flag=True, help="Show also the dataset types that each has datasets of.")
@click.option(
    "--exclude-dataset-types",
    multiple=True,
    metavar="NAMES",
    default=["*_config,*_log,*_metadata,packages"],
    show_default=True,
    help="Dataset types not to show, names or globs. Repeatable.",
)
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
    show_dataset_types: bool,
    exclude_dataset_types: tuple[str, ...],
    summary: bool,
    as_of: str | None,
    emit: Emit,
) -> None:
    """List the collections of REPO whose names match PATTERN (names or globs; all by default)."""
    from bunter.butler import Butler

    chains = "flatten" if flatten else chains.lower()
    with Butler(repo, writeable=False, as_of=as_of) as butler:
        names = butler.collections.query(
            pattern or "*", types=collection_type or None, flatten_chains=chains == "flatten"
        )
        if summary:
            _summarize(list(butler.collections.summary(names).values()), emit)
            return
        trees = [tuple(_branch(butler, name, (), chains)) for name in names] if "tree" in chains else []
        shown = list(dict.fromkeys(name for tree in trees for _, name, _ in tree)) if trees else names
        types = _types(butler, shown, names_of(exclude_dataset_types)) if show_dataset_types else None
        if "tree" in chains:
            _tree([row for tree in trees for row in tree], types, emit)
        else:
            _table(butler, names, types, emit, beside=_BESIDE.get(chains))


_BESIDE = {"table": "children", "flatten": "children", "inverse-table": "parents"}


def _types(butler: Butler, names: Sequence[str], hidden: Sequence[str]) -> dict[str, list[str]]:
    """Return the dataset types that each collection has datasets of, sorted; those of a chain are those of its members."""
    found = butler.collections.summary(names, sizes=False)
    return {
        name: sorted(kind for kind in each.dataset_types if not any(fnmatchcase(kind, glob) for glob in hidden))
        for name, each in found.items()
    }


def _table(
    butler: Butler, names: Sequence[str], types: Mapping[str, list[str]] | None, emit: Emit, *, beside: str | None
) -> None:
    infos = [butler.collections.info(name) for name in names]
    columns = {"name": [i.name for i in infos], "type": [i.type.name for i in infos]}
    listed = {} if beside is None else {beside: [list(getattr(i, beside)) for i in infos]}
    held = {} if types is None else {"dataset_types": [types.get(name, []) for name in names]}
    whole = {**columns, **listed, **held, "doc": [i.doc or "" for i in infos]}
    emit.rows(tuple(whole), list(zip(*whole.values(), strict=True)))


def _tree(rows: Sequence[tuple[tuple[str, ...], str, str]], types: Mapping[str, list[str]] | None, emit: Emit) -> None:
    """Print collections with what belongs to each below it, indented; it shows once more where it is listed itself."""
    held = [() if types is None else (types.get(name, []),) for _, name, _ in rows]
    names = () if types is None else ("dataset_types",)
    if emit.style == "text":
        shown = [("  " * len(path) + name, kind, *more) for (path, name, kind), more in zip(rows, held, strict=True)]
        emit.rows(("name", "type", *names), shown)
    else:
        whole = [(n, kind, len(path), list(path), *more) for (path, n, kind), more in zip(rows, held, strict=True)]
        emit.rows(("name", "type", "depth", "path", *names), whole)


def _branch(
    butler: Butler, name: str, path: tuple[str, ...], chains: str
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    info = butler.collections.info(name)
    yield path, name, info.type.name
    for other in info.parents if chains == "inverse-tree" else info.children:
        yield from _branch(butler, other, (*path, name), chains)


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

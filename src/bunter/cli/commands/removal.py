"""Commands that remove: datasets, runs, other collections, dataset types; each says before what would go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option, names_of
from bunter.cli.output import confirmed, output_options
from bunter.cli.selecting import choosing_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler import Butler
    from bunter.butler.removal import RemovalPreview
    from bunter.cli.output import Emit
    from bunter.cli.selecting import Chosen
    from bunter.dataset import CollectionType

__all__ = ["prune_datasets", "remove_collections", "remove_dataset_type", "remove_runs"]

_confirm = click.option("--confirm/--no-confirm", default=True, help="Ask before removing.")
_keep_days = click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    help="For how many days `bunter undo` can bring it back; as the configuration says if not given.",
)
_COLUMNS = ("dataset_type", "run", "datasets", "bytes", "memberships")


def _show(preview: RemovalPreview, emit: Emit) -> None:
    """Print counts by type and run for eyes; the other styles have them in the result."""
    if emit.style == "text" and preview.rows:
        emit.rows(_COLUMNS, preview.rows)


def _counts(preview: RemovalPreview) -> dict[str, object]:
    return {
        "datasets": preview.datasets,
        "bytes": preview.bytes,
        "memberships": preview.memberships,
        "by_type_and_run": [dict(zip(_COLUMNS, row, strict=True)) for row in preview.rows],
    }


@click.command(
    "prune-datasets",
    epilog="\b\nExamples: bunter prune-datasets demo -d warp --collections demo/science --dry-run\n"
    "          bunter prune-datasets demo demo/science -d warp --unstore --dry-run",
)
@click.argument("repo")
@click.argument("within", nargs=-1, metavar="[COLLECTIONS]...")
@choosing_options()
@click.option(
    "--find-all",
    is_flag=True,
    help="All datasets, not only the first of each data ID; so always where COLLECTIONS has globs.",
)
@click.option("--purge", metavar="RUN", help="Forget the datasets wholly; all must be in this run.")
@click.option("--unstore", is_flag=True, help="Remove the artifacts only; the datasets stay registered.")
@click.option(
    "--disassociate", "tags", multiple=True, metavar="TAG", help="Take them out of a TAGGED collection. Repeatable."
)
@_confirm
@_keep_days
@click.option("--quiet", is_flag=True, help="Do not print what goes.")
@dry_run_option
@output_options
def prune_datasets(
    *,
    repo: str,
    within: tuple[str, ...],
    chosen: Chosen,
    find_all: bool,
    purge: str | None,
    unstore: bool,
    tags: tuple[str, ...],
    confirm: bool,
    keep_days: float | None,
    quiet: bool,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Remove datasets of COLLECTIONS from the repository, or only their artifacts, or only from tags.

    Without --purge, --unstore or --disassociate the datasets are removed wholly, from whatever runs they are in.
    """
    from bunter.butler import Butler

    if purge and (unstore or tags):
        raise click.UsageError("--purge forgets datasets wholly; give it without --unstore and --disassociate")
    names = names_of((*within, *chosen.collections)) or names_of([purge] if purge else tags)
    if not names:
        raise click.UsageError("name the collections to look in, such as demo/science; '*' for all of them")
    deed = "unstore" if unstore else "disassociate" if tags else "remove"
    with Butler(repo, writeable=not dry_run or None) as butler:
        ids = chosen.ids(butler, names, find_first=False if find_all else None)
        preview = butler.removal.preview(ids)
        _all_in_run(preview, purge)
        if not quiet and (dry_run or confirm):
            _show(preview, emit)
        goes = bool(ids) and not dry_run and (not confirm or confirmed(_question(deed, preview, tags)))
        if goes:
            butler.removal.datasets(
                ids, purge=deed == "remove", unstore=unstore, disassociate=tags, keep_days=keep_days
            )
    done = len(ids) if goes else 0
    emit.record(
        {"found": len(ids), "removed": done, "deed": deed, "dry_run": dry_run, **_counts(preview)},
        _sentence(deed, preview if goes or dry_run else None, dry_run=dry_run),
    )


def _question(deed: str, preview: RemovalPreview, tags: Sequence[str]) -> str:
    if deed == "disassociate":
        return f"take {_said(preview)} out of {', '.join(tags)}?"
    return f"{deed} {_said(preview)}{' with their files' if deed == 'remove' else ''}?"


def _sentence(deed: str, preview: RemovalPreview | None, *, dry_run: bool) -> str:
    words = {"remove": "removed", "unstore": "unstored", "disassociate": "disassociated"}
    return f"{f'would {deed}' if dry_run else words[deed]} {'0 datasets' if preview is None else _said(preview)}"


def _said(preview: RemovalPreview) -> str:
    from bunter.values import counted, sized

    size = f", {sized(preview.bytes)}" if preview.bytes else ""
    return f"{counted(preview.datasets, 'dataset')}{size}"


def _all_in_run(preview: RemovalPreview, run: str | None) -> None:
    from bunter.errors import CollectionTypeError
    from bunter.values import counted, listed

    strangers = {where: count for _, where, count, *_ in preview.rows if where != run}
    if run is not None and strangers:
        raise CollectionTypeError(
            f"{counted(sum(strangers.values()), 'dataset')} of {preview.datasets} are in {listed(sorted(strangers))}, not in {run!r}; "
            f"look in {run!r} only, or leave out --purge to remove them wherever they are"
        )


@click.command("remove-runs", epilog="\b\nExample: bunter remove-runs demo 'demo/science/*' --dry-run")
@click.argument("repo")
@click.argument("pattern")
@_confirm
@_keep_days
@click.option("--force", is_flag=True, help="Also runs that are in chains; they are taken out.")
@dry_run_option
@output_options
def remove_runs(
    *, repo: str, pattern: str, confirm: bool, keep_days: float | None, force: bool, dry_run: bool, emit: Emit
) -> None:
    """Remove the RUN collections that match PATTERN, with their datasets and files."""
    from bunter.butler import Butler
    from bunter.dataset import CollectionType
    from bunter.errors import CollectionInUseError
    from bunter.values import counted

    with Butler(repo, writeable=not dry_run or None) as butler:
        names = _matching(butler, pattern, {CollectionType.RUN})
        preview = butler.removal.preview(runs=names)
        if preview.chains and not force and not dry_run:
            raise CollectionInUseError(
                f"{', '.join(names)}: in {', '.join(preview.chains)}; --force takes runs out of their chains and removes them"
            )
        if dry_run or confirm:
            _show(preview, emit)
        question = f"remove {', '.join(names)} with {_said(preview)}?"
        goes = not dry_run and (not confirm or confirmed(question))
        removed = butler.remove_runs(names, unlink_from_chains=force, keep_days=keep_days) if goes else 0
    chains = f"; in {', '.join(preview.chains)}: needs --force" if preview.chains else ""
    sentence = f"would remove {counted(len(names), 'run')}: {', '.join(names)}, {_said(preview)}{chains}"
    if not dry_run:
        sentence = f"removed {counted(len(names) if goes else 0, 'run')}, {counted(removed, 'dataset')}"
    record = {"runs": names if goes or dry_run else [], "removed": removed, "chains": list(preview.chains)}
    emit.record({**record, "dry_run": dry_run, **_counts(preview)}, sentence)


@click.command("remove-collections", epilog="\b\nExample: bunter remove-collections demo good --no-confirm")
@click.argument("repo")
@click.argument("pattern")
@_confirm
@click.option("--remove-from-parents", is_flag=True, help="Take them out of chains first.")
@dry_run_option
@output_options
def remove_collections(
    *, repo: str, pattern: str, confirm: bool, remove_from_parents: bool, dry_run: bool, emit: Emit
) -> None:
    """Remove the TAGGED, CHAINED and CALIBRATION collections that match PATTERN; datasets stay in their runs."""
    from bunter.butler import Butler
    from bunter.dataset import CollectionType

    with Butler(repo, writeable=not dry_run or None) as butler:
        names = _matching(butler, pattern, set(CollectionType) - {CollectionType.RUN})
        goes = not dry_run and (not confirm or confirmed(f"remove {', '.join(names)}?"))
        rows = [(name, butler.info(name).type.name, *_held(butler, name)) for name in names]
        if goes:
            with butler.transaction():
                for name in names:
                    butler.collections.remove(name, unlink_from_chains=remove_from_parents)
    if goes or dry_run:
        emit.rows(("removed" if goes else "would_remove", "type", "memberships", "chains"), rows)


def _held(butler: Butler, name: str) -> tuple[int, list[str]]:
    """Return how many memberships go with a collection, and the chains that it is in."""
    info = butler.info(name)
    if info.children:
        return len(info.children), list(info.parents)
    bind, counts = {"name": name}, 0
    for view in ("v1_tag", "v1_calibration"):
        found = butler.sql(f"SELECT count(*) FROM {view} WHERE collection = :name", bind, time_limit_s=3600)  # noqa: S608 - a view of ours
        counts += found.rows[0][0]
    return counts, list(info.parents)


@click.command("remove-dataset-type", epilog="\b\nExample: bunter remove-dataset-type demo comments --dry-run")
@click.argument("repo")
@click.argument("patterns", nargs=-1, required=True, metavar="NAME...")
@dry_run_option
@output_options
def remove_dataset_type(*, repo: str, patterns: tuple[str, ...], dry_run: bool, emit: Emit) -> None:
    """Remove the dataset types that match NAME (globs allowed); one that has datasets is kept, and they are counted."""
    from bunter.butler import Butler
    from bunter.errors import OrphanedRecordError

    with Butler(repo, writeable=not dry_run or None) as butler:
        names = list(
            dict.fromkeys(
                kind.name
                for name in patterns
                for kind in butler.dataset_types.query(name) or [butler.dataset_types.get(name)]
            )
        )
        holds = {name: butler.dataset_types.holdings(name) for name in names}
        if kept := [name for name in names if holds[name]]:
            said = "; ".join(_reasons(name, holds[name]) for name in kept)
            advice = f"bunter prune-datasets {repo} '*' -d {kept[0]} --dry-run"
            raise OrphanedRecordError(f"{said}; remove these first (`{advice}`), nothing was changed")
        if not dry_run:
            with butler.transaction():
                for name in names:
                    butler.dataset_types.remove(name)
    emit.rows(("would_remove" if dry_run else "removed",), [(name,) for name in names])


def _reasons(name: str, holdings: dict[str, int]) -> str:
    from bunter.values import counted, listed

    runs = listed([f"{number} in {run!r}" for run, number in holdings.items()])
    return f"dataset type {name!r} has {counted(sum(holdings.values()), 'dataset')} ({runs})"


def _matching(butler: Butler, pattern: str, types: set[CollectionType]) -> list[str]:
    """Return the collections of these types that match; an error that says what does match if there are none."""
    from bunter.errors import CollectionTypeError, MissingCollectionError

    names = butler.collections.query(pattern, types=types)
    if names:
        return names
    wanted = " or ".join(sorted(kind.name for kind in types))
    if others := butler.collections.query(pattern):
        kind = butler.info(others[0]).type.name
        command = "remove-runs" if kind == "RUN" else "remove-collections"
        raise CollectionTypeError(
            f"{others[0]!r} is a {kind} collection, not {wanted}; `bunter {command}` removes those"
        )
    if not set(pattern) & set("*?["):
        butler.info(pattern)
    raise MissingCollectionError(f"no {wanted} collection matches {pattern!r}; `bunter query-collections` lists all")

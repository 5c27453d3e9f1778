"""Commands about dataset types: registering them, and their aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.cli.output import Emit
    from bunter.dataset import DatasetType

__all__ = ["alias", "register_dataset_type"]


@click.command(
    "register-dataset-type",
    epilog="\b\nExamples: bunter register-dataset-type demo comments Text instrument visit\n"
    "          bunter register-dataset-type demo --from types.yaml --dry-run",
)
@click.argument("repo")
@click.argument("dataset_type", default="")
@click.argument("storage_class", default="")
@click.argument("dimensions", nargs=-1)
@click.option("--is-calibration/--no-is-calibration", default=False, help="Whether it may be certified.")
@click.option(
    "--from",
    "table",
    type=click.Path(dir_okay=False),
    help="Register those of a YAML file instead: NAME: {storage_class: ..., dimensions: [...], is_calibration: ...}.",
)
@dry_run_option
@output_options
def register_dataset_type(
    *,
    repo: str,
    dataset_type: str,
    storage_class: str,
    dimensions: tuple[str, ...],
    is_calibration: bool,
    table: str | None,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Register a dataset type with its dimensions, or many from a file; the same definition again changes nothing."""
    from bunter.butler import Butler
    from bunter.butler.dataset_types import read_dataset_types

    if table is None and not storage_class:
        raise click.UsageError("give DATASET_TYPE and STORAGE_CLASS, or --from FILE")
    if table is not None and dataset_type:
        raise click.UsageError("give either DATASET_TYPE or --from FILE")
    entry = {"storage_class": storage_class, "dimensions": list(dimensions), "is_calibration": is_calibration}
    with Butler(repo, writeable=not dry_run or None) as butler:
        kinds = read_dataset_types(table or {dataset_type: entry}, butler.universe)
        new = [kind for kind in kinds if kind.name not in butler.dataset_types]
        if not dry_run:
            kinds = butler.dataset_types.register_many(kinds)
    for kind in kinds:
        verb = "is there:" if kind not in new else "would register" if dry_run else "registered"
        emit.record(_said(kind, is_new=kind in new), f"{verb} {kind}")


def _said(kind: DatasetType, *, is_new: bool) -> dict[str, object]:
    return {
        "dataset_type": kind.name,
        "dimensions": list(kind.dimensions.required),
        "storage_class": kind.storage_class,
        "is_calibration": kind.is_calibration,
        "new": is_new,
    }


@click.command(
    "alias",
    epilog="\b\nExamples: bunter alias demo calexp visit_image\n          bunter alias demo\n"
    "          bunter alias demo --remove visit_image --dry-run",
)
@click.argument("repo")
@click.argument("dataset_type", default="")
@click.argument("further_name", default="")
@click.option("--remove", "removed", metavar="ALIAS", help="Take a further name away.")
@dry_run_option
@output_options
def alias(*, repo: str, dataset_type: str, further_name: str, removed: str | None, dry_run: bool, emit: Emit) -> None:
    """Give DATASET_TYPE a FURTHER_NAME that is understood wherever it is named; without them, list all."""
    from bunter.butler import Butler

    if bool(dataset_type) is not bool(further_name) or (dataset_type and removed):
        raise click.UsageError("give DATASET_TYPE and FURTHER_NAME, or --remove ALIAS, or nothing to list them")
    changes = bool(dataset_type or removed) and not dry_run
    with Butler(repo, writeable=True if changes else None) as butler:
        if removed:
            _remove(butler, removed, emit, dry_run=dry_run)
        elif dataset_type:
            name = butler.dataset_types.get(dataset_type).name
            if not dry_run:
                butler.dataset_types.alias(name, further_name)
            verb = "would stand" if dry_run else "stands"
            emit.record({"alias": further_name, "dataset_type": name}, f"{further_name} {verb} for {name}")
        else:
            emit.rows(("alias", "dataset_type"), butler.dataset_types.aliases.items())


def _remove(butler: Butler, removed: str, emit: Emit, *, dry_run: bool) -> None:
    from bunter.errors import MissingDatasetTypeError, near

    known = butler.dataset_types.aliases
    if removed not in known:
        raise MissingDatasetTypeError(f"no alias {removed!r}{near(removed, known)}; `bunter alias REPO` lists all")
    if not dry_run:
        butler.dataset_types.remove_alias(removed)
    verb = "would stand" if dry_run else "stands"
    emit.record({"alias": removed, "dataset_type": known[removed]}, f"{removed} {verb} for {known[removed]} no more")

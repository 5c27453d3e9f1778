"""Commands that insert, change and remove dimension records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.output import confirmed, output_options

if TYPE_CHECKING:
    from bunter.butler.record_comparison import Comparison
    from bunter.butler.records import DimensionRecords
    from bunter.cli.output import Emit

__all__ = ["insert_dimension_records", "remove_dimension_records"]


@click.command(
    "insert-dimension-records",
    epilog="\b\nExample: bunter insert-dimension-records demo detector detectors.csv --on-conflict replace --dry-run",
)
@click.argument("repo")
@click.argument("element")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--on-conflict",
    type=click.Choice(["fail", "skip", "same", "replace", "update"]),
    default="same",
    show_default=True,
    help="What becomes of a record that is there: fail; skip it; same: skip it if equal, else fail; replace it; "
    "update only the fields in FILE, and insert none.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what is new and what differs, and change nothing.")
@output_options
def insert_dimension_records(
    *, repo: str, element: str, file: str, on_conflict: str, dry_run: bool, emit: Emit
) -> None:
    """Insert records of ELEMENT from FILE: csv, ecsv, parquet, json or yaml, by its ending.

    Columns are named as by query-dimension-records. Times are TAI in timespan_begin and timespan_end, and UTC in
    datetime_begin and datetime_end, unless they say otherwise; regions are written like 'CIRCLE 150.1 2.2 0.9'.
    """
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run) as butler:
        found = _carried_out(butler.dimension_records, element, file, "dry run" if dry_run else on_conflict)
    for each in found.differences:
        emit.note(f"{', '.join(f'{k}={v!r}' for k, v in each.data_id.items())}: {each}")
    emit.record(
        {
            "element": found.element, "inserted": found.inserted, "unchanged": found.unchanged,
            "different": found.updated, "dry_run": dry_run,
        },
        f"{'would see ' if dry_run else ''}{found}",
    )  # fmt: skip


def _carried_out(records: DimensionRecords, element: str, file: str, how: str) -> Comparison:
    if how == "dry run":
        return records.compare(element, file)
    if how == "update":
        return records.update(element, file)
    if how in {"same", "replace"}:
        return records.sync(element, file, update=how == "replace")
    found = records.compare(element, file)
    records.insert(element, file, skip_existing=how == "skip")
    return found


@click.command(
    "remove-dimension-records",
    epilog="\b\nExample: bunter remove-dimension-records demo day_obs --where 'day_obs < 20200101' --dry-run",
)
@click.argument("repo")
@click.argument("element")
@click.option("--where", required=True, help='Which records, such as "visit > 100"; TRUE for all.')
@click.option("-n", "--dry-run", is_flag=True, help="Say what would go and what stands against it; change nothing.")
@click.option("--confirm/--no-confirm", default=True, help="Ask before anything is removed.")
@output_options
def remove_dimension_records(*, repo: str, element: str, where: str, dry_run: bool, confirm: bool, emit: Emit) -> None:
    """Remove records of ELEMENT that no dataset and no other record refers to."""
    from bunter.butler import Butler
    from bunter.values import counted

    with Butler(repo, writeable=not dry_run) as butler:
        records = butler.dimension_records
        found = records.remove(element, where=where, dry_run=True)
        for sentence in found.references:
            emit.note(f"kept by {sentence}")
        what = " and ".join(counted(n, f"{name} record") for name, n in {element: found.count, **found.along}.items())
        goes = (
            bool(found.count)
            and not dry_run
            and (bool(found.references) or not confirm or confirmed(f"Remove {what}?"))
        )
        if goes:
            records.remove(element, where=where)
    emit.record(
        {
            "element": element,
            "count": found.count,
            "along": found.along,
            "references": found.references,
            "removed": goes,
        },
        f"{'removed' if goes else 'would remove' if not found.references else 'cannot remove'} {what}",
    )

"""Commands about collections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options
from bunter.cli.selecting import choosing_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.cli.selecting import Chosen

__all__ = ["associate", "certify", "collection_chain", "disassociate"]


@click.command(
    "collection-chain",
    epilog="\b\nExample: bunter collection-chain demo DemoCam/defaults DemoCam/raw/all DemoCam/calib",
)
@click.argument("repo")
@click.argument("parent")
@click.argument("children", nargs=-1)
@click.option(
    "--mode",
    type=click.Choice(["redefine", "extend", "prepend", "remove"]),
    default="redefine",
    help="What to do with the chain.",
)
@click.option("--doc", help="What the chain is for.")
@click.option("--history", is_flag=True, help="Change nothing; list what PARENT was before, and who changed it.")
@dry_run_option
@output_options
def collection_chain(
    *,
    repo: str,
    parent: str,
    children: tuple[str, ...],
    mode: str,
    doc: str | None,
    history: bool,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Define or edit the chain PARENT of CHILDREN (names or globs), in search order."""
    from bunter.butler import Butler
    from bunter.dataset import CollectionType

    if history:
        _show_history(repo, parent, emit)
        return
    with Butler(repo, writeable=None if dry_run else True) as butler, butler.transaction():
        names = [name for group in children for name in group.split(",")]
        if dry_run:
            names = [one for name in names for one in butler.collections.expand(name)]
            emit.record({"chain": parent, "children": names}, f"would {mode} chain {parent} with {', '.join(names)}")
            return
        if parent not in butler.collections.query():
            butler.collections.register(parent, CollectionType.CHAINED, doc)
            butler.collections.redefine_chain(parent, names)
        else:
            if doc is not None:
                butler.collections.set_doc(parent, doc)
            edits = {
                "redefine": butler.collections.redefine_chain,
                "extend": butler.collections.extend_chain,
                "prepend": butler.collections.prepend_chain,
                "remove": butler.collections.remove_from_chain,
            }
            edits[mode](parent, names)
    with Butler(repo, writeable=False) as butler:
        now = butler.collections.info(parent).children
    emit.record({"chain": parent, "children": list(now)}, f"{parent}: {', '.join(now) or 'empty'}")


def _show_history(repo: str, name: str, emit: Emit) -> None:
    """List what became of a collection; times are UTC."""
    from bunter.butler import Butler
    from bunter.values import clock_text

    with Butler(repo, writeable=False) as butler:
        events = butler.collections.history(name)
    rows = [(e.change, None if e.time is None else clock_text(e.time), e.user, e.event, e.text) for e in events]
    emit.rows(("change", "time", "user", "event", "what"), rows)


@click.command(epilog='\b\nExample: bunter associate demo good -d calexp --where "detector = 0"')
@click.argument("repo")
@click.argument("collection")
@choosing_options(required=True)
@dry_run_option
@output_options
def associate(
    *,
    repo: str,
    collection: str,
    chosen: Chosen,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Put datasets into the TAGGED collection COLLECTION, which is made if it is not there."""
    from bunter.butler import Butler
    from bunter.dataset import CollectionType
    from bunter.values import counted

    with Butler(repo, writeable=None if dry_run else True) as butler:
        ids = chosen.ids(butler)
        if not dry_run:
            butler.collections.register(collection, CollectionType.TAGGED)
            butler.collections.associate(collection, ids)
    emit.record(
        {"collection": collection, "datasets": len(ids)},
        f"{'would put' if dry_run else 'put'} {counted(len(ids), 'dataset')} into {collection}",
    )


@click.command(epilog='\b\nExample: bunter disassociate demo good -d calexp --where "detector = 0"')
@click.argument("repo")
@click.argument("collection")
@choosing_options(required=True, within=False)
@dry_run_option
@output_options
def disassociate(*, repo: str, collection: str, chosen: Chosen, dry_run: bool, emit: Emit) -> None:
    """Take datasets out of the TAGGED collection COLLECTION; they stay in their runs."""
    from bunter.butler import Butler
    from bunter.values import counted

    with Butler(repo, writeable=None if dry_run else True) as butler:
        ids = chosen.ids(butler, [collection])
        if not dry_run:
            butler.collections.disassociate(collection, ids)
    emit.record(
        {"collection": collection, "datasets": len(ids)},
        f"{'would take' if dry_run else 'took'} {counted(len(ids), 'dataset')} out of {collection}",
    )


@click.command(
    "certify-calibrations",
    epilog="\b\nExample: bunter certify-calibrations demo demo/calibrations DemoCam/calib bias --begin-date 2026-01-01",
)
@click.argument("repo")
@click.argument("input_collection")
@click.argument("output_collection")
@click.argument("dataset_types", nargs=-1, required=True)
@click.option("--where", default="", help="Only datasets that satisfy this expression, such as 'detector = 3'.")
@click.option("--begin-date", help="First instant of validity, ISO (UTC; 'T.../tai' for TAI); open by default.")
@click.option("--end-date", help="First instant after validity; open by default.")
@dry_run_option
@output_options
def certify(
    *,
    repo: str,
    input_collection: str,
    output_collection: str,
    dataset_types: tuple[str, ...],
    where: str,
    begin_date: str | None,
    end_date: str | None,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Give the calibrations DATASET_TYPES of INPUT_COLLECTION a validity range in OUTPUT_COLLECTION."""
    from bunter.butler import Butler
    from bunter.butler.chosen_ids import chosen_ids
    from bunter.dataset import CollectionType
    from bunter.errors import DatasetNotFoundError
    from bunter.values import Timespan, counted
    from bunter.values.packed_ids import PackedIds

    try:
        timespan = Timespan.from_times(begin_date, end_date)
    except ValueError as error:
        raise click.UsageError(f"--begin-date and --end-date: {error}") from error
    with Butler(repo, writeable=None if dry_run else True) as butler:
        found = {name: chosen_ids(butler.query_datasets(name, input_collection, where=where)) for name in dataset_types}
        if empty := [name for name, ids in found.items() if not ids]:
            raise DatasetNotFoundError(
                f"no {', '.join(empty)} in {input_collection}; `bunter query-datasets {repo} {empty[0]}` lists those that exist"
            )
        ids = sum(found.values(), PackedIds())
        if not dry_run:
            with butler.transaction():
                butler.collections.register(output_collection, CollectionType.CALIBRATION)
                butler.collections.certify(output_collection, ids, timespan)
    emit.record(
        {"collection": output_collection, "datasets": len(ids), "timespan": str(timespan)},
        f"{'would certify' if dry_run else 'certified'} {counted(len(ids), 'dataset')} in {output_collection} for {timespan}",
    )

"""Rows that belong to nothing: no change leaves any, so each tells of a damaged database or of somebody who wrote to it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.registry.layout import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.database import Connection
    from bunter.registry.roster import Roster

__all__ = ["dead_rows"]

_COLLECTION = f"SELECT 1 FROM collection c WHERE c.retired = {LIVE} AND c.number ="
_TYPE = f"SELECT 1 FROM dataset_type k WHERE k.retired = {LIVE} AND k.number ="
_DATASET = "SELECT 1 FROM dataset d WHERE d.id ="
_REMOVED = "SELECT 1 FROM removed_dataset r WHERE r.id ="
_BESIDE = ("header", "metadata", "metadata_value", "origin")


def dead_rows(
    connection: Connection, roster: Roster, others: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str, int]]:
    """Count dead rows.

    Parameters
    ----------
    connection : Connection
        In a snapshot: beside writers, rows of several moments would contradict each other.
    roster : Roster
        What there is.
    others : sequence of (str, str)
        Further tables, each with its column of dataset ids.

    Returns
    -------
    list of (str, str, int)
        Table, what its rows lack, and how many there are; only where there are any.
    """
    found = []
    for table, lack, condition in _conditions(roster, others):
        [(count,)] = connection.fetchall(f"SELECT count(*) FROM {table} x WHERE {condition}")
        if count:
            found.append((table, lack, int(count)))
    return found


def _conditions(roster: Roster, others: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Yield table, what is lacking, and the condition on its rows ``x``."""
    live = f"x.retired = {LIVE} AND"
    yield "dataset", "their run", f"NOT EXISTS ({_COLLECTION} x.run)"
    yield "dataset", "their dataset type", f"NOT EXISTS ({_TYPE} x.type)"
    yield "collection_chain", "their chain", f"{live} NOT EXISTS ({_COLLECTION} x.parent)"
    yield "collection_chain", "the collection that they name", f"{live} NOT EXISTS ({_COLLECTION} x.child)"
    yield "dataset_type_alias", "their dataset type", f"{live} NOT EXISTS ({_TYPE} x.type)"
    for layout in roster.layouts.values():
        mine = [str(row.number) for row in roster.rows.values() if row.layout.number == layout.number]
        data_ids = f"NOT EXISTS (SELECT 1 FROM {layout.datasets} y WHERE y.id = x.id)"
        yield layout.datasets, "their dataset", f"NOT EXISTS ({_DATASET} x.id)"
        if mine:
            yield "dataset", "their data ID", f"x.type IN ({', '.join(mine)}) AND {data_ids}"
        for table in (layout.tags, layout.calibrations):
            yield table, "their dataset", f"{live} NOT EXISTS ({_DATASET} x.id)"
            yield table, "their collection", f"{live} NOT EXISTS ({_COLLECTION} x.collection)"
    for table in _BESIDE:
        yield table, "their dataset", f"NOT EXISTS ({_DATASET} x.id) AND NOT EXISTS ({_REMOVED} x.id)"
    for table, column in others:
        yield table, "their dataset", f"NOT EXISTS ({_DATASET} x.{column})"

"""The views of sinks that are tables of the repository's own database, in a copy of it, which has only the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.metrics_table import make_metric_view
from bunter.datastore.row_table import make_row_view

if TYPE_CHECKING:
    from bunter.database import Transaction

__all__ = ["make_sink_views"]


def make_sink_views(transaction: Transaction) -> None:
    """Make the view of each table that a sink keeps here anew."""
    make_metric_view(transaction)
    for shape in transaction.tables():
        if shape.name.startswith("rows_"):
            make_row_view(transaction, shape.name)

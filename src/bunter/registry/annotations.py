"""Who applies and who answers what is about the things kept beside datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import bunter.dataset.annotations as beside
from bunter.registry.activities import (
    activities,
    add_origins,
    create_activity_table,
    end_activity,
    origins_of,
    source_files_of,
)
from bunter.registry.annotation_tables import create_annotation_tables
from bunter.registry.annotation_views import create_annotation_views
from bunter.registry.headers import add_headers, card_names, card_values, headers_of, remove_headers
from bunter.registry.makers import activities_of, add_makers, makers_of
from bunter.registry.metadata import metadata_of, remove_metadata, set_metadata
from bunter.registry.metadata_index import create_metadata_index, drop_metadata_index, metadata_indexes

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.database import Transaction

__all__ = ["ANSWERS", "HANDLERS", "create_tables", "remove_annotations"]

HANDLERS: Final[dict[type, Callable[..., Any]]] = {
    beside.AddHeaders: add_headers,
    beside.SetMetadata: set_metadata,
    beside.AddOrigins: add_origins,
    beside.AddMakers: add_makers,
    beside.EndActivity: end_activity,
    beside.CreateMetadataIndex: create_metadata_index,
    beside.DropMetadataIndex: drop_metadata_index,
}
"""Functions that apply changes."""

ANSWERS: Final[dict[type, Callable[..., Any]]] = {
    beside.HeadersOf: headers_of,
    beside.CardValues: card_values,
    beside.MetadataOf: metadata_of,
    beside.OriginsOf: origins_of,
    beside.SourceFilesOf: source_files_of,
    beside.MakersOf: makers_of,
    beside.ActivitiesOf: activities_of,
    beside.Activities: activities,
    beside.CardNames: card_names,
    beside.MetadataIndexes: metadata_indexes,
}
"""Functions that answer inquiries."""


def create_tables(transaction: Transaction) -> None:
    """Make the tables."""
    create_activity_table(transaction)
    create_annotation_tables(transaction)
    create_annotation_views(transaction)


def remove_annotations(transaction: Transaction, gone: str) -> None:
    """Remove what is kept beside datasets whose ids were uploaded."""
    remove_headers(transaction, gone)
    remove_metadata(transaction, gone)

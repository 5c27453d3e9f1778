"""Who answers which inquiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bunter.registry.annotations as annotation_tables  # the package has an `annotations` of its own: the future import
from bunter.dataset import inquiries
from bunter.registry.candidates import candidates, neighbours
from bunter.registry.certifications import certifications
from bunter.registry.history import collection_history, tombstones
from bunter.registry.keyed_records import keyed_records
from bunter.registry.many_types import among
from bunter.registry.migration_history import migrations
from bunter.registry.packers import packers
from bunter.registry.record_references import answer_references
from bunter.registry.snapshots import moment, snapshots
from bunter.registry.summaries import summaries
from bunter.registry.withdrawals import withdrawn_collections, withdrawn_members

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from bunter.database import Connection
    from bunter.registry.roster import Roster

__all__ = ["answer"]

_ANSWERS: dict[type, Callable[..., Any]] = {
    inquiries.Moment: moment,
    inquiries.Snapshots: snapshots,
    inquiries.CollectionHistory: collection_history,
    inquiries.Tombstones: tombstones,
    inquiries.Summaries: summaries,
    inquiries.Certifications: certifications,
    inquiries.Candidates: candidates,
    inquiries.Neighbours: neighbours,
    inquiries.Among: among,
    **annotation_tables.ANSWERS,
    inquiries.RecordReferences: answer_references,
    inquiries.KeyedRecords: keyed_records,
    inquiries.Packers: packers,
    inquiries.Migrations: migrations,
    inquiries.WithdrawnCollections: withdrawn_collections,
    inquiries.WithdrawnMembers: withdrawn_members,
}


def answer(connection: Connection, roster: Roster, inquiry: inquiries.Inquiry) -> pa.Table:
    """Return the table that an inquiry asks for."""
    handler = _ANSWERS.get(type(inquiry))
    if handler is None:
        raise TypeError(f"the registry knows no inquiry {type(inquiry).__name__}")
    return handler(connection, roster, inquiry)

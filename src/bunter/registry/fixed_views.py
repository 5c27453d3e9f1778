"""Views that are the same in every repository, whatever its dimensions and dataset types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import CollectionType
from bunter.registry.layout import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.database.view_text import ViewText

__all__ = ["fixed_views"]

_BODIES = {
    "v1_dataset": (
        "SELECT {id} AS id, o.id AS id_bytes, t.name AS dataset_type, c.name AS run, {when} AS ingested, "
        "k.committed AS ingested_ns, o.added AS change_number, {who} FROM dataset o "
        "LEFT JOIN dataset_type t ON t.number = o.type LEFT JOIN collection c ON c.number = o.run "
        "{made_in} = o.added"
    ),
    "v1_dataset_type": (
        "SELECT t.name AS dataset_type, g.key AS dimensions, t.storage_class, t.is_calibration, "
        "{when} AS registered, t.added AS change_number FROM dataset_type t "
        "LEFT JOIN dimension_group g ON g.number = t.dimension_group {made_in} = t.added "
        "WHERE t.retired = {live}"
    ),
    "v1_dataset_removed": (
        "SELECT {id} AS id, o.id AS id_bytes, t.name AS dataset_type, c.name AS run, "
        "o.added AS change_number, o.removed AS removed_number, {when} AS removed, {who} "
        "FROM removed_dataset o LEFT JOIN dataset_type t ON t.number = o.type "
        "LEFT JOIN collection c ON c.number = o.run {made_in} = o.removed"
    ),
    "v1_alias": (
        "SELECT a.name AS alias, t.name AS dataset_type, {when} AS registered, a.added AS change_number "
        "FROM dataset_type_alias a LEFT JOIN dataset_type t ON t.number = a.type {made_in} = a.added "
        "WHERE a.retired = {live}"
    ),
    "v1_collection": (
        "SELECT c.name AS collection, CASE c.type {kinds} END AS type, c.doc, {when} AS registered, "
        "c.added AS change_number FROM collection c {made_in} = c.added WHERE c.retired = {live}"
    ),
    "v1_chain": (
        "SELECT p.name AS chain, m.position, c.name AS member, m.added AS change_number "
        "FROM collection_chain m LEFT JOIN collection p ON p.number = m.parent "
        "LEFT JOIN collection c ON c.number = m.child WHERE m.retired = {live}"
    ),
    "v1_snapshot": (
        "SELECT s.name AS snapshot, s.change AS as_of, {when} AS made, s.doc FROM snapshot s "
        "{made_in} = s.added WHERE s.retired = {live}"
    ),
    "v1_change": (
        "SELECT k.n AS change_number, {when} AS committed, k.committed AS committed_ns, {who}, "
        "k.activity AS activity_number FROM change k"
    ),
    "v1_packer": (
        "SELECT p.name AS packer, p.fixed, p.layout, {when} AS registered, p.added AS change_number "
        "FROM packer p {made_in} = p.added WHERE p.retired = {live}"
    ),
    "v1_migration": (
        "SELECT m.kind, m.title, m.detail, {when} AS migrated, m.change AS change_number, {who} "
        "FROM migration m {made_in} = m.change"
    ),
}
"""Statements by name, with what databases write in ways of their own left open."""


def fixed_views(text: ViewText) -> Iterator[tuple[str, str]]:
    """Yield the name of each view and its statement, those first that were made first."""
    parts = {
        "id": text.uuid("o.id"),
        "when": text.instant("k.committed"),
        "who": 'k."user" AS by_user, k.host AS by_host, k.command AS by_command',
        "made_in": "LEFT JOIN change k ON k.n",
        "kinds": " ".join(f"WHEN {int(kind)} THEN '{kind.name}'" for kind in CollectionType),
        "live": str(LIVE),
    }
    for name, body in _BODIES.items():
        yield name, body.format_map(parts)

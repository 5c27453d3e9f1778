"""Views of what is kept beside datasets: headers, user metadata, origins, activities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bunter.database.view_text import ViewText
from bunter.registry.layout import LIVE
from bunter.registry.relations import quoted

if TYPE_CHECKING:
    from bunter.database import Transaction

__all__ = ["ANNOTATION_VIEWS", "create_annotation_views"]

ANNOTATION_VIEWS: Final = {
    "v1_header": "Header cards of datasets whose headers are kept, as one JSON object each.",
    "v1_metadata": "User metadata of datasets, as one JSON object each.",
    "v1_origin": "Files that datasets came from, where that was told.",
    "v1_activity": "Every activity: what was done under which name, when, by whom, where and with which code.",
}
"""Views of these tables, and what they hold."""

_DATASET = (
    "t.name AS dataset_type, c.name AS run FROM {table} {alias} JOIN dataset o ON o.id = {alias}.id "
    "LEFT JOIN dataset_type t ON t.number = o.type LEFT JOIN collection c ON c.number = o.run"
)


def create_annotation_views(tx: Transaction) -> None:
    """Make the views, or make them anew."""
    for name, body in _bodies(ViewText.of(tx)).items():
        tx.execute(f"DROP VIEW IF EXISTS {quoted(name)}")
        tx.execute(f"CREATE VIEW {quoted(name)} AS {body}")


def _bodies(text: ViewText) -> dict[str, str]:
    return {
        "v1_header": (
            f"SELECT {text.uuid('h.id')} AS id, h.id AS id_bytes, {text.merged('b.cards', 'h.cards')} AS cards, "
            f"{_of('header', 'h')} JOIN header_base b ON b.number = h.base"
        ),
        "v1_metadata": (
            f"SELECT {text.uuid('m.id')} AS id, m.id AS id_bytes, m.document, m.added AS change_number, "
            f"{_of('metadata', 'm')} WHERE m.retired = {LIVE}"
        ),
        "v1_origin": (
            f"SELECT {text.uuid('s.id')} AS id, s.id AS id_bytes, d.path AS directory, s.name, s.size, "
            f"{text.instant('s.modified')} AS modified, s.modified AS modified_ns, {_of('origin', 's')} "
            "LEFT JOIN origin_directory d ON d.number = s.directory"
        ),
        "v1_activity": (
            f"SELECT a.number AS activity_number, a.kind, a.label, {text.instant('a.began')} AS began, "
            f"a.began AS began_ns, {text.instant('a.ended')} AS ended, a.ended AS ended_ns, a.outcome, "
            'a."user" AS by_user, a.host AS by_host, a.process, a.command AS by_command, a.code, a.facts FROM activity a'
        ),
    }


def _of(table: str, alias: str) -> str:
    """Return type and run of the dataset that a row belongs to, and where rows come from."""
    return _DATASET.format(table=table, alias=alias)

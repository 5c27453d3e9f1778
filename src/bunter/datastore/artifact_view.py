"""The view of artifacts for operators, beside those of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.database.view_text import ViewText

if TYPE_CHECKING:
    from bunter.database import Transaction

__all__ = ["create_artifact_view", "dataset_bytes"]


def create_artifact_view(tx: Transaction) -> None:
    """Make the view ``v1_artifact``, or make it anew."""
    text = ViewText.of(tx)
    tx.execute("DROP VIEW IF EXISTS v1_artifact")
    tx.execute(
        f"CREATE VIEW v1_artifact AS SELECT {text.uuid('l.dataset_id')} AS id, l.dataset_id AS id_bytes, "
        "l.component, CASE d.path WHEN '' THEN a.name ELSE d.path || '/' || a.name END AS uri, a.size, "
        f"{text.hex('a.sha256')} AS sha256, {text.hex('a.xxh3')} AS xxh3, a.format, a.format_version, l.selector, "
        "d.datastore, a.owned, a.id AS artifact FROM dataset_artifact l LEFT JOIN artifact a ON a.id = l.artifact "
        "LEFT JOIN artifact_directory d ON d.id = a.directory"
    )


def dataset_bytes(id_: str, *, owned: bool = False) -> str:
    """Return SQL of the bytes that a dataset takes: its share in the sizes of its artifacts, null if it has none.

    An artifact of several datasets is shared out among them, so that sums are what is on the disk.

    Parameters
    ----------
    id_ : str
        SQL of the dataset's id.
    owned : bool
        Whether to leave out files that are not ours, which no removal takes away.
    """
    share = "a.size * 1.0 / (SELECT count(*) FROM dataset_artifact s WHERE s.artifact = a.id)"
    condition = " AND a.owned = 1" if owned else ""
    return (
        f"(SELECT sum({share}) FROM dataset_artifact l JOIN artifact a ON a.id = l.artifact "
        f"WHERE l.dataset_id = {id_}{condition})"
    )

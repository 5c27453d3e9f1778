"""Tables of what is kept beside datasets: headers, user metadata, their indexes, origins and activities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.registry.layout import LIVE

if TYPE_CHECKING:
    from bunter.database import Transaction

__all__ = ["create_annotation_tables"]

# Headers of one base differ in little: ``cards`` has the values that differ, ``packed`` the text beside that of the base.
# Rows of this size would each fill a page of their own in SQLite's index trees, so the table is an ordinary one.
# A base goes with the last header that uses it; it is counted, as an index for this would cost every header 25 bytes.
_TABLES = f"""
CREATE TABLE header_base (
    number INTEGER PRIMARY KEY, cards TEXT NOT NULL, packed BLOB NOT NULL, uses INTEGER NOT NULL
);
CREATE TABLE header (
    id BLOB NOT NULL PRIMARY KEY, base INTEGER NOT NULL, cards TEXT NOT NULL, packed BLOB NOT NULL,
    primary_size INTEGER NOT NULL
);
CREATE TABLE metadata (
    id BLOB NOT NULL, document TEXT NOT NULL, added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT {LIVE},
    PRIMARY KEY (id, retired)
) WITHOUT ROWID;
CREATE TABLE metadata_index (
    number INTEGER PRIMARY KEY, type INTEGER NOT NULL, source TEXT NOT NULL, path TEXT NOT NULL,
    UNIQUE (type, source, path)
);
CREATE TABLE metadata_value (
    field INTEGER NOT NULL, id BLOB NOT NULL, number REAL, text TEXT, PRIMARY KEY (field, id)
) WITHOUT ROWID;
CREATE INDEX metadata_value_number ON metadata_value (field, number);
CREATE INDEX metadata_value_text ON metadata_value (field, text);
CREATE TABLE origin_directory (number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE origin (
    id BLOB NOT NULL PRIMARY KEY, directory INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER, modified INTEGER
) WITHOUT ROWID
"""


def create_annotation_tables(transaction: Transaction) -> None:
    """Make the tables."""
    transaction.define(_TABLES.split(";"))

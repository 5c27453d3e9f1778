"""What is recorded of artifacts whose datasets were removed, and which can still be brought back: their time in the trash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.database import Transaction
from bunter.database.migrations import table_names
from bunter.dataset import ArtifactLink, ArtifactRow
from bunter.dataset.changes import AddArtifacts
from bunter.datastore.key import join_key, split_key
from bunter.errors import UndoError
from bunter.values.packed_ids import LOT_IDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.database import Connection

__all__ = ["KeptArtifact", "KeptRecords", "KeptRemoval", "restored"]

_TABLES = (
    "CREATE TABLE kept_removal (change INTEGER NOT NULL PRIMARY KEY, until INTEGER NOT NULL)",
    """
    CREATE TABLE kept_artifact (
        change INTEGER NOT NULL, dataset_id BLOB NOT NULL, component TEXT NOT NULL, selector TEXT NOT NULL,
        datastore TEXT NOT NULL, directory TEXT NOT NULL, name TEXT NOT NULL, nonce TEXT NOT NULL, size INTEGER NOT NULL,
        sha256 BLOB, xxh3 BLOB, format TEXT NOT NULL, format_version INTEGER NOT NULL, owned INTEGER NOT NULL,
        PRIMARY KEY (change, dataset_id, component)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX kept_artifact_name ON kept_artifact (name, directory)",
)
_COLUMNS = "dataset_id, component, selector, datastore, directory, name, nonce, size, sha256, xxh3, format, format_version, owned"
_KEY = "CASE k.directory WHEN '' THEN k.name ELSE k.directory || '/' || k.name END"
_RECORDED = (
    "EXISTS (SELECT 1 FROM artifact a JOIN artifact_directory d ON d.id = a.directory "
    "WHERE a.name = k.name AND d.path = k.directory AND d.datastore = k.datastore)"
)
_KEPT_ON = (
    "EXISTS (SELECT 1 FROM kept_artifact o WHERE o.name = k.name AND o.directory = k.directory "
    "AND o.datastore = k.datastore AND o.change NOT IN (SELECT c0 FROM {gone}))"
)


@dataclass(frozen=True, slots=True)
class KeptRemoval:
    """A removal that can be undone.

    Parameters
    ----------
    change : int
        Number of the change that removed.
    until_ns : int
        When its artifacts go, ns UTC since 1970.
    artifacts : int
        Number of artifacts.
    size : int
        Their bytes.
    """

    change: int
    until_ns: int
    artifacts: int
    size: int


@dataclass(frozen=True, slots=True)
class KeptArtifact:
    """An artifact, or the part of one, that a removed dataset lay in.

    Parameters
    ----------
    link : ArtifactLink
        Which dataset lay where in it.
    row : ArtifactRow
        What was recorded of it.
    """

    link: ArtifactLink
    row: ArtifactRow

    @property
    def key(self) -> str:
        """Key in its store."""
        return join_key(self.row.directory, self.row.name)


class KeptRecords:
    """The tables ``kept_removal`` and ``kept_artifact``, made when the first removal is kept."""

    def __init__(self) -> None:
        self._has_tables = False

    def exist(self, connection: Connection) -> bool:
        """Whether anything was ever kept."""
        if self._has_tables or "kept_artifact" in table_names(connection):
            self._has_tables = self._has_tables or not isinstance(connection, Transaction)  # one may be rolled back
            return True
        return False

    def keep(self, tx: Transaction, unstored: str, until_ns: int) -> None:
        """Copy the records of the datasets whose ids were uploaded, before these are deleted."""
        if not self.exist(tx):
            for statement in _TABLES:
                tx.execute(statement)
        change = tx.next_change()
        tx.execute(
            "INSERT INTO kept_removal (change, until) VALUES (?, ?) "
            "ON CONFLICT (change) DO UPDATE SET until = excluded.until WHERE excluded.until > kept_removal.until",
            (change, until_ns),
        )
        tx.execute(
            f"INSERT INTO kept_artifact (change, {_COLUMNS}) SELECT {change}, l.dataset_id, l.component, l.selector, "
            "d.datastore, d.path, a.name, a.nonce, a.size, a.sha256, a.xxh3, a.format, a.format_version, a.owned "
            f"FROM {unstored} w CROSS JOIN dataset_artifact l JOIN artifact a ON a.id = l.artifact "
            "JOIN artifact_directory d ON d.id = a.directory WHERE l.dataset_id = w.c0"
        )

    def until_ns(self, connection: Connection) -> dict[int, int]:
        """Return the numbers of all removals that can be undone, the latest first, and until when, ns UTC since 1970."""
        if not self.exist(connection):
            return {}
        return dict(connection.fetchall("SELECT change, until FROM kept_removal ORDER BY change DESC"))

    def removals(self, connection: Connection) -> list[KeptRemoval]:
        """Return all removals that can be undone, the latest first."""
        if not self.exist(connection):
            return []
        each = "SELECT DISTINCT change, datastore, directory, name, size FROM kept_artifact"
        sql = (
            f"SELECT r.change, r.until, count(k.name), coalesce(sum(k.size), 0) FROM kept_removal r LEFT JOIN ({each}) k "
            "ON k.change = r.change GROUP BY r.change, r.until ORDER BY r.change DESC"
        )
        return [KeptRemoval(change, until, count, int(size)) for change, until, count, size in connection.fetchall(sql)]

    def of(self, connection: Connection, change: int) -> Iterator[list[KeptArtifact]]:
        """Yield what one removal left, lot by lot; all of a dataset is in one lot."""
        if not self.exist(connection):
            return
        some = f"SELECT {_COLUMNS} FROM kept_artifact WHERE change = ? AND dataset_id"
        behind = f"{some} > ? ORDER BY dataset_id, component LIMIT ?"
        rest = f"{some} = ? AND component > ? ORDER BY component"
        last = b""
        while rows := connection.fetchall(behind, (change, last, LOT_IDS)):
            last, component, *_ = rows[-1]
            if is_more := len(rows) == LOT_IDS:
                rows += connection.fetchall(rest, (change, last, component))
            yield [_kept(row) for row in rows]
            if not is_more:
                break

    def registered(self, connection: Connection, keys: Sequence[str], datastore: str) -> set[str]:
        """Which of some keys are those of kept artifacts of a store."""
        if not keys or not self.exist(connection):
            return set()
        source, parameters = connection.inline(2, [split_key(key) for key in keys])
        sql = (
            f"SELECT DISTINCT k.directory, k.name FROM {source} q CROSS JOIN kept_artifact k "
            "WHERE k.name = q.c1 AND k.directory = q.c0 AND k.datastore = ?"
        )
        return {join_key(*row) for row in connection.fetchall(sql, (*parameters, datastore))}

    def sizes(self, connection: Connection, changes: Sequence[int]) -> list[tuple[bytes, int]]:
        """Return dataset and size for each artifact of ours of some removals; one of several datasets counts once."""
        if not changes or not self.exist(connection):
            return []
        due = connection.upload("due", 1, ((change,) for change in changes))
        sql = (
            f"SELECT k.datastore, k.directory, k.name, k.size, k.dataset_id FROM kept_artifact k JOIN {due} q "
            f"ON q.c0 = k.change WHERE k.owned = 1 AND NOT {_RECORDED} ORDER BY k.dataset_id"
        )
        found = {tuple(place): (id_, int(size)) for *place, size, id_ in connection.fetchall(sql)}
        return list(found.values())

    def expire(self, tx: Transaction, changes: Sequence[int]) -> None:
        """Put the artifacts of some removals into the trash, but those that another dataset, or removal, still needs."""
        if not self.exist(tx):
            return
        gone = tx.upload("expired", 1, ((change,) for change in changes))
        mine = f"k.change IN (SELECT c0 FROM {gone})"
        tx.execute(
            f"INSERT INTO trash (datastore, key, size) SELECT k.datastore, {_KEY}, max(k.size) FROM kept_artifact k "
            f"WHERE {mine} AND k.owned = 1 AND NOT {_RECORDED} AND NOT {_KEPT_ON.format(gone=gone)} "
            "GROUP BY k.datastore, k.directory, k.name ON CONFLICT DO NOTHING"
        )
        self.forget(tx, changes)

    def forget(self, tx: Transaction, changes: Sequence[int]) -> None:
        """Drop the rows of removals; their artifacts are recorded again, or in the trash."""
        gone = tx.upload("expired", 1, ((change,) for change in changes))
        for table in ("kept_artifact", "kept_removal"):
            tx.execute(f"DELETE FROM {table} WHERE change IN (SELECT c0 FROM {gone})")

    def take_back(self, tx: Transaction, change: int) -> None:
        """Drop the rows of a removal that is being undone.

        Raises
        ------
        UndoError
            If it was given up meanwhile, so that its artifacts are going.
        """
        known = tx.fetchone("SELECT until FROM kept_removal WHERE change = ?", (change,)) if self.exist(tx) else None
        if known is None:
            raise UndoError(
                f"the removal of change {change} was given up, or undone, by somebody else; nothing was changed"
            )
        self.forget(tx, [change])

    def unless_kept(self, connection: Connection, alias: str, directory: str) -> str:
        """Return SQL that leaves out artifacts which a kept removal still needs."""
        if not self.exist(connection):
            return ""
        return (
            f" AND NOT EXISTS (SELECT 1 FROM kept_artifact o WHERE o.name = {alias}.name "
            f"AND o.directory = {directory}.path AND o.datastore = {directory}.datastore)"
        )


def restored(kept: Sequence[KeptArtifact], recorded: set[str]) -> AddArtifacts:
    """Return the change that records artifacts again; ``recorded`` are the nonces of those that never went."""
    rows = {item.row.nonce: item.row for item in kept if item.row.nonce not in recorded}
    return AddArtifacts(list(rows.values()), [item.link for item in kept])


def _kept(row: tuple[Any, ...]) -> KeptArtifact:
    id_, component, selector, datastore, directory, name, nonce, size, sha256, xxh3, form, version, owned = row
    link = ArtifactLink(id_, component, nonce, selector)
    return KeptArtifact(
        link, ArtifactRow(nonce, datastore, directory, name, size, sha256, xxh3, form, version, bool(owned))
    )

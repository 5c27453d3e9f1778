"""What is recorded of artifacts: tables beside the registry's, in the same database and the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.database import IntegrityError
from bunter.dataset import StoredArtifact
from bunter.datastore.artifact_view import create_artifact_view
from bunter.datastore.kept_records import KeptRecords
from bunter.datastore.key import join_key, split_key
from bunter.errors import KeyTakenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Connection, Transaction
    from bunter.dataset import ArtifactRow
    from bunter.dataset.changes import AddArtifacts
    from bunter.values import Digests

__all__ = ["ArtifactRecords"]

_TABLES = (
    """
    CREATE TABLE artifact_directory (
        id INTEGER PRIMARY KEY, datastore TEXT NOT NULL, path TEXT NOT NULL, UNIQUE (path, datastore)
    )
    """,
    """
    CREATE TABLE artifact (
        id INTEGER PRIMARY KEY, directory INTEGER NOT NULL, name TEXT NOT NULL,
        nonce TEXT NOT NULL, size INTEGER NOT NULL, sha256 BLOB, xxh3 BLOB, format TEXT NOT NULL,
        format_version INTEGER NOT NULL, owned INTEGER NOT NULL, UNIQUE (directory, name)
    )
    """,
    """
    CREATE TABLE dataset_artifact (
        dataset_id BLOB NOT NULL, component TEXT NOT NULL, artifact INTEGER NOT NULL,
        selector TEXT NOT NULL, PRIMARY KEY (dataset_id, component)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX dataset_artifact_by_artifact ON dataset_artifact (artifact)",
    """
    CREATE TABLE trash (
        datastore TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (key, datastore)
    ) WITHOUT ROWID
    """,
)

_FIELDS = """
    l.dataset_id, l.component, d.path, a.name, d.datastore, a.size, a.sha256, a.xxh3, a.format, a.format_version, a.owned,
    l.selector
"""
_JOINS = "JOIN artifact a ON a.id = l.artifact JOIN artifact_directory d ON d.id = a.directory"
_LOCATE_ONE = f"SELECT {_FIELDS} FROM dataset_artifact l {_JOINS} WHERE l.dataset_id = ?"

_LINKED = "JOIN artifact_directory d ON d.id = a.directory JOIN dataset_artifact l ON l.artifact = a.id ORDER BY a.id"
_SOME = "(SELECT * FROM artifact WHERE id > ? ORDER BY id LIMIT ?) a"
_PAGE = f"SELECT a.id, a.nonce, {_FIELDS} FROM {_SOME} {_LINKED}"
_DEAD = (
    ("dataset_artifact", "their artifact", "SELECT 1 FROM artifact a WHERE a.id = x.artifact"),
    ("artifact", "a dataset", "SELECT 1 FROM dataset_artifact l WHERE l.artifact = x.id"),
    ("artifact", "their directory", "SELECT 1 FROM artifact_directory d WHERE d.id = x.directory"),
)
_ALL = 2**62
_NEW_ARTIFACT = "INSERT INTO artifact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NEW_LINK = "INSERT INTO dataset_artifact VALUES (?, ?, ?, ?)"
_DIRECTORY = (
    "SELECT (SELECT id FROM artifact_directory WHERE datastore = ? AND path = ?), (SELECT max(id) FROM artifact)"
)


class ArtifactRecords:
    """The tables ``artifact``, ``dataset_artifact`` and ``trash``; every method is given the open connection.

    Attributes
    ----------
    kept : KeptRecords
        What removed datasets had, as long as they can be brought back.
    """

    def __init__(self) -> None:
        self.kept = KeptRecords()

    def create(self, tx: Transaction) -> None:
        """Make the tables."""
        tx.define(_TABLES)
        create_artifact_view(tx)

    # ------------------------------------------------------------------ writing

    def add(self, tx: Transaction, change: AddArtifacts) -> None:
        """Record artifacts and which datasets lie in them; as many statements for one as for many.

        Raises
        ------
        KeyTakenError
            If an artifact of this datastore and key, or a place of one of the datasets, is recorded already.
        """
        directories, first = _directories(tx, change.artifacts)
        rows = [
            (
                i,
                directories[a.datastore, a.directory],
                a.name,
                a.nonce,
                a.size,
                a.sha256,
                a.xxh3,
                a.format,
                a.format_version,
                int(a.owned),
            )
            for i, a in enumerate(change.artifacts, first + 1)
        ]
        numbers = {a.nonce: i for i, a in enumerate(change.artifacts, first + 1)}
        if missing := {link.nonce for link in change.links} - numbers.keys():
            numbers |= _known(tx, missing)
        links = sorted((k.dataset_id, k.component, numbers[k.nonce], k.selector) for k in change.links)
        if len(rows) == len(links) == 1:
            _add_one(tx, change, rows[0], links[0])
            return
        try:
            with tx.savepoint():
                tx.executemany(_NEW_ARTIFACT, rows)
                tx.executemany(_NEW_LINK, links)
        except IntegrityError as exc:
            raise KeyTakenError(_taken(tx, change, str(exc))) from exc

    def remove(self, tx: Transaction, ids: Sequence[bytes], until_ns: int = 0) -> int:
        """Forget where datasets are stored; artifacts of ours that hold no other dataset go to the trash.

        Parameters
        ----------
        tx : Transaction
            Where.
        ids : sequence of bytes
            16 bytes each.
        until_ns : int
            Until when, in ns UTC since 1970, the artifacts are kept so that the removal can be undone; 0 for not at all.

        Returns
        -------
        int
            Number of artifacts moved to the trash.
        """
        unstored = tx.upload_ids(ids)
        links = f"FROM {unstored} w CROSS JOIN dataset_artifact l WHERE l.dataset_id = w.c0"
        left = tx.fetchall(f"SELECT DISTINCT l.artifact {links}")
        if until_ns:
            self.kept.keep(tx, unstored, until_ns)
        tx.execute(f"DELETE FROM dataset_artifact WHERE dataset_id IN (SELECT c0 FROM {unstored})")
        leaving = tx.upload("leaving", 1, sorted(left), keyed=True)
        unused = "NOT EXISTS (SELECT 1 FROM dataset_artifact l WHERE l.artifact = a.id)"
        moved = tx.execute(
            "INSERT INTO trash (datastore, key, size) SELECT d.datastore, "
            f"CASE d.path WHEN '' THEN a.name ELSE d.path || '/' || a.name END, a.size FROM {leaving} g "
            f"CROSS JOIN artifact a JOIN artifact_directory d ON d.id = a.directory WHERE a.id = g.c0 AND {unused} "
            f"AND a.owned = 1{self.kept.unless_kept(tx, 'a', 'd')} ON CONFLICT DO NOTHING"
        ).rowcount
        tx.execute(f"DELETE FROM artifact AS a WHERE a.id IN (SELECT c0 FROM {leaving}) AND {unused}")
        return int(moved)

    def forget_trash(self, tx: Transaction, keys: Sequence[str], datastore: str) -> None:
        """Drop the trash rows of artifacts that are gone."""
        if not keys:
            return
        among, bounds = "FROM trash WHERE datastore = ? AND key >= ? AND key <= ?", (datastore, keys[0], keys[-1])
        there = tx.fetchall(f"SELECT key {among}", bounds)
        if len(there) == len(keys) and {key for (key,) in there}.issubset(
            keys
        ):  # nobody else has come or gone meanwhile
            tx.execute(f"DELETE {among}", bounds)
            return
        gone = tx.upload("emptied", 1, [(key,) for key in sorted(set(keys))], ["str"], keyed=True)
        tx.execute(f"DELETE FROM trash WHERE datastore = ? AND key IN (SELECT c0 FROM {gone})", (datastore,))

    def note_digests(self, tx: Transaction, read: Iterable[tuple[StoredArtifact, Digests]]) -> None:
        """Write down digests of artifacts that have none."""
        tx.executemany(
            "UPDATE artifact SET sha256 = ?, xxh3 = ? WHERE name = ? AND xxh3 IS NULL AND directory = "
            "(SELECT id FROM artifact_directory WHERE datastore = ? AND path = ?)",
            [
                (digests.sha256, digests.xxh3, name, stored.datastore, directory)
                for stored, digests in read
                for directory, name in [split_key(stored.key)]
            ],
        )

    # ------------------------------------------------------------------ reading

    def locate(self, conn: Connection, ids: Sequence[bytes]) -> list[list[StoredArtifact]]:
        """Find where datasets are stored.

        Parameters
        ----------
        conn : Connection
            Where to ask.
        ids : sequence of bytes
            16 bytes each.

        Returns
        -------
        list[list[StoredArtifact]]
            For each id its artifacts, one per component; empty where nothing is stored.
        """
        if len(ids) == 1:
            return [[_stored(row) for row in conn.fetchall(_LOCATE_ONE, (ids[0],))]]
        answer: list[list[StoredArtifact]] = [[] for _ in ids]
        source, parameters = conn.inline_ids(ids)
        found = (
            f"SELECT {_FIELDS}, w.n FROM {source} w CROSS JOIN dataset_artifact l {_JOINS} WHERE l.dataset_id = w.id"
        )
        for row in conn.fetchall(found, parameters):
            answer[row[-1]].append(_stored(row[:-1]))
        return answer

    def stored(self, conn: Connection, ids: Sequence[bytes]) -> list[bool]:
        """Whether each dataset has an artifact recorded."""
        source, parameters = conn.inline_ids(ids)
        sql = f"SELECT DISTINCT w.n FROM {source} w CROSS JOIN dataset_artifact l WHERE l.dataset_id = w.id"
        present = {row[0] for row in conn.fetchall(sql, parameters)}
        return [i in present for i in range(len(ids))]

    def page(
        self, conn: Connection, after: int, limit: int
    ) -> tuple[int | None, list[tuple[int, str, StoredArtifact]]]:
        """Read artifacts in the order of their numbers, from behind one on.

        Returns
        -------
        int or None
            The last number of the page; None if there are no more.
        list of (int, str, StoredArtifact)
            Number and nonce of the artifact, and a dataset or component in it; those of one artifact follow each other.
        """
        row = conn.fetchone(f"SELECT max(id) FROM {_SOME}", (after, limit))
        if row is None or row[0] is None:
            return None, []
        return int(row[0]), [(r[0], r[1], _stored(r[2:])) for r in conn.fetchall(_PAGE, (after, limit))]

    def numbered(self, conn: Connection, numbers: Sequence[int]) -> list[tuple[int, str, StoredArtifact]]:
        """Read artifacts with some numbers, as `page` does; in the order of the numbers."""
        table = conn.upload("numbers", 1, ((number,) for number in numbers))
        sql = f"SELECT a.id, a.nonce, {_FIELDS} FROM {table} q CROSS JOIN artifact a {_LINKED}".replace(
            "ORDER BY", "WHERE a.id = q.c0 ORDER BY"
        )
        return [(r[0], r[1], _stored(r[2:])) for r in conn.fetchall(sql)]

    def count_after(self, conn: Connection, number: int) -> int:
        """Count the artifacts behind a number."""
        [(count,)] = conn.fetchall("SELECT count(*) FROM artifact WHERE id > ?", (number,))
        return int(count)

    def dead(self, conn: Connection) -> list[tuple[str, str, int]]:
        """Count rows that belong to nothing: table, what they lack, how many; only where there are any."""
        found = []
        for table, lack, absent in _DEAD:
            [(count,)] = conn.fetchall(f"SELECT count(*) FROM {table} x WHERE NOT EXISTS ({absent})")
            if count:
                found.append((table, lack, int(count)))
        return found

    def registered(self, conn: Connection, keys: Sequence[str], datastore: str) -> set[str]:
        """Which of some keys are recorded."""
        source, parameters = conn.inline(2, [split_key(key) for key in keys])
        sql = (
            f"SELECT d.path, a.name FROM {source} k CROSS JOIN artifact_directory d CROSS JOIN artifact a "
            "WHERE d.path = k.c0 AND d.datastore = ? AND a.directory = d.id AND a.name = k.c1"
        )
        return {join_key(*row) for row in conn.fetchall(sql, (*parameters, datastore))}

    def nonces(self, conn: Connection, nonces: Sequence[str]) -> set[str]:
        """Which of some nonces are recorded."""
        table = conn.upload("nonces", 1, ((nonce,) for nonce in nonces))
        return {n for (n,) in conn.fetchall(f"SELECT nonce FROM artifact WHERE nonce IN (SELECT c0 FROM {table})")}

    def sizes(self, conn: Connection, keys: Sequence[str], selections: Sequence[str]) -> dict[tuple[Any, ...], int]:
        """Add up the bytes of the artifacts of datasets by what they belong to; one of several datasets counts once.

        Parameters
        ----------
        conn : Connection
            Where to ask.
        keys : sequence of str
            Columns to add up by.
        selections : sequence of str
            SELECTs of the keys and ``id`` of datasets.
        """
        names = ", ".join(keys)
        joined = "JOIN dataset_artifact l ON l.dataset_id = h.id JOIN artifact a ON a.id = l.artifact"
        found: dict[tuple[Any, ...], int] = {}
        for selection in selections:
            each = f"SELECT DISTINCT {names}, a.id AS artifact, a.size AS size FROM ({selection}) h {joined}"
            for *key, size in conn.fetchall(f"SELECT {names}, sum(size) FROM ({each}) s GROUP BY {names}"):
                found[tuple(key)] = found.get(tuple(key), 0) + int(size)
        return found

    def trashed(self, conn: Connection, keys: Sequence[str], datastore: str) -> list[str]:
        """Which of some keys are to be removed."""
        table = conn.upload("trashed", 1, ((key,) for key in keys), ["str"])
        sql = f"SELECT key FROM trash WHERE datastore = ? AND key IN (SELECT c0 FROM {table})"
        return [key for (key,) in conn.fetchall(sql, (datastore,))]

    def trash(self, conn: Connection, datastore: str, after: str = "", limit: int = _ALL) -> list[tuple[str, int]]:
        """Keys and sizes of artifacts that are to be removed, from behind a key on, in the order of keys."""
        sql = "SELECT key, size FROM trash WHERE datastore = ? AND key > ? ORDER BY key LIMIT ?"
        return [(key, size) for key, size in conn.fetchall(sql, (datastore, after, limit))]


def _directories(tx: Transaction, artifacts: Sequence[ArtifactRow]) -> tuple[dict[tuple[str, str], int], int]:
    """Numbers of the directories, new ones made, and the number of the last artifact."""
    names = list({(a.datastore, a.directory): None for a in artifacts})
    number, last = tx.fetchone(_DIRECTORY, names[0] if len(names) == 1 else ("", "")) or (None, None)
    if number is not None and len(names) == 1:
        return {names[0]: number}, last or 0
    tx.executemany("INSERT INTO artifact_directory (datastore, path) VALUES (?, ?) ON CONFLICT DO NOTHING", names)
    source, parameters = tx.inline(2, names)
    rows = tx.fetchall(
        f"SELECT d.datastore, d.path, d.id FROM {source} k CROSS JOIN artifact_directory d "
        "WHERE d.path = k.c1 AND d.datastore = k.c0",
        parameters,
    )
    return {(datastore, path): number for datastore, path, number in rows}, last or 0


def _known(tx: Transaction, nonces: Iterable[str]) -> dict[str, int]:
    """Numbers of artifacts recorded before, for new links to them."""
    source, parameters = tx.inline(1, [(nonce,) for nonce in nonces])
    rows = tx.fetchall(f"SELECT nonce, id FROM artifact WHERE nonce IN (SELECT c0 FROM {source} q)", parameters)
    found: dict[str, int] = dict(rows)
    for nonce in nonces:
        if nonce not in found:
            raise KeyTakenError(f"a dataset is linked to the artifact {nonce!r}, which is neither new nor recorded")
    return found


def _add_one(tx: Transaction, change: AddArtifacts, row: tuple[Any, ...], link: tuple[Any, ...]) -> None:
    """Record one artifact of one dataset; what stands in the way is passed over, so that no savepoint is needed."""
    if not tx.execute(f"{_NEW_ARTIFACT} ON CONFLICT DO NOTHING", row).rowcount:
        raise KeyTakenError(_taken(tx, change, "artifact"))
    if not tx.execute(f"{_NEW_LINK} ON CONFLICT DO NOTHING", link).rowcount:
        tx.execute("DELETE FROM artifact WHERE id = ?", row[:1])
        raise KeyTakenError(_taken(tx, change, "dataset_artifact"))


def _taken(tx: Transaction, change: AddArtifacts, where: str) -> str:
    if "dataset_artifact" in where:
        return "a dataset of this change is stored already; remove it first, or put it under another run"
    for artifact in change.artifacts:
        row = tx.fetchone(
            "SELECT a.nonce FROM artifact a JOIN artifact_directory d ON d.id = a.directory "
            "WHERE a.name = ? AND d.path = ? AND d.datastore = ? AND a.nonce <> ?",
            (artifact.name, artifact.directory, artifact.datastore, artifact.nonce),
        )
        if row is not None:
            return f"{join_key(artifact.directory, artifact.name)} is recorded already; ingest a file only once"
    return f"an artifact of this change is recorded already ({where})"


def _stored(row: tuple[Any, ...]) -> StoredArtifact:
    dataset_id, component, directory, name, store, size, sha256, xxh3, form, version, owned, selector = row
    key = join_key(directory, name)
    return StoredArtifact(dataset_id, component, key, store, size, sha256, xxh3, form, version, bool(owned), selector)

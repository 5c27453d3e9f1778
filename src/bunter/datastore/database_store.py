"""Artifacts as rows of the repository's own database: they come in the transaction that registers them, and are no files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.database import IntegrityError
from bunter.database.migrations import table_names
from bunter.datastore.key import check_key
from bunter.datastore.process_staging import ProcessStaging
from bunter.datastore.store import Stat
from bunter.errors import ConfigurationError, KeyMissingError, KeyTakenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.database import Connection, Database, Transaction
    from bunter.datastore.store import Staged
    from bunter.values import ByteRange, Durability

__all__ = ["DatabaseStore"]

_TABLE = """
    CREATE TABLE IF NOT EXISTS sink_artifact (
        datastore TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL, content BLOB NOT NULL,
        PRIMARY KEY (key, datastore)
    )
"""
_INSERT = "INSERT INTO sink_artifact (datastore, key, size, modified, content) VALUES (?, ?, ?, ?, ?)"
_MOST = 64 << 20
_TOGETHER = 5000


class DatabaseStore(ProcessStaging):
    """Artifacts in the table ``sink_artifact``, for datasets of which a sink is the only place.

    What is staged waits in the memory of this process. The transaction that registers it brings it into the table, so there is
    nothing to settle after a crash.

    Parameters
    ----------
    name : str
        By which the store is recorded, that of its sink.
    database : Database, optional
        The repository's; without it, as in jobs, there is nothing to be read or written.
    """

    is_remote = False

    def __init__(self, name: str, database: Database | None) -> None:
        super().__init__()
        self.name, self._database = name, database
        self.address = f"database:{name}"
        self._has_table = False

    def __repr__(self) -> str:
        return f"DatabaseStore({self.name!r})"

    def __reduce__(self) -> tuple[type[DatabaseStore], tuple[str, None]]:
        return DatabaseStore, (self.name, None)

    # ------------------------------------------------------------------ reading

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the artifact or ranges of it."""
        content = self._published().get(check_key(key))
        if content is None:
            with self._opened().read() as connection:
                content = self.contents(connection, [key]).get(key)
        if content is None:
            raise KeyMissingError(
                f"no artifact {key!r} of the sink {self.name!r} in the database; `bunter check` lists what is missing"
            )
        return [content] if ranges is None else [content[each.begin : each.begin + each.size] for each in ranges]

    def contents(self, connection: Connection, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the content of artifacts by key, as a connection or an open transaction sees it."""
        found: dict[str, bytes] = {}
        if self._is_made(connection):
            for some in _parts(keys):
                source, parameters = connection.inline(1, [(key,) for key in some])
                sql = (
                    f"SELECT a.key, a.content FROM {source} k JOIN sink_artifact a ON a.key = k.c0 AND a.datastore = ?"
                )
                rows = connection.fetchall(sql, (*parameters, self.name))
                found.update((key, bytes(content)) for key, content in rows)
        return found

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of publication of each artifact."""
        found: dict[str, Stat] = {}
        names = [check_key(key) for key in keys]
        with self._opened().read() as connection:
            for some in _parts(names) if self._is_made(connection) else ():
                source, parameters = connection.inline(1, [(key,) for key in some])
                sql = f"SELECT a.key, a.size, a.modified FROM {source} k JOIN sink_artifact a ON a.key = k.c0 AND a.datastore = ?"
                rows = connection.fetchall(sql, (*parameters, self.name))
                found.update((key, Stat(size, modified)) for key, size, modified in rows)
        for key, content in self._published().items():
            found.setdefault(key, Stat(len(content), effects.now_ns()))
        return [found.get(key) for key in keys]

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every artifact of a moment."""
        rows: list[tuple[str, int, int]] = []
        with self._opened().read() as connection:
            if self._is_made(connection):
                sql = "SELECT key, size, modified FROM sink_artifact WHERE datastore = ?"
                rows = [(key, size, modified) for key, size, modified in connection.fetchall(sql, (self.name,))]
        there = {key for key, _, _ in rows}
        rows += [(key, len(content), 0) for key, content in self._published().items() if key not in there]
        return ((key, Stat(size, modified)) for key, size, modified in rows if key.startswith(prefix))

    def _published(self) -> dict[str, bytes]:
        """Content that is visible, and not in the table yet, to this process."""
        with self._lock:
            return {key: each.content for (_, key), each in self._waiting.items() if each.is_published}

    # ------------------------------------------------------------------ coming

    def _admit(self, key: str, size: int) -> None:
        if size > _MOST:
            raise ConfigurationError(
                f"{key} has {size} bytes, and the sink {self.name!r} keeps what is smaller than {_MOST} bytes; "
                "leave 'alone' out of its configuration, so that such datasets are files"
            )

    def publish(self, staged: Sequence[Staged], durability: Durability) -> None:  # noqa: ARG002 - the commit decides
        """Show all of them to this process; others see them when they are registered."""
        ours = [item for item in staged if item.owner]
        there = self.stat_many([item.key for item in ours])
        if taken := [item.key for item, stat in zip(ours, there, strict=True) if stat is not None]:
            raise KeyTakenError(f"artifact key {taken[0]!r} is taken; publish under a new nonce")
        with self._lock:
            for item in ours:
                self._waiting[item.owner, item.key].is_published = True

    def confirm(self, transaction: Transaction, staged: Sequence[Staged]) -> None:
        """Bring published artifacts into the table, in the transaction that registers them."""
        waiting = [(item.key, self._waiting[item.owner, item.key]) for item in staged if item.owner]
        self.keep(transaction, [(key, each.content) for key, each in waiting])
        for _, each in waiting:
            each.is_written = True

    def keep(self, transaction: Transaction, contents: Iterable[tuple[str, bytes]]) -> None:
        """Bring content into the table under its keys.

        Raises
        ------
        KeyTakenError
            If a key is taken.
        """
        now = effects.now_ns()
        rows = [(self.name, check_key(key), len(content), now, content) for key, content in contents]
        if not rows:
            return
        transaction.execute(_TABLE)
        try:
            with transaction.savepoint():
                transaction.executemany(_INSERT, rows)
        except IntegrityError as exc:
            raise KeyTakenError(f"one of {len(rows)} artifact keys, such as {rows[0][1]!r}, is taken") from exc

    def settle(self, staged: Sequence[Staged]) -> None:
        """Remove sources of moves and forget the staging; what nobody registers in a transaction comes into the table now."""
        with self._lock:
            known = [(item.owner, item.key) for item in staged if (item.owner, item.key) in self._waiting]
            waiting = [(place, self._waiting[place]) for place in known]
        if late := [(key, each.content) for (_, key), each in waiting if not each.is_written]:
            with self._opened().write() as transaction:
                self.keep(transaction, late)
        for place, each in waiting:
            if each.source:
                effects.unlink(each.source, missing_ok=True)
            self._waiting.pop(place, None)

    def discard(self, staged: Sequence[Staged]) -> None:
        """Forget them."""
        with self._lock:
            for item in staged:
                self._waiting.pop((item.owner, item.key), None)

    # ------------------------------------------------------------------ going

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove the rows; a key that is not there is no error."""
        names = [check_key(key) for key in keys]
        with self._opened().read() as connection:
            if not names or not self._is_made(connection):
                return {}
        with self._opened().write() as transaction:
            gone = transaction.upload("sink_gone", 1, ((key,) for key in names), ["str"])
            transaction.execute(
                f"DELETE FROM sink_artifact WHERE datastore = ? AND key IN (SELECT c0 FROM {gone})",
                (self.name,),
            )
        return {}

    def _is_made(self, connection: Connection) -> bool:
        if self._has_table:
            return True
        there = "sink_artifact" in table_names(connection)
        self._has_table = there and not connection.in_transaction  # else the making of it may be taken back
        return there

    def _opened(self) -> Database:
        if self._database is None:
            raise ConfigurationError(
                f"what the sink {self.name!r} alone has is in the repository's database, which is not open here; "
                "open the repository with Butler(...)"
            )
        return self._database


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[first : first + _TOGETHER] for first in range(0, len(keys), _TOGETHER))

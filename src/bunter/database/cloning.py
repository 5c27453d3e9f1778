"""A database copied to another one, table by table as the catalog lists them, in one transaction, and compared."""

from __future__ import annotations

import marshal
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from bunter import effects
from bunter.database.database import Database
from bunter.database.making import is_unfinished, making
from bunter.database.server_address import ServerAddress, is_server
from bunter.errors import ButlerError, DatabaseDamagedError, RepositoryExistsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bunter.database.connection import Connection, Row, Transaction
    from bunter.database.server_options import ServerOptions
    from bunter.database.shape import TableShape

__all__ = [
    "Copied",
    "RowSum",
    "clone_database",
    "fingerprint",
    "make_tables",
    "row_batches",
    "same_copy",
    "survey_tables",
]

_BATCH = 20_000
_BASE = ("attribute", "change", "generation")
_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Copied:
    """A table that was copied.

    Parameters
    ----------
    table : str
        Its name.
    rows : int
        Number of its rows.
    fingerprint : str
        The same for equal rows in any order, on both databases.
    """

    table: str
    rows: int
    fingerprint: str


class RowSum:
    """Adds up digests of rows, so that their order makes no difference."""

    def __init__(self, shape: TableShape) -> None:
        self.rows = 0
        self._total = 0
        self._truths = [place for place, column in enumerate(shape.columns) if column.type == "BOOLEAN"]

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows in."""
        digest, dump = xxhash.xxh3_128_intdigest, marshal.dumps
        # Version 0 of the format writes equal values alike; later ones depend on how often an object is in use.
        self._total = (self._total + sum(digest(dump(row, 0)) for row in self._alike(rows))) % _MODULUS
        self.rows += len(rows)

    def _alike(self, rows: Sequence[Row]) -> Iterable[Row]:
        """Make truth values numbers, as SQLite has them."""
        return (self._numbered(row) for row in rows) if self._truths else rows

    def _numbered(self, row: Row) -> Row:
        values = list(row)
        for place in self._truths:
            values[place] = None if values[place] is None else int(values[place])
        return tuple(values)

    def result(self, table: str) -> Copied:
        """Return what was counted."""
        return Copied(table, self.rows, f"{self._total:032x}")


def fingerprint(connection: Connection, shape: TableShape) -> Copied:
    """Read a whole table and return how many rows it has and what they are, in bounded memory."""
    total = RowSum(shape)
    for rows in row_batches(connection, shape):
        total.add(rows)
    return total.result(shape.name)


def row_batches(connection: Connection, shape: TableShape) -> Iterator[list[Row]]:
    """Yield all rows of a table, many at a time."""
    names = ", ".join(f'"{name}"' for name in shape.names)
    return connection.stream(f'SELECT {names} FROM "{shape.name}"', (), _BATCH)


def survey_tables(connection: Connection) -> list[tuple[str, int]]:
    """Return name and number of rows of every table."""
    found = []
    for shape in connection.tables():
        row = connection.fetchone(f'SELECT count(*) FROM "{shape.name}"')
        found.append((shape.name, 0 if row is None else int(row[0])))
    return found


def clone_database(
    source: Database,
    place: str | Path,
    *,
    options: ServerOptions | None = None,
    finish: Callable[[Transaction], None],
    progress: Callable[[Copied], None] | None = None,
) -> list[Copied]:
    """Copy a database to a place where there is none, compare the two, and tell what was copied.

    All happens in one snapshot of the source, and in one transaction at the target. After a failure or a kill there is nothing
    at the target, as before; a file beside it that a copying which was killed has left is removed by the next one.

    Parameters
    ----------
    source : Database
        What to copy; inside a transaction of this thread, as that sees it.
    place : str or Path
        See `Database.create`.
    options : ServerOptions, optional
        Limits, where the place is on a server.
    finish : callable
        Makes what is no table, such as views, in the target's transaction.
    progress : callable, optional
        Is told each table when it has been copied.

    Raises
    ------
    RepositoryExistsError
        If there is something at the place.
    DatabaseDamagedError
        If the copy differs, or a value is not of its column's type.
    """
    Database.check_absent(place, options)
    with _new(place, options) as target, source.read(snapshot=True) as connection, target.write() as transaction:
        done = _clone_tables(connection, transaction, progress)
        finish(transaction)
    return done


def same_copy(source: Database, place: str | Path, options: ServerOptions | None = None) -> list[Copied] | None:
    """Tell what is at a place that has just what the original has; None if it has anything else, or is the original."""
    try:
        with (
            Database.open(place, read_only=True, options=options) as target,
            target.read(snapshot=True) as copy,
            source.read(snapshot=True) as connection,
        ):
            if is_unfinished(target.location, copy) or _is_original(source, connection, target, copy):
                return None
            shapes = connection.tables()
            if {shape.name for shape in copy.tables()} != {shape.name for shape in shapes}:
                return None
            done = [fingerprint(connection, shape) for shape in shapes]
            return done if done == [fingerprint(copy, shape) for shape in shapes] else None
    except (ButlerError, OSError):
        return None


def _is_original(source: Database, original: Connection, target: Database, copy: Connection) -> bool:
    """Whether two databases are one; a schema has many addresses."""
    places = (source.location, target.location)
    if not any(map(is_server, places)):
        return Path(places[0]).samefile(places[1])
    if not all(map(is_server, places)):
        return False
    from bunter.database.postgres.making import is_same_schema

    return is_same_schema(original, copy, (ServerAddress.of(places[0]).schema, ServerAddress.of(places[1]).schema))


@contextmanager
def _new(place: str | Path, options: ServerOptions | None) -> Iterator[Database]:
    """Make a database that is there when the block ends, whole."""
    if is_server(place):
        with making(place, options) as filling, filling() as target:
            yield target
        return
    with _part_of(Path(place)) as part, Database.create(part) as target:
        yield target


@contextmanager
def _part_of(place: Path) -> Iterator[str]:
    """Give a name under which a database is made, that of a file next to it, which gets its own name when it is whole."""
    part = f"{place}.part"
    effects.mkdirs(Path(part).parent)
    held = effects.flock(f"{part}-lock", blocking=False)
    if held is None:
        raise RepositoryExistsError(f"another program makes {place} now; choose another place")
    with held:
        try:
            Database.discard(part)  # what a copying that was killed has left
            yield part
            effects.link(part, place)
        except FileExistsError as exc:
            raise RepositoryExistsError(f"{place} exists; open it, or choose another place") from exc
        finally:
            Database.discard(part)
            effects.unlink(f"{part}-lock", missing_ok=True)
        effects.sync_dir(Path(part).parent)


def _clone_tables(source: Connection, target: Transaction, progress: Callable[[Copied], None] | None) -> list[Copied]:
    shapes = source.tables()
    make_tables(shapes, target)
    done = []
    for shape in shapes:
        done.append(_copy(shape, source, target))
        if progress is not None:
            progress(done[-1])
    _compare(shapes, done, target)
    target.settle_tables(shapes)
    return done


def make_tables(shapes: Sequence[TableShape], target: Transaction) -> None:
    """Make tables where they are not there; those that every database has are emptied.

    Raises
    ------
    DatabaseDamagedError
        If a table is there that is made otherwise.
    """
    there = {shape.name: shape.comparable() for shape in target.tables()}
    for shape in shapes:
        if shape.name not in there:
            for statement in shape.statements():
                target.execute(statement)
        elif shape.name in _BASE and there[shape.name] == shape.comparable():
            target.execute(f'DELETE FROM "{shape.name}"')
        else:
            raise DatabaseDamagedError(
                f"table {shape.name} is of an older format; run `bunter upgrade` before the copy"
            )


def _copy(shape: TableShape, source: Connection, target: Transaction) -> Copied:
    total = RowSum(shape)

    def rows() -> Iterator[Row]:
        for batch in row_batches(source, shape):
            total.add(batch)
            yield from batch

    try:
        target.copy(shape.name, shape.names, rows())
    except (TypeError, ValueError, OverflowError) as exc:
        raise DatabaseDamagedError(
            f"table {shape.name} has a value that is not of its column's type ({exc}); see `bunter check`"
        ) from exc
    return total.result(shape.name)


def _compare(shapes: Sequence[TableShape], done: Sequence[Copied], target: Transaction) -> None:
    made = {shape.name: shape for shape in target.tables()}
    for shape, copied in zip(shapes, done, strict=True):
        if made[shape.name].comparable() != shape.comparable():
            raise DatabaseDamagedError(f"the copy of table {shape.name} is not made as the original; nothing was kept")
        if fingerprint(target, shape) != copied:
            raise DatabaseDamagedError(f"the copy of table {shape.name} differs from the original; nothing was kept")

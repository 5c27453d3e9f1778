"""Databases that are being made: nobody else's is touched, and what a making that was killed has left is in nobody's way."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.database.database import Database
from bunter.database.server_address import ServerAddress, is_server
from bunter.database.server_options import ServerOptions
from bunter.database.sqlite import is_left, is_taken, mark_of
from bunter.errors import RepositoryExistsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bunter.database.connection import Connection

__all__ = ["is_unfinished", "making", "mark_of"]


@contextmanager
def making(
    place: str | Path, options: ServerOptions | None = None, *, claim: str | None = None
) -> Iterator[Callable[[], AbstractContextManager[Database]]]:
    """Keep others from making a database while it is made, and whatever it is made for.

    Yields what makes it: a context whose block fills the new database, in one transaction of this thread. The database is
    finished when the outer block ends without an error, or when it is opened for writing. Until then it carries the claim,
    and the next making for the same claim begins anew.

    Parameters
    ----------
    place : str or Path
        See `Database.create`.
    options : ServerOptions, optional
        Limits, where the place is on a server.
    claim : str, optional
        For what the database is made, such as the root of a repository. Without a claim it is finished when it is filled; a
        file that was not filled to its end is then left to the caller.

    Raises
    ------
    RepositoryExistsError
        If there is something else at the place, or another program makes it now.
    """
    if is_server(place):
        address = ServerAddress.of(str(place), None if options is None else options.schema)
        with _making_schema(address, options or ServerOptions(), claim) as filling:
            yield filling
        return
    file = Path(str(place).removeprefix("sqlite:///"))
    if claim is None:
        yield partial(_filled, file)
        return
    with _making_file(file, claim):
        yield partial(_filled, file)


def is_unfinished(location: str, connection: Connection) -> bool:
    """Whether an open database still carries a claim."""
    if not is_server(location):
        return effects.stat(mark_of(Path(location))) is not None
    from bunter.database.postgres.stamp import SchemaState

    state = SchemaState.look(connection.raw.run, ServerAddress.of(location).schema)
    return state is not None and state.stamp is not None and state.stamp.claim is not None


@contextmanager
def _making_schema(
    address: ServerAddress, options: ServerOptions, claim: str | None
) -> Iterator[Callable[[], AbstractContextManager[Database]]]:
    from bunter.database.postgres.making import clear_leavings, making_schema, settle_schema

    with making_schema(address, options) as driver:
        clear_leavings(driver, address, claim)
        yield partial(Database.in_new_schema, address, options, claim=claim)
        if claim is not None:
            settle_schema(driver, address)


@contextmanager
def _making_file(file: Path, claim: str) -> Iterator[None]:
    """Hold the lock of the mark beside a file, which has the claim from before there is a file until all is done."""
    mark = mark_of(file)
    held = effects.flock(mark, blocking=False)
    if held is None:
        raise RepositoryExistsError(f"another program makes {file} now; choose another place")
    with held:
        _clear(file, claim)
        with effects.open_append(mark) as text:
            text.clear()
            text.append(claim.encode())
            text.sync()
        effects.sync_dir(file.parent)
        try:
            yield
        except BaseException:
            if effects.stat(file) is None:  # nothing was filled, so nothing is left to claim
                effects.unlink(mark, missing_ok=True)
            raise
        effects.unlink(mark, missing_ok=True)


def _clear(file: Path, claim: str) -> None:
    """Remove a file that a making for the same has left; the mark of another one stays."""
    if effects.stat(file) is None:
        return
    if not is_left(file, claim):
        if not effects.read_bytes(mark_of(file)):
            effects.unlink(mark_of(file), missing_ok=True)
        raise is_taken(file)
    Database.discard(file)


@contextmanager
def _filled(file: Path) -> Iterator[Database]:
    new = Database.create(file)
    try:
        with new as database, database.write():
            yield database
    except BaseException:
        Database.discard(file)
        raise

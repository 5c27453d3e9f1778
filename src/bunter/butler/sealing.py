"""Repositories that are finished: readable without permission to write, and written by nobody."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.butler.registry_place import place_of
from bunter.butler.seal_note import note_of, seal_sentence
from bunter.errors import ConfigurationError, DatabaseBusyError, ReadOnlyError
from bunter.values import Principal, clock_text
from bunter.values.instant import now_tai_ns

if TYPE_CHECKING:
    from bunter.butler.config import Configuration
    from bunter.datastore.store_address import StoreAddress

__all__ = ["seal", "unseal"]

_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def seal(root: Path | StoreAddress, *, dry_run: bool = False) -> bool:
    """Settle what is unsettled, bring the registry to rollback mode and refuse all writing from now on.

    Parameters
    ----------
    root : Path or StoreAddress
        Root of the repository. Objects of a storage service are guarded by the rights of its users.
    dry_run : bool
        Whether only to say what would happen.

    Returns
    -------
    bool
        Whether it was open before.

    Raises
    ------
    DatabaseBusyError
        If other programs have it open or are writing files.
    ConfigurationError
        If its registry is on a server.
    """
    from bunter.butler.opening import configuration_at

    configuration = configuration_at(root)
    database, note = _database(root, configuration)
    if seal_sentence(root, configuration) is not None:
        return False
    if not os.access(note.parent, os.W_OK):
        raise ReadOnlyError(f"no permission to write in {note.parent}; only its owner can seal {root}")
    _settle(root, configuration, dry_run=dry_run)
    if dry_run:
        return True
    mode = stat.S_IMODE(os.stat(database).st_mode)  # noqa: PTH116 - one call, a path of ours
    told = {"sealed": clock_text(now_tai_ns()), "by": str(Principal.current()), "mode": mode}
    effects.write_new(note, json.dumps(told).encode(), sync=True)
    try:
        _seal_database(database, mode)
    except BaseException:
        effects.unlink(note, missing_ok=True)
        raise
    effects.sync_dir(note.parent)
    return True


def _seal_database(database: Path, mode: int) -> None:
    from bunter.database.journal_mode import seal_file

    seal_file(database)
    effects.chmod(database, mode & ~_WRITE)


def _settle(root: Path | StoreAddress, configuration: Configuration, *, dry_run: bool) -> None:
    """Finish what dead writers left, and see that no living one is at work."""
    from bunter.butler.direct import DirectRepository

    repository = DirectRepository.open(root, configuration, read_only=dry_run)
    try:
        repository.recover()
        if failed := {} if dry_run else repository.empty_trash():
            key, error = next(iter(failed.items()))
            raise DatabaseBusyError(
                f"{len(failed)} removed files are still there, such as {key} ({error}); see `bunter trash`"
            )
        if busy := repository.datastore.writers():
            raise DatabaseBusyError(
                f"{root} is being written: {busy[0]} is not published yet; wait for its writer, or end it"
            )
    finally:
        repository.close()


def unseal(root: Path | StoreAddress, *, dry_run: bool = False) -> bool:
    """Open a sealed repository for writing again; say whether it was sealed.

    Raises
    ------
    ReadOnlyError
        If only another user may.
    """
    from bunter.butler.opening import configuration_at

    configuration = configuration_at(root)
    database, note = _database(root, configuration)
    if seal_sentence(root, configuration) is None:
        return False
    if not os.access(note.parent, os.W_OK):
        raise ReadOnlyError(f"no permission to write in {note.parent}; only its owner can open {root} again")
    if not dry_run:
        from bunter.database.journal_mode import unseal_file

        effects.chmod(database, _mode(note, database))
        unseal_file(database)
        effects.unlink(note)
        effects.sync_dir(note.parent)
    return True


def _mode(note: Path, database: Path) -> int:
    """Return the permissions that the database had, or at least its owner's right to write."""
    try:
        return int(json.loads(effects.read_bytes(note))["mode"])
    except (ValueError, KeyError, TypeError):
        return stat.S_IMODE(database.stat().st_mode) | stat.S_IWUSR


def _database(root: Path | StoreAddress, configuration: Configuration) -> tuple[Path, Path]:
    """Return the file of the registry and that of the seal."""
    place, note = place_of(root, configuration.model.registry), note_of(root, configuration)
    if not isinstance(place, Path) or note is None:
        raise ConfigurationError(
            "a registry on a server is guarded by the server: let the users that may only read have no right but SELECT"
        )
    return place, note

"""The universe as the database has it now, and the format that it is kept in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bunter.dimensions import Universe
from bunter.errors import DatabaseDamagedError, RepositoryNotFoundError, UpgradeNeededError

if TYPE_CHECKING:
    from bunter.database import Connection

__all__ = ["FORMAT", "MOVED_TO", "SUBSCRIBED", "LivingUniverse", "check_format", "read_attributes"]

FORMAT = 4
"""Number of the layout of tables that this code reads and writes; `bunter upgrade` leads to it from older ones."""

SUBSCRIBED = "registry.subscribed"
"""Attribute of a registry to whose events somebody subscribes: without it no event is written."""

MOVED_TO = "registry.moved_to"
"""Attribute of a registry that is kept elsewhere by now: nobody may read or write this one any more."""


def read_attributes(connection: Connection, location: str) -> dict[str, str]:
    """Return what a repository says of itself.

    Raises
    ------
    DatabaseDamagedError
        If it is no registry, as after a creation that was cut off.
    RepositoryNotFoundError
        If it has moved to another database.
    """
    found: dict[str, str] = dict(connection.fetchall("SELECT name, value FROM attribute WHERE name LIKE 'registry.%'"))
    if moved := found.get(MOVED_TO):
        raise RepositoryNotFoundError(
            f"the registry has moved from {location} to {moved}; open the repository again, and see that registry.database in "
            "its bunter.yaml says so"
        )
    if "registry.universe" not in found:
        raise DatabaseDamagedError(
            f"{location} holds no registry, as if its creation was cut off; remove it and create it again"
        )
    return found


def check_format(attributes: dict[str, str], location: str, *, read_only: bool) -> None:
    """Refuse a format that this code cannot read, or write; say exactly why.

    Raises
    ------
    UpgradeNeededError
        If the repository, or this code, is too old.
    """
    version = int(attributes["registry.version"])
    reader = int(attributes.get("registry.oldest_reader", version))
    writer = int(attributes.get("registry.oldest_writer", version))
    if version < FORMAT:
        raise UpgradeNeededError(
            f"{location} has registry format {version}, and this Bunter works with format {FORMAT}; "
            "`bunter upgrade REPO` brings it up in one step, `--dry-run` shows what changes"
        )
    if reader > FORMAT:
        raise UpgradeNeededError(
            f"{location} has registry format {version}, which needs a Bunter that knows format {reader} to read it, "
            f"and this one knows up to {FORMAT}; upgrade Bunter with `pip install -U bunter`"
        )
    if writer > FORMAT and not read_only:
        raise UpgradeNeededError(
            f"{location} has registry format {version}, which this Bunter can read and not write, as it knows up to "
            f"{FORMAT}; open it with writeable=False, or upgrade Bunter with `pip install -U bunter`"
        )


class LivingUniverse:
    """Reads the universe when it may have changed, and keeps it while its definition is the same.

    Parameters
    ----------
    location : str
        The repository, for messages.
    read_only : bool
        Whether it is open for reading.
    universe : Universe, optional
        What it is known to be.
    """

    def __init__(self, location: str, *, read_only: bool, universe: Universe | None = None) -> None:
        self._location = location
        self._read_only = read_only
        self._text = ""
        self.latest = universe
        self.has_subscribers = False

    def __call__(self, connection: Connection) -> Universe:
        """Return the universe as this connection sees it."""
        attributes = read_attributes(connection, self._location)
        text = attributes["registry.universe"]
        self.has_subscribers = SUBSCRIBED in attributes
        if self.latest is None or text != self._text:
            check_format(attributes, self._location, read_only=self._read_only)
            self.latest, self._text = Universe.load(json.loads(text)), text
        return self.latest

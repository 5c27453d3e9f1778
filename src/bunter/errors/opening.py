"""Errors of opening and configuring a repository, and of its database."""

from __future__ import annotations

from bunter.errors.root import ButlerError, UserError

__all__ = [
    "ConfigurationError",
    "DatabaseBusyError",
    "DatabaseDamagedError",
    "DatabaseUnavailableError",
    "InstrumentError",
    "MissingExtraError",
    "ReadOnlyError",
    "RepositoryExistsError",
    "RepositoryNotFoundError",
    "UniverseError",
    "UpgradeNeededError",
]


class ConfigurationError(UserError, ValueError):
    """A configuration value that is unknown or wrong."""


class UpgradeNeededError(ConfigurationError):
    """A repository, or this version of Bunter, is too old for the other; the message says which, and what brings it up."""


class UniverseError(UserError, ValueError):
    """A dimension universe whose definition contradicts itself, or a change of it that is not possible.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    place : tuple of str
        Keys that lead to the part of the definition that is meant.
    file, line
        Where it is written, where known; shown as a prefix ``file:line:``.
    """

    def __init__(
        self, message: str, *, place: tuple[str, ...] = (), file: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(message)
        self.place, self.file, self.line = place, file, line

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{place}: {super().__str__()}" if place else super().__str__()


class RepositoryNotFoundError(UserError, FileNotFoundError):
    """There is no repository where one was looked for."""


class RepositoryExistsError(UserError, FileExistsError):
    """There already is a repository where one was to be made."""


class ReadOnlyError(UserError, PermissionError):
    """A write was asked of something opened for reading, or without permission to write."""


class MissingExtraError(UserError, ImportError):
    """An optional dependency is not installed; the message names the command that installs it."""


class InstrumentError(UserError, ValueError):
    """An instrument that is unknown, or whose definition cannot be used."""


class DatabaseBusyError(ButlerError, TimeoutError):
    """Other writers kept the database longer than the time limit."""


class DatabaseDamagedError(ButlerError, OSError):
    """The database file is truncated, damaged, or of a format that this version cannot read."""


class DatabaseUnavailableError(ButlerError, ConnectionError):
    """The database server does not answer, went away, or has no room left."""

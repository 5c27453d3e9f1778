"""Errors of files, formats and stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.errors.root import ButlerError, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ExportFileError",
    "FileIntegrityError",
    "FormatError",
    "IngestError",
    "KeyMissingError",
    "KeyTakenError",
    "NotLocalError",
    "RecallNeededError",
    "StorageClassError",
    "StoreDeniedError",
    "StoreUnavailableError",
    "TemplateError",
]


class StorageClassError(UserError, TypeError):
    """A storage class that is unknown or does not fit the object."""


class FormatError(UserError, ValueError):
    """Bytes that cannot be read as the format, or an object that cannot be written in it."""


class TemplateError(UserError, ValueError):
    """A file template that cannot be used, or a path it would make that is not allowed."""


class IngestError(UserError):
    """Some files were not ingested.

    Parameters
    ----------
    message : str
        The sentence for the user.
    rejected : Sequence[tuple[str, str]]
        Path and reason of each file that was left out.
    """

    def __init__(self, message: str, *, rejected: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.rejected = tuple(rejected)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {path}: {reason}" for path, reason in self.rejected)])


class ExportFileError(UserError, ValueError):
    """An export of a repository that cannot be read, or does not fit this one."""


class FileIntegrityError(ButlerError, OSError):
    """An artifact's bytes are not those that were recorded."""


class StoreUnavailableError(ButlerError, ConnectionError):
    """A storage service does not answer, or answers with errors."""


class StoreDeniedError(UserError, PermissionError):
    """A storage service does not let us do what was asked."""


class KeyTakenError(ButlerError, FileExistsError):
    """The key already has an artifact; nothing was written."""


class KeyMissingError(ButlerError, FileNotFoundError):
    """The key has no artifact."""


class NotLocalError(UserError, OSError):
    """An artifact is not on this machine, and may not, or cannot now, be fetched."""


class RecallNeededError(NotLocalError):
    """Artifacts are nearline, such as on tape, and have to be recalled first.

    Parameters
    ----------
    message : str
        The whole message.
    keys : sequence of str, optional
        Which artifacts.
    containers : sequence of str, optional
        What has to be recalled, such as the tapes or archives that they are on.
    ticket : str, optional
        Ticket of the recall, if one is on its way; empty if not.
    """

    def __init__(
        self, message: str, *, keys: Sequence[str] = (), containers: Sequence[str] = (), ticket: str = ""
    ) -> None:
        super().__init__(message)
        self.keys, self.containers, self.ticket = tuple(keys), tuple(containers), ticket

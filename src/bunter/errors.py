"""Every error that Bunter raises on purpose.

::

    ButlerError
    +-- UserError                         the user's to fix: one line at the command line, exit code 1
    |   +-- DataIdError                   ValueError
    |   |   +-- DimensionNameError        KeyError
    |   |   +-- DimensionValueError
    |   |   +-- InconsistentDataIdError
    |   +-- DatasetNotFoundError          LookupError
    |   |   +-- DatasetRemovedError
    |   |   +-- CalibrationLookupError
    |   +-- ConflictingDatasetError       ValueError
    |   |   +-- TransferConflictError
    |   +-- ConflictingDefinitionError    ValueError
    |   +-- MissingDatasetTypeError       LookupError
    |   +-- MissingCollectionError        LookupError
    |   +-- MissingSnapshotError          LookupError
    |   +-- MissingIndexError             LookupError
    |   +-- MetadataError                 ValueError
    |   +-- CollectionTypeError           TypeError
    |   +-- CollectionCycleError          ValueError
    |   +-- CollectionInUseError
    |   +-- OrphanedRecordError
    |   +-- InvalidQueryError             ValueError
    |   +-- EmptyQueryResultError         LookupError
    |   +-- SeveralResultsError           LookupError
    |   +-- PositionError                 ValueError
    |   +-- StorageClassError             TypeError
    |   +-- FormatError                   ValueError
    |   +-- TemplateError                 ValueError
    |   +-- ConfigurationError            ValueError
    |   |   +-- UpgradeNeededError
    |   +-- UniverseError                 ValueError
    |   +-- RepositoryNotFoundError       FileNotFoundError
    |   +-- RepositoryExistsError         FileExistsError
    |   +-- ReadOnlyError                 PermissionError
    |   +-- MissingExtraError             ImportError
    |   +-- InstrumentError               ValueError
    |   +-- NotLocalError                 OSError
    |   |   +-- RecallNeededError
    |   +-- IngestError
    |   +-- ExportFileError               ValueError
    |   +-- PipelineError                 ValueError
    |   +-- GraphError                    ValueError
    |   |   +-- EmptyGraphError
    |   |       +-- AllDoneError
    |   |       +-- WaitingError
    |   +-- RunError
    |   +-- UndoError                     LookupError
    |   +-- SubscriptionError             ValueError
    |   +-- StoreDeniedError              PermissionError
    +-- DatabaseBusyError                 TimeoutError
    +-- DatabaseDamagedError              OSError
    +-- DatabaseUnavailableError          ConnectionError
    +-- FileIntegrityError                OSError
    +-- StoreUnavailableError             ConnectionError
    +-- KeyTakenError                     FileExistsError
    +-- KeyMissingError                   FileNotFoundError
    +-- QuantumError
        +-- TaskFailedError

The first positional argument is always the whole message; facts are keyword arguments and become attributes, so that
every error survives pickling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def near(name: str, candidates: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name that is nearest, or nothing when none is near."""
    import difflib

    known = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.6)
    return f"; did you mean {known[found[0]]!r}?" if found else ""


class ButlerError(Exception):
    """Root of all errors of Bunter."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class UserError(ButlerError):
    """An error that whoever gave the command or made the call can fix."""


class DataIdError(UserError, ValueError):
    """A data ID that cannot be used."""


class DimensionNameError(DataIdError, KeyError):
    """A dimension, element or field that the universe does not have, or that a data ID lacks."""


class DimensionValueError(DataIdError):
    """A data ID value of the wrong type, or one that no record has."""


class InconsistentDataIdError(DataIdError):
    """Data ID values that contradict the dimension records or each other."""


class DatasetNotFoundError(UserError, LookupError):
    """No dataset answers the question.

    Parameters
    ----------
    message : str
        The sentence for the user.
    dataset_type, data_id, searched
        What was asked for, and the collections that were searched, where known.
    reason : callable, optional
        Finds out more when `explain` is called; it does not travel to other processes.
    """

    def __init__(
        self,
        message: str,
        *,
        dataset_type: str | None = None,
        data_id: Mapping[str, object] | None = None,
        searched: Sequence[str] = (),
        reason: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(message)
        self.dataset_type, self.data_id, self.searched = dataset_type, data_id, tuple(searched)
        self._reason = reason

    def explain(self) -> object:
        """Say collection by collection why there is none; prints as text. The message where nobody can say."""
        return str(self) if self._reason is None else self._reason()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args, {**vars(self), "_reason": None}


class DatasetRemovedError(DatasetNotFoundError):
    """The dataset is known, but has been removed with its artifact.

    Parameters
    ----------
    when : int, optional
        Time of the removal in ns TAI, where known.
    by : str
        Who removed it, where known.
    change : int, optional
        Number of the change that removed it, where known.
    """

    def __init__(self, message: str, *, when: int | None = None, by: str = "", change: int | None = None) -> None:
        super().__init__(message)
        self.when, self.by, self.change = when, by, change


class UndoError(UserError, LookupError):
    """A removal cannot be undone: nothing, or not all, of it is kept any more."""


class SubscriptionError(UserError, ValueError):
    """A subscription to events cannot be: its name, its kinds, its target; or there is none of that name."""


class CalibrationLookupError(DatasetNotFoundError):
    """No calibration, or more than one, is valid for the time asked for."""


class ConflictingDatasetError(UserError, ValueError):
    """Another dataset already has this type, data ID and run, or this id."""


class TransferConflictError(ConflictingDatasetError):
    """Two repositories contradict each other, so nothing was transferred.

    Parameters
    ----------
    message : str
        The sentence for the user.
    conflicts : Sequence[str]
        All that contradicts.
    facts : Mapping[str, object], optional
        The report of the comparison as plain values.
    """

    def __init__(
        self, message: str, *, conflicts: Sequence[str] = (), facts: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.conflicts = tuple(conflicts)
        self.facts = dict(facts or {})

    def __str__(self) -> str:
        more = [f"  and {len(self.conflicts) - 20} more"] if len(self.conflicts) > 20 else []
        return "\n".join([super().__str__(), *(f"  {each}" for each in self.conflicts[:20]), *more])


class ConflictingDefinitionError(UserError, ValueError):
    """Something of this name exists with another definition."""


class MissingSnapshotError(UserError, LookupError):
    """No snapshot has this name, and no change this number or time."""


class MissingDatasetTypeError(UserError, LookupError):
    """No dataset type of this name is registered."""


class MissingCollectionError(UserError, LookupError):
    """No collection of this name exists."""


class MissingIndexError(UserError, LookupError):
    """No index of a header card or of user metadata with this name."""


class MetadataError(UserError, ValueError):
    """User metadata, a header, or a fact of an activity that cannot be kept; names the key."""


class CollectionTypeError(UserError, TypeError):
    """The collection is of a type that cannot do what was asked."""


class CollectionCycleError(UserError, ValueError):
    """A chain would contain itself."""


class CollectionInUseError(UserError):
    """The collection cannot go because something still refers to it."""


class OrphanedRecordError(UserError):
    """A removal would leave rows behind that refer to what is removed."""


class InvalidQueryError(UserError, ValueError):
    """A query expression that cannot be parsed or makes no sense.

    Parameters
    ----------
    message : str
        What is wrong.
    text : str
        The expression.
    position : int, optional
        Offset of the offending character in ``text``.
    """

    def __init__(self, message: str, *, text: str = "", position: int | None = None) -> None:
        super().__init__(message)
        self.text, self.position = text, position

    def __str__(self) -> str:
        message = super().__str__()
        if self.position is None or not self.text:
            return message
        line, column = _excerpt(self.text, self.position)
        return f"{message}\n  {line}\n  {' ' * column}^"


def _excerpt(text: str, position: int, width: int = 100) -> tuple[str, int]:
    """Part of the line around a position, short enough for a terminal, and the position within it."""
    begin = text.rfind("\n", 0, position) + 1
    line = text[begin:].split("\n", 1)[0].replace("\t", " ")
    column = position - begin
    if len(line) <= width:
        return line, column
    first = max(0, min(column - width // 2, len(line) - width))
    before, after = "..." if first else "", "..." if first + width < len(line) else ""
    return f"{before}{line[first : first + width]}{after}", column - first + len(before)


class EmptyQueryResultError(UserError, LookupError):
    """A query gave no rows where one was needed; the message names the constraint that empties it."""


class SeveralResultsError(UserError, LookupError):
    """A query gave more than one row where one was needed."""


class PositionError(UserError, ValueError):
    """Text that is no position on the sky, or the name of an object that nobody here knows."""


class StorageClassError(UserError, TypeError):
    """A storage class that is unknown or does not fit the object."""


class FormatError(UserError, ValueError):
    """Bytes that cannot be read as the format, or an object that cannot be written in it."""


class TemplateError(UserError, ValueError):
    """A file template that cannot be used, or a path it would make that is not allowed."""


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


class PipelineError(UserError, ValueError):
    """A pipeline or task definition that cannot be used.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    file, line, others
        Where it was written, where known; shown as a prefix ``file:line:``. More that is wrong, a line each.
    """

    others: tuple[PipelineError, ...] = ()

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, others: Any = ()) -> None:
        super().__init__(message)
        self.file, self.line, self.others = file, line, tuple(others)

    @classmethod
    def together(cls, found: Iterable[PipelineError]) -> PipelineError:
        """Return one error that points at the first finding and lists the others, each once."""
        first, *others = {str(one): one for one in found}.values()
        return cls(str(first.args[0]), file=first.file, line=first.line, others=others)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return "\n".join([f"{place}: {super().__str__()}" if place else super().__str__(), *map(str, self.others)])


class GraphError(UserError, ValueError):
    """A quantum graph that cannot be built, read or used."""


class EmptyGraphError(GraphError):
    """A quantum graph without quanta; the message says which constraint removed them.

    Parameters
    ----------
    runs : tuple of str
        Runs that have done what was asked for.
    count : int
        How many quanta they have done, or how many wait.
    """

    def __init__(self, message: str, *, runs: tuple[str, ...] = (), count: int = 0) -> None:
        super().__init__(message)
        self.runs, self.count = runs, count


class AllDoneError(EmptyGraphError):
    """Nothing is left to run: earlier runs, named in ``runs``, have done all that was asked for."""


class WaitingError(EmptyGraphError):
    """All that is left to run waits for inputs that are not there yet; the same command goes on when they are."""


class RunError(UserError):
    """A run did not complete; the message counts what failed."""


class DatabaseBusyError(ButlerError, TimeoutError):
    """Other writers kept the database longer than the time limit."""


class DatabaseDamagedError(ButlerError, OSError):
    """The database file is truncated, damaged, or of a format that this version cannot read."""


class DatabaseUnavailableError(ButlerError, ConnectionError):
    """The database server does not answer, went away, or has no room left."""


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


class QuantumError(ButlerError):
    """A quantum that could not be carried out."""


class TaskFailedError(QuantumError):
    """A task raised, died or hung."""

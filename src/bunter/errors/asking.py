"""Errors of those who ask for datasets, or change what is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.errors.root import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "CalibrationLookupError",
    "CollectionCycleError",
    "CollectionInUseError",
    "CollectionTypeError",
    "ConflictingDatasetError",
    "ConflictingDefinitionError",
    "DataIdError",
    "DatasetNotFoundError",
    "DatasetRemovedError",
    "DimensionNameError",
    "DimensionValueError",
    "EmptyQueryResultError",
    "InconsistentDataIdError",
    "InvalidQueryError",
    "MetadataError",
    "MissingCollectionError",
    "MissingDatasetTypeError",
    "MissingIndexError",
    "MissingMetricError",
    "MissingSnapshotError",
    "OrphanedRecordError",
    "PositionError",
    "SeveralResultsError",
    "SubscriptionError",
    "TransferConflictError",
    "UndoError",
]


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


class CalibrationLookupError(DatasetNotFoundError):
    """No calibration, or more than one, is valid for the time asked for."""


class UndoError(UserError, LookupError):
    """A removal cannot be undone: nothing, or not all, of it is kept any more."""


class SubscriptionError(UserError, ValueError):
    """A subscription to events cannot be: its name, its kinds, its target; or there is none of that name."""


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


class MissingMetricError(UserError, LookupError):
    """No dataset has a metric of this name."""


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

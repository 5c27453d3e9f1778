"""Changes to dimension records that are there, as values; new ones come by `bunter.dataset.changes.InsertRecords`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["RemoveRecords", "UpdateRecords"]


@dataclass(frozen=True, slots=True)
class UpdateRecords:
    """Give some fields of records that are there new values; a record that is not there is an error.

    Parameters
    ----------
    element : str
        What they are records of.
    columns : mapping of str to sequence
        Values of the required dimensions, which say which records, and of the fields to change, named and encoded as
        in `bunter.dimensions.Records`.
    """

    element: str
    columns: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class RemoveRecords:
    """Remove records, and those of combinations that travel with them; an error where anything else refers to them.

    Parameters
    ----------
    element : str
        What they are records of.
    columns : mapping of str to sequence
        Values of the required dimensions; those that are not there are no error.
    """

    element: str
    columns: Mapping[str, Sequence[Any]]

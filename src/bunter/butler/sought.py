"""What a look-up by data ID looks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bunter.dataset import DatasetType
    from bunter.dimensions import DataCoordinate
    from bunter.values import Timespan

__all__ = ["Sought"]


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for.

    Parameters
    ----------
    kind : DatasetType
        Its type.
    data_id : DataCoordinate
        Its data ID.
    timespan : Timespan, optional
        When a calibration must be valid; None for any time.
    doubt : str
        What may be wrong with the question.
    """

    kind: DatasetType
    data_id: DataCoordinate
    timespan: Timespan | None = None
    doubt: str = ""

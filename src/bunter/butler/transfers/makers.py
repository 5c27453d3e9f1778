"""Who made the datasets of a parcel, as tables of an export and as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset.annotations import ActivitiesOf, MakersOf
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from bunter.butler.session import Session

__all__ = ["ACTIVITY_NAMES", "activity_schema", "maker_schema", "makers_in"]

ACTIVITY_NAMES = (
    "id",
    "kind",
    "label",
    "began",
    "ended",
    "outcome",
    "user",
    "host",
    "process",
    "code",
    "command",
    "facts",
)
_WHOLE = {"began", "ended", "process"}


def makers_in(
    session: Session, ids: Sequence[bytes], told: set[bytes]
) -> tuple[list[tuple[bytes, bytes]], list[tuple[object, ...]]]:
    """Return dataset and activity ids, and the activities that were not told of before."""
    repository, principal = session.repository, session.principal
    table = repository.answer(principal, MakersOf(ids))
    rows: list[tuple[bytes, bytes]] = list(zip(table["id"].to_pylist(), table["activity"].to_pylist(), strict=True))
    new = sorted({activity for _, activity in rows} - told)
    if not new:
        return rows, []
    told.update(new)
    found = repository.answer(principal, ActivitiesOf(new))
    activities: list[tuple[Any, ...]] = list(zip(*(found[name].to_pylist() for name in ACTIVITY_NAMES), strict=True))
    return rows, activities


def maker_schema() -> pa.Schema:
    """Columns of the table of makers."""
    pa = pyarrow()
    return pa.schema([("id", pa.binary(16)), ("activity", pa.binary(16))])


def activity_schema() -> pa.Schema:
    """Columns of the table of activities."""
    pa = pyarrow()
    kinds = {name: pa.int64() if name in _WHOLE else pa.string() for name in ACTIVITY_NAMES} | {"id": pa.binary(16)}
    return pa.schema(list(kinds.items()))

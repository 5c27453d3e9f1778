"""What a decertification would cut, told before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import CollectionType
from bunter.errors import CollectionTypeError
from bunter.values import Timespan

if TYPE_CHECKING:
    from bunter.butler.facade import Butler

__all__ = ["affected"]


def affected(
    butler: Butler, collection: str, dataset_type: str, timespan: Timespan, *, where: str = ""
) -> list[tuple[dict[str, object], Timespan, tuple[Timespan, ...]]]:
    """Return what decertifying a time would cut.

    Parameters
    ----------
    butler : Butler
        The repository.
    collection : str
        CALIBRATION collection.
    dataset_type : str
        Type of the calibrations.
    timespan : Timespan
        The time.
    where : str
        Only data IDs of which a dataset satisfies this expression.

    Returns
    -------
    list of tuple
        Data ID (required dimensions), validity range, and what would be left of it: none, one or two timespans.
    """
    info = butler.collections.info(collection)
    if info.type is not CollectionType.CALIBRATION:
        raise CollectionTypeError(f"{collection!r} is a {info.type.name} collection; only CALIBRATION ones have ranges")
    keys = butler.dataset_types.get(dataset_type).dimensions.required
    rows = butler.calibrations(dataset_type, collection).to_pylist()
    chosen = None
    if where:
        found = butler.query_datasets(dataset_type, collection, find_first=False, where=where)
        chosen = {ref.data_id.required_values for ref in found}
    answer = []
    for row in rows:
        data_id = {key: row[key] for key in keys}
        span = Timespan.from_bounds(row["timespan_begin"], row["timespan_end"])
        if span.overlaps(timespan) and (chosen is None or tuple(data_id.values()) in chosen):
            answer.append((data_id, span, span.difference(timespan)))
    return answer

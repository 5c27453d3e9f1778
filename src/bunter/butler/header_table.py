"""Chosen header cards of many datasets as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bunter.dataset.header import card_key
from bunter.errors import MetadataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from astropy.table import Table

    from bunter.dataset import DatasetRef

__all__ = ["header_table"]


def header_table(
    refs: Sequence[DatasetRef],
    cards: Sequence[str],
    values: Callable[[Sequence[bytes], Sequence[str]], Mapping[bytes, Sequence[str | None]]],
) -> Table:
    """Return data-ID values and cards of datasets.

    Parameters
    ----------
    refs : sequence of DatasetRef
        Datasets of the same dimensions.
    cards : sequence of str
        Names of cards.
    values : callable
        Returns the JSON text of each card, None where there is none, by dataset id.

    Raises
    ------
    MetadataError
        If datasets have different dimensions.
    """
    from astropy.table import Table

    if len({ref.dimensions for ref in refs}) > 1:
        raise MetadataError("headers of datasets of different dimensions do not fit into one table; ask for each type")
    keys = refs[0].dimensions.required if refs else ()
    columns: dict[str, Any] = {
        name: [ref.data_id.required_values[place] for ref in refs] for place, name in enumerate(keys)
    }
    found = values([ref.id.bytes for ref in refs], [card_key(card) for card in cards])
    none: Sequence[str | None] = [None] * len(cards)
    rows = [found.get(ref.id.bytes, none) for ref in refs]
    for place, card in enumerate(cards):
        columns[card] = _column([None if row[place] is None else json.loads(row[place]) for row in rows])  # type: ignore[arg-type]
    return Table(columns) if refs else Table(names=[*keys, *cards])


def _column(values: list[Any]) -> Any:
    """Values of one type as such, whole numbers among others as these, mixed ones as objects; masked where there are none."""
    import numpy as np

    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        kinds = {float}
    kind = next(iter(kinds)) if len(kinds) == 1 else object
    if kind is object:
        return np.ma.array(values, mask=[value is None for value in values], dtype=object)
    filled = [kind() if value is None else value for value in values]
    mask = [value is None for value in values]
    array = np.array(filled, dtype=None if kind is str else kind)
    return np.ma.array(array, mask=mask) if any(mask) else array

"""The ids of datasets that a caller has chosen, without a reference in memory for each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.butler.results import DatasetResults
from bunter.values.arrow import bytes_in
from bunter.values.packed_ids import PackedIds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.dataset import DatasetRef

__all__ = ["chosen_ids"]


def chosen_ids(refs: Iterable[DatasetRef] | PackedIds) -> PackedIds:
    """Return the ids of datasets in their order; those of a question are read as columns.

    Parameters
    ----------
    refs : iterable of DatasetRef, or PackedIds
        References, the results of a query, or ids that are returned as they are.
    """
    if isinstance(refs, PackedIds):
        return refs
    if not isinstance(refs, DatasetResults):
        return PackedIds.of(ref.id.bytes for ref in refs)
    packed = bytearray()
    for batch in refs.ask(replace(refs.question, with_records=False)).to_reader():
        packed += bytes_in(batch.column("id"))
    return PackedIds(packed)

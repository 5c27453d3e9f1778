"""Datasets that somebody has chosen, packed as columns: some 30 bytes each, where references take 600."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from bunter.butler.results import DatasetResults
from bunter.butler.transfers.dataset_rows import by_run
from bunter.dataset import DatasetColumns, DatasetRef
from bunter.errors import MissingDatasetTypeError
from bunter.values import pyarrow
from bunter.values.arrow import bytes_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from bunter.dataset import DatasetType

    _Part = tuple[DatasetType, pa.RecordBatch]

__all__ = ["PackedDatasets"]

_ROWS = 5000
"""Datasets that are packed, and unpacked, together."""


class PackedDatasets:
    """Chosen datasets, each once; they are walked through as often as one likes.

    Parameters
    ----------
    parts : sequence of (DatasetType, RecordBatch)
        At most some thousand datasets of one type each, with the columns ``id``, ``run``, and the required dimensions.
    """

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = _once(parts)

    @classmethod
    def of(cls, datasets: Iterable[DatasetRef]) -> PackedDatasets:
        """Pack datasets; of a question whose rows nobody has read yet no reference is made.

        Raises
        ------
        MissingDatasetTypeError
            If anything else is among them.
        """
        if isinstance(datasets, PackedDatasets):
            return datasets
        if isinstance(datasets, DatasetResults):
            return cls.of_results([datasets])
        return cls(list(_parts_of_refs(iter(datasets))))

    @classmethod
    def of_results(cls, results: Iterable[DatasetResults]) -> PackedDatasets:
        """Pack the rows of questions, one after the other."""
        return cls([part for each in results for part in _parts_of_results(each)])

    def first(self, count: int) -> PackedDatasets:
        """Return the first so many."""
        parts = []
        for kind, batch in self._parts:
            if count > 0:
                parts.append((kind, batch.slice(0, count)))
            count -= batch.num_rows
        return PackedDatasets(parts)

    def columns(self) -> Iterator[list[DatasetColumns]]:
        """Unpack the datasets, some thousand at a time, by type and run."""
        for kind, batch in self._parts:
            columns = [_plain(column) for column in batch.columns]
            yield by_run(kind, pyarrow().RecordBatch.from_arrays(columns, batch.schema.names))

    def __iter__(self) -> Iterator[DatasetRef]:
        return (ref for some in self.columns() for columns in some for ref in columns.refs())

    def __len__(self) -> int:
        return sum(batch.num_rows for _, batch in self._parts)


def _parts_of_refs(refs: Iterator[DatasetRef]) -> Iterator[_Part]:
    while some := list(islice(refs, _ROWS)):
        if strange := [each for each in some if not isinstance(each, DatasetRef)]:
            raise MissingDatasetTypeError(
                f"datasets are given as refs, such as butler.query_datasets('calexp'), not as {strange[0]!r}"
            )
        kinds: dict[str, list[DatasetColumns]] = {}
        for columns in DatasetColumns.from_refs(some):
            kinds.setdefault(columns.dataset_type.name, []).append(columns)
        yield from ((each[0].dataset_type, _batch_of_columns(each)) for each in kinds.values())


def _batch_of_columns(alike: Sequence[DatasetColumns]) -> pa.RecordBatch:
    """Pack datasets of one type."""
    pa = pyarrow()
    group = alike[0].dataset_type.dimensions
    arrays: dict[str, Any] = {
        "id": pa.array([id_ for each in alike for id_ in each.ids], pa.binary(16)),
        "run": pa.array([each.run for each in alike for _ in each.ids], pa.string()),
    }
    for name in group.required:
        kind = pa.int64() if group.universe.key_column(name).kind == "int" else pa.string()
        arrays[name] = pa.array([value for each in alike for value in each.values[name]], kind)
    return _packed(list(arrays.values()), list(arrays))


def _parts_of_results(results: DatasetResults) -> Iterator[_Part]:
    kind: DatasetType = results.question.result  # type: ignore[assignment]
    names = ["id", "run", *kind.dimensions.required]
    for batch in results.to_reader():
        for begin in range(0, batch.num_rows, _ROWS):
            some = batch.slice(begin, _ROWS)
            yield kind, _packed([_copied(some.column(name)) for name in names], names)


def _packed(columns: Sequence[Any], names: Sequence[str]) -> pa.RecordBatch:
    """Write texts that come again and again once."""
    pa = pyarrow()
    return pa.RecordBatch.from_arrays(
        [column.dictionary_encode() if pa.types.is_string(column.type) else column for column in columns], names
    )


def _copied(column: Any) -> Any:
    """Copy part of a column, which would keep the whole."""
    pa = pyarrow()
    return column if pa.types.is_string(column.type) else pa.concat_arrays([column, column.slice(0, 0)])


def _plain(column: Any) -> Any:
    return column.dictionary_decode() if pyarrow().types.is_dictionary(column.type) else column


def _once(parts: Sequence[_Part]) -> list[_Part]:
    """Leave out datasets that come again."""
    import numpy as np

    held = [np.frombuffer(bytes_in(batch.column("id")), "S16") for _, batch in parts if batch.num_rows]
    if not held:
        return []
    ids = np.concatenate(held)
    _, places = np.unique(ids, return_index=True)
    if len(places) == len(ids):
        return [part for part in parts if part[1].num_rows]
    wanted = np.zeros(len(ids), bool)
    wanted[places] = True
    left, begin = [], 0
    for kind, batch in parts:
        end = begin + batch.num_rows
        if (kept := batch.filter(pyarrow().array(wanted[begin:end]))).num_rows:
            left.append((kind, kept))
        begin = end
    return left

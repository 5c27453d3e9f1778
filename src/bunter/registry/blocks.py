"""Rows fetched as columns: those that agree in their leading keys come as one block, their ids joined to one value.

A driver makes a tuple of each row and an object of each value in it, which costs more than to find them. A block of a
hundred rows is one tuple, and what differs between its rows is read by NumPy and Arrow at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from bunter.registry.join import projected
from bunter.registry.spread import Spread, taken_together
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

    from bunter.database import Connection, Dialect

    Block = tuple[Any, ...]

__all__ = ["BlockShape", "Blocks"]

_BATCH_ROWS = 1 << 15
_BATCH_BLOCKS = 16
_ID_SIZE = 16
_REMEMBERED, _REMEMBERED_LENGTH = 64, 1 << 16


@dataclass(frozen=True, slots=True)
class BlockShape:
    """What a block has.

    Parameters
    ----------
    shared : dict of str to str
        SQL of the columns that are the same in all rows of a block.
    numbers : dict of str to str
        SQL of the columns of whole numbers, never null, that differ between its rows.
    ids : tuple of str, str
        Name and SQL of the column of ids, which differ as well.
    """

    shared: Mapping[str, str]
    numbers: Mapping[str, str]
    ids: tuple[str, str]

    def select(self, dialect: Dialect, source: str) -> str:
        """Return the statement for blocks of a source (FROM and WHERE)."""
        joined = {name: dialect.joined_numbers(sql) for name, sql in self.numbers.items()}
        joined[self.ids[0]] = dialect.joined_ids(self.ids[1])
        return f"SELECT {projected({**self.shared, **joined})} {source} GROUP BY {', '.join(self.shared.values())}"


class Blocks:
    """Makes columns of blocks.

    Parameters
    ----------
    shape : BlockShape
        What the blocks have.
    rank : mapping of int to int, optional
        Place of each run in the order of search. Of rows that agree in everything but run and id, only that of the first run
        then counts; the shape's first column is the run, its numbers are the last of the keys, and blocks of equal keys
        come together.
    """

    def __init__(self, shape: BlockShape, rank: Mapping[int, int] | None = None) -> None:
        self.shape = shape
        self._rank = rank
        self._numbers: dict[str, np.ndarray] = {}

    def batches(self, connection: Connection, sql: str, parameters: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        """Yield the columns of many blocks at a time: spread, NumPy's int64, and Arrow's binary(16) for ids."""
        blocks: Iterator[Block] = chain.from_iterable(connection.stream(sql, parameters, _BATCH_BLOCKS))
        held: list[Block] = []
        size = 0
        for _, group in groupby(blocks, self._keys):
            together = self._unshadowed(list(group))
            held += together
            size += sum(len(block[-1]) for block in together)
            if size >= _BATCH_ROWS * _ID_SIZE:
                yield self.columns(held)
                held, size = [], 0
        if held:
            yield self.columns(held)

    def columns(self, blocks: Sequence[Block]) -> dict[str, Any]:
        """Return the columns of some blocks; those with equal keys are all among them."""
        import numpy as np

        *values, ids = zip(*blocks, strict=True)
        lengths = [len(each) // _ID_SIZE for each in ids]
        places = np.repeat(np.arange(len(blocks), dtype=np.int32), lengths)
        columns: dict[str, Any] = {name: Spread(list(values[n]), places) for n, name in enumerate(self.shape.shared)}
        for name, texts in zip(self.shape.numbers, values[len(columns) :], strict=True):
            columns[name] = np.concatenate(list(map(self._parsed, texts)))
            assert len(columns[name]) == len(places), "each row has an id and a number"
        columns[self.shape.ids[0]] = _ids(b"".join(ids))
        return columns if self._rank is None else self._firsts(blocks, columns, places)

    def _keys(self, block: Block) -> Block:
        return block[1 : len(self.shape.shared)]

    def _unshadowed(self, alike: list[Block]) -> list[Block]:
        """Sort blocks of equal keys by the order of search, without those that have the same rows as one before them."""
        rank = self._rank
        if rank is None or len(alike) == 1:
            return alike
        found: dict[str, Block] = {}
        for block in sorted(alike, key=lambda block: rank[block[0]]):
            found.setdefault(block[-2], block)
        return list(found.values())

    def _firsts(self, blocks: Sequence[Block], columns: dict[str, Any], places: np.ndarray) -> dict[str, Any]:
        """Keep the first of rows with equal keys."""
        import numpy as np

        sizes = [len(list(alike)) for _, alike in groupby(blocks, self._keys)]
        if max(sizes) == 1:
            return columns
        group = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[places]
        (number,) = (columns[name] for name in self.shape.numbers)
        order = np.lexsort((number, group))  # which leaves equal ones in their order
        group, number = group[order], number[order]
        first = np.ones(len(order), bool)
        first[1:] = (group[1:] != group[:-1]) | (number[1:] != number[:-1])
        return taken_together(columns, np.sort(order[first]))

    def _parsed(self, text: str) -> np.ndarray:
        """Return the numbers of a text, which are often those of another block: all detectors of a camera."""
        import numpy as np

        found = self._numbers.get(text)
        if found is None:
            found = np.fromstring(text, np.int64, sep=",")
            if len(self._numbers) < _REMEMBERED and len(text) < _REMEMBERED_LENGTH:
                self._numbers[text] = found
        return found


def _ids(joined: bytes) -> Any:
    pa = pyarrow()
    return pa.Array.from_buffers(pa.binary(_ID_SIZE), len(joined) // _ID_SIZE, [None, pa.py_buffer(joined)])

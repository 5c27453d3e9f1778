"""The lots of one ingest: the first in memory, the others in a file without a name, as often as they are wanted."""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from bunter import effects
from bunter.butler.file_lot import FileLot, staged_from_bytes, staged_to_bytes
from bunter.butler.staged_lots import StagedLots
from bunter.dataset.changes import ChangesAsRead
from bunter.values.rows import unhindered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.dataset import DatasetType
    from bunter.dataset.changes import Change
    from bunter.datastore import Staged

__all__ = ["LOT_FILES", "FileLots"]

LOT_FILES = 5000
"""Files that are staged, and registered, by one step of an ingest."""

_IN_MEMORY = 2
"""Lots that are kept in memory: little is written to no file."""


class _Place(NamedTuple):
    """A lot in the file: where it begins, the bytes of the staged and of the rest, and whether any are to be published."""

    begin: int
    staged_bytes: int
    rest_bytes: int
    is_ours: bool


class FileLots:
    """Files of an ingest, staged lot by lot, to be published and registered together."""

    def __init__(self) -> None:
        self._first: list[tuple[list[Change], Sequence[Staged]]] = []
        self._places: list[_Place] = []
        self._types: dict[str, DatasetType] = {}
        self._file: BinaryIO | None = None

    def __len__(self) -> int:
        return len(self._first) + len(self._places)

    def add(self, lot: FileLot, staged: Sequence[Staged]) -> None:
        """Take files in, which are staged so."""
        if len(self._first) < _IN_MEMORY:
            self._first.append((lot.changes(staged), staged))
        else:
            self._write(lot, staged)

    def _write(self, lot: FileLot, staged: Sequence[Staged]) -> None:
        if self._file is None:
            self._file = effects.nameless_file()
            weakref.finalize(self, _close, self._file)
        self._types |= {each.dataset_type.name: each.dataset_type for each in lot.datasets}
        artifacts, rest = staged_to_bytes(staged), lot.to_bytes()
        begin = self._file.seek(0, os.SEEK_END)
        self._file.write(artifacts)
        self._file.write(rest)
        self._file.flush()  # a full disk is found now
        self._places.append(_Place(begin, len(artifacts), len(rest), any(item.owner for item in staged)))

    @property
    def changes(self) -> list[Change]:
        """What registers the files; those of lots that are written down are read as they are applied."""
        first = [change for changes, _ in self._first for change in changes]
        return [*first, ChangesAsRead(self._read)] if self._places else first

    def _read(self) -> Iterator[Change]:
        for place in self._places:
            with unhindered():  # others wait meanwhile
                staged = self._staged_at(place)
                rest = self._content(place.begin + place.staged_bytes, place.rest_bytes)
                changes = FileLot.from_bytes(rest, self._types).changes(staged)
            yield from changes

    @property
    def staged(self) -> Sequence[Staged] | StagedLots:
        """The artifacts, as far as there is anything to publish."""
        return StagedLots(self._staged) if self._places else [item for _, staged in self._first for item in staged]

    def _staged(self) -> Iterator[Sequence[Staged]]:
        for _, staged in self._first:
            yield staged
        for place in self._places:
            if place.is_ours:
                yield self._staged_at(place)

    def _staged_at(self, place: _Place) -> list[Staged]:
        return staged_from_bytes(self._content(place.begin, place.staged_bytes))

    def _content(self, begin: int, size: int) -> bytes:
        assert self._file is not None, "there is a file where there are places in it"
        self._file.seek(begin)
        return self._file.read(size)


def _close(file: BinaryIO) -> None:
    with suppress(OSError):  # what a full disk has not taken is not wanted any more
        file.close()

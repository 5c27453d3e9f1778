"""A zip archive written member by member: its directory waits in a file, so that memory does not grow with their number."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, Self

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["ZipWriter"]

_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s4B4H3L5H2L")
_SIZES = struct.Struct("<2H2Q")
_PLACE = struct.Struct("<2H3Q")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_VERSION = 45  # that has sizes of 64 bits
_UNIX = 3
_UTF8 = 0x800
_STORED = 0
_TIME, _DATE = 0, 1 << 5 | 1  # 1980-01-01: equal content gives equal files
_FULL, _FULL_SHORT = 0xFFFFFFFF, 0xFFFF
_READABLE = 0o600 << 16


class ZipWriter:
    """Writes an archive whose members are stored as they are; use it as a context, whose end without an error completes it.

    Parameters
    ----------
    file : BinaryIO
        Empty, to be written and sought in.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._directory = effects.nameless_file()
        self._number = 0

    def add(self, name: str, pieces: Iterable[bytes | memoryview]) -> None:
        """Write a member; the caller gives each name once."""
        file, raw = self._file, name.encode()
        begin, size, crc = file.tell(), 0, 0
        file.write(_local(raw, 0, 0))
        for piece in pieces:
            file.write(piece)
            size, crc = size + len(piece), zlib.crc32(piece, crc)
        end = file.tell()
        file.seek(begin)
        file.write(_local(raw, size, crc))
        file.seek(end)
        self._directory.write(_entry(raw, size, crc, begin))
        self._number += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._directory:
            if kind is None:
                self._complete()

    def _complete(self) -> None:
        file, directory = self._file, self._directory
        begin = file.tell()
        directory.seek(0)
        while piece := directory.read(effects.CHUNK):
            file.write(piece)
        end = file.tell()
        number, size = self._number, end - begin
        file.write(_END64.pack(b"PK\6\6", _END64.size - 12, _VERSION, _VERSION, 0, 0, number, number, size, begin))
        file.write(_LOCATOR.pack(b"PK\6\7", 0, end, 1))
        few = min(number, _FULL_SHORT)
        file.write(_END.pack(b"PK\5\6", 0, 0, few, few, min(size, _FULL), min(begin, _FULL), 0))


def _local(name: bytes, size: int, crc: int) -> bytes:
    """Return what stands before a member."""
    sizes = _SIZES.pack(1, _SIZES.size - 4, size, size)
    head = (b"PK\3\4", _VERSION, _UTF8, _STORED, _TIME, _DATE, crc, _FULL, _FULL, len(name), len(sizes))
    return _LOCAL.pack(*head) + name + sizes


def _entry(name: bytes, size: int, crc: int, begin: int) -> bytes:
    """Return what the directory says of a member."""
    place = _PLACE.pack(1, _PLACE.size - 4, size, size, begin)
    made = _VERSION, _UNIX, _VERSION, 0
    about = _UTF8, _STORED, _TIME, _DATE, crc, _FULL, _FULL
    return _ENTRY.pack(b"PK\1\2", *made, *about, len(name), len(place), 0, 0, 0, _READABLE, _FULL) + name + place

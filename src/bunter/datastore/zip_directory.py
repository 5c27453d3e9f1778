"""The directory of a zip archive, read in pieces: what is kept of it are 16 bytes for each member."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from bunter.errors import FormatError, KeyMissingError
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.datastore.store import ArtifactStore

__all__ = ["Member", "ZipDirectory"]

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LONGEST_COMMENT = 0xFFFF
_FULL, _FULL_SHORT = 0xFFFFFFFF, 0xFFFF
_UTF8 = 0x800
_PIECE = 4 << 20
_WHOLE = 8 << 20
_NEAR = 64 << 10
_LONGEST_ENTRY = _ENTRY.size + 3 * 0xFFFF
_MOST_MEMBERS = 10_000_000


class Member(NamedTuple):
    """What the directory says of a member: sizes in bytes, checksum, place of its own header, way of packing, flags."""

    name: str
    size: int
    packed: int
    begin: int
    crc: int
    attributes: int
    method: int
    flags: int


@dataclass(frozen=True, slots=True)
class _Span:
    """Where the entries lie, how many there are, and by how much all places in the archive are off."""

    begin: int
    size: int
    number: int
    shift: int


class ZipDirectory:
    """Finds members by name; a small directory is kept, of a large one the piece that is needed is read again.

    Of several members of one name the last one counts. Nothing in it is trusted: what contradicts itself is refused.

    Parameters
    ----------
    store : ArtifactStore
        Where the archive is.
    key : str
        Its key.

    Raises
    ------
    FormatError
        If it is no zip archive, or one of several parts, or its directory is cut or damaged.
    KeyMissingError
        If there is none.
    """

    def __init__(self, store: ArtifactStore, key: str) -> None:
        self._store, self._key = store, key
        found = store.stat_many([key])[0]
        if found is None:
            raise KeyMissingError(f"the archive {key} is gone")
        self._file_size = found.size
        self._span = self._found()
        self._kept = self._bytes(self._span.begin, self._span.size) if self._span.size <= _WHOLE else None
        self._piece = lru_cache(maxsize=8)(self._read_piece)
        self._hashes, self._places = self._index()

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Member]:
        """Walk through the members in the order of the archive; folders are left out."""
        return (member for _, member in self._entries() if member.name[-1:] != "/")

    def find(self, name: str) -> Member | None:
        """Return the member of a name, None if there is none."""
        import numpy as np

        wanted = _hash(name)
        first = int(np.searchsorted(self._hashes, wanted, "left"))
        last = int(np.searchsorted(self._hashes, wanted, "right"))
        for place in sorted(map(int, self._places[first:last]), reverse=True):
            member, _ = self._entry(self._at(place), 0)
            if member.name == name:
                return member
        return None

    # ------------------------------------------------------------------ reading

    def _bytes(self, begin: int, size: int) -> bytes:
        if begin < 0 or size < 0 or begin + size > self._file_size:
            raise self._damaged("its directory is not where its end says")
        return bytes(self._store.read(self._key, [ByteRange(begin, size)])[0]) if size else b""

    def _read_piece(self, number: int) -> bytes:
        begin = number * _NEAR
        return self._bytes(self._span.begin + begin, min(_NEAR + _LONGEST_ENTRY, self._span.size - begin))

    def _at(self, place: int) -> memoryview:
        """Return the directory from a place on, at least one entry of it."""
        if self._kept is not None:
            return memoryview(self._kept)[place:]
        return memoryview(self._piece(place // _NEAR))[place % _NEAR :]

    def _damaged(self, why: str) -> FormatError:
        return FormatError(f"{self._key} is no zip archive that can be read: {why}")

    def _found(self) -> _Span:
        """Find the directory by the end of the archive."""
        size = min(self._file_size, _END.size + _LONGEST_COMMENT)
        tail_begin = self._file_size - size
        tail = self._bytes(tail_begin, size)
        place = tail.rfind(b"PK\5\6")
        while place >= 0 and place + _END.size + _comment(tail, place) > len(tail):
            place = tail.rfind(b"PK\5\6", 0, place)
        if place < 0:
            raise self._damaged("it has no directory at its end")
        end = tail_begin + place
        _, disk, disks, here, number, length, offset, _ = _END.unpack_from(tail, place)
        if end >= _LOCATOR.size:
            signature, _, at, total = _LOCATOR.unpack(self._bytes(end - _LOCATOR.size, _LOCATOR.size))
            if signature == b"PK\6\7":
                end, disk, disks, here, number, length, offset = self._large(end, at, total)
        if disk or disks or here != number:
            raise self._damaged("it is one of several parts")
        if number > _MOST_MEMBERS:
            raise FormatError(f"{self._key} has more than {_MOST_MEMBERS} members")
        begin = end - length
        if begin < 0 or begin < offset:
            raise self._damaged("its directory is longer than the archive")
        return _Span(begin, length, number, begin - offset)

    def _large(self, end: int, at: int, total: int) -> tuple[int, ...]:
        """Read the end of an archive of many or large members (ZIP64), which lies just before its locator."""
        place = end - _LOCATOR.size - _END64.size
        if total > 1 or place < 0:
            raise self._damaged("it is one of several parts")
        for each in (place, at):  # what was put before an archive moves it
            if 0 <= each <= place:
                fields = _END64.unpack(self._bytes(each, _END64.size))
                if fields[0] == b"PK\6\6":
                    _, _, _, _, disk, disks, here, number, length, offset = fields
                    return each, disk, disks, here, number, length, offset
        raise self._damaged("its end names another end that is not there")

    # ------------------------------------------------------------------ entries

    def _index(self) -> tuple[Any, Any]:
        """Return the hashes of all names, ascending, and where their entries are."""
        import numpy as np

        hashes, places = array("Q"), array("Q")
        for place, member in self._entries():
            if member.name[-1:] != "/":
                hashes.append(_hash(member.name))
                places.append(place)
        order = np.argsort(np.frombuffer(hashes, np.uint64), kind="stable")
        return np.frombuffer(hashes, np.uint64)[order], np.frombuffer(places, np.uint64)[order]

    def _entries(self) -> Iterator[tuple[int, Member]]:
        """Yield all entries with their places."""
        span, number = self._span, 0
        begin, held, place = 0, b"", 0  # where the bytes held begin in the directory, and how far we are in them
        while begin + place < span.size:
            if len(held) - place < _LONGEST_ENTRY and begin + len(held) < span.size:
                begin, place = begin + place, 0
                held = self._part(begin)
            member, length = self._entry(memoryview(held), place)
            yield begin + place, member
            place += length
            number += 1
        if number != span.number:
            raise self._damaged(f"its directory has {number} entries and not {span.number}")

    def _part(self, begin: int) -> bytes:
        size = min(_PIECE, self._span.size - begin)
        return (
            self._kept[begin : begin + size] if self._kept is not None else self._bytes(self._span.begin + begin, size)
        )

    def _entry(self, held: memoryview, place: int) -> tuple[Member, int]:
        """Return the entry at a place, and its length."""
        if len(held) - place < _ENTRY.size:
            raise self._damaged("its directory is cut")
        fields = _ENTRY.unpack_from(held, place)
        (
            signature,
            _,
            _,
            flags,
            method,
            _,
            _,
            crc,
            packed,
            size,
            names,
            extras,
            comments,
            disk,
            _,
            attributes,
            offset,
        ) = fields
        first = place + _ENTRY.size
        last = first + names + extras + comments
        if signature != b"PK\1\2" or last > len(held):
            raise self._damaged("its directory is damaged")
        if _FULL in {size, packed, offset} or disk == _FULL_SHORT:
            extra = bytes(held[first + names : first + names + extras])
            size, packed, offset = self._wide(extra, size, packed, offset)
        try:
            name = str(held[first : first + names], "utf-8" if flags & _UTF8 else "cp437")
        except UnicodeDecodeError as exc:
            raise self._damaged("a name in its directory is no text") from exc
        begin = offset + self._span.shift
        if begin + packed > self._file_size:
            raise self._damaged(f"its member {name!r} would end behind the archive")
        return Member(name, size, packed, begin, crc, attributes, method, flags), last - place

    def _wide(self, extra: bytes, *numbers: int) -> list[int]:
        """Take the numbers that do not fit into 32 bits from where they are kept."""
        place = 0
        while place + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, place)
            if kind == 1:
                held = extra[place + 4 : place + 4 + length]
                wide = iter(struct.unpack(f"<{len(held) // 8}Q", held[: len(held) // 8 * 8]))
                try:
                    return [next(wide) if number == _FULL else number for number in numbers]
                except StopIteration:
                    raise self._damaged("a size in its directory is missing") from None
            place += 4 + length
        return list(numbers)


def _comment(tail: bytes, place: int) -> int:
    return int.from_bytes(tail[place + 20 : place + 22], "little") if place + 22 <= len(tail) else _LONGEST_COMMENT + 1


def _hash(name: str) -> int:
    import xxhash

    return int(xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")))

"""Members of a zip archive as artifacts, read in place: nothing is unpacked, and nothing in it is trusted."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.datastore.direct import DirectFiles
from bunter.datastore.key import check_key
from bunter.datastore.ranged import RangedFile
from bunter.datastore.store import Stat
from bunter.errors import FileIntegrityError, FormatError, KeyMissingError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.datastore.store import ArtifactStore
    from bunter.values import ByteRange

__all__ = ["ZipMembers"]

_CHUNK = 4 << 20
_MOST_RATIO = 200
_SMALL = 1 << 20
_MOST_MEMBERS = 10_000_000
_LINK = 0o120000
_FACTS = ("file_size", "compress_size", "header_offset", "CRC", "external_attr", "compress_type", "flag_bits")
_PACKED = struct.Struct("<QQqIIHH")  # a quarter of what a ZipInfo takes, of which there may be millions


class ZipMembers:
    """An archive's members under their names; for reading.

    A member that is a link, is encrypted, has a name that leads out of a folder, or unfolds to more than 200 times its
    size, is refused before it is read.

    Parameters
    ----------
    store : ArtifactStore
        Where the archive is.
    key : str
        Its key.
    prefix : str
        Only members whose names begin so, without that beginning.
    """

    def __init__(self, store: ArtifactStore, key: str, prefix: str = "") -> None:
        self._store, self._key, self._prefix = store, key, prefix
        self._members: dict[str, bytes] | None = None

    @classmethod
    def of_file(cls, path: str | Path) -> ZipMembers:
        """Use an archive in a file."""
        return cls(DirectFiles(), str(Path(path).absolute()))

    def below(self, folder: str) -> ZipMembers:
        """Return the members of a folder of the archive, by their names below it."""
        found = ZipMembers(self._store, self._key, f"{self._prefix}{folder}/")
        found._members = self._directory()
        return found

    def names(self) -> list[str]:
        """Return the names of all members, in the order of the archive."""
        begin = self._prefix
        return [name.removeprefix(begin) for name in self._directory() if name.startswith(begin)]

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return a whole member, compared with its checksum, or ranges of it; see `ArtifactStore.read`."""
        info = self._info(key)
        if ranges is None:
            return [b"".join(self._pieces(info))]
        if info.compress_type == zipfile.ZIP_STORED:
            begin = self._begin(info)
            from bunter.values import ByteRange

            inside = [ByteRange(begin + r.begin, max(0, min(r.end, info.file_size) - r.begin)) for r in ranges]
            return self._store.read(self._key, inside)
        whole = b"".join(self._pieces(info))
        return [whole[piece.begin : piece.end] for piece in ranges]

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield a whole member in pieces."""
        return self._pieces(self._info(key))

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size of each member, unfolded, and the time of the archive."""
        found = self._store.stat_many([self._key])[0]
        if found is None:
            return [None] * len(keys)
        members = self._directory()
        packed = [members.get(f"{self._prefix}{key}") for key in keys]
        return [None if facts is None else Stat(_PACKED.unpack(facts)[0], found.modified_ns) for facts in packed]

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Refuse: members go with their archive."""
        return {key: PermissionError(f"{key} is a member of an archive") for key in keys}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every member."""
        names = [name for name in self.names() if name.startswith(prefix)]
        for name, stat in zip(names, self.stat_many(names), strict=True):
            if stat is not None:
                yield name, stat

    # ------------------------------------------------------------------ the archive

    def _file(self) -> Any:
        found = self._store.stat_many([self._key])[0]
        if found is None:
            raise KeyMissingError(f"the archive {self._key} is gone")
        return io.BufferedReader(RangedFile(self._store, self._key, found.size), _CHUNK)

    def _directory(self) -> dict[str, bytes]:
        if self._members is None:
            try:
                with self._file() as file, zipfile.ZipFile(file) as archive:
                    self._members = {info.filename: _packed(info) for info in archive.infolist() if not info.is_dir()}
            except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, struct.error) as exc:
                raise FormatError(f"{self._key} is no zip archive that can be read: {exc}") from exc
            if len(self._members) > _MOST_MEMBERS:
                raise FormatError(f"{self._key} has more than {_MOST_MEMBERS} members")
        return self._members

    def _info(self, key: str) -> zipfile.ZipInfo:
        name = f"{self._prefix}{key}"
        packed = self._directory().get(name)
        if packed is None:
            raise KeyMissingError(f"the archive {self._key} has no member {name!r}")
        try:
            check_key(name)
        except TemplateError as exc:
            raise FormatError(f"the archive {self._key} has a member {name!r}, whose name leads elsewhere") from exc
        info = _unpacked(name, packed)
        if (info.external_attr >> 16) & 0o170000 == _LINK or info.flag_bits & 1:
            raise FormatError(f"member {name!r} of {self._key} is a link or encrypted, which is not read")
        if info.file_size > max(_SMALL, _MOST_RATIO * info.compress_size):
            raise FormatError(
                f"member {name!r} of {self._key} unfolds to {info.file_size} bytes from {info.compress_size}, which is not read"
            )
        return info

    def _begin(self, info: zipfile.ZipInfo) -> int:
        """Find where the content of a member begins: behind its own header, whose length the directory does not tell."""
        from bunter.values import ByteRange

        head = self._store.read(self._key, [ByteRange(info.header_offset, 30)])[0]
        if head[:4] != b"PK\x03\x04":
            raise FileIntegrityError(f"member {info.filename!r} of {self._key} is not where the archive says")
        return info.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")

    def _pieces(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        checksum = size = 0
        for piece in self._unfolded(info):
            checksum, size = zlib.crc32(piece, checksum), size + len(piece)
            if size > info.file_size:
                raise FormatError(f"member {info.filename!r} of {self._key} is longer than the archive says")
            yield piece
        if size != info.file_size or checksum != info.CRC:
            raise FileIntegrityError(f"member {info.filename!r} of {self._key} is damaged: its checksum differs")

    def _unfolded(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        if info.compress_type == zipfile.ZIP_STORED:
            yield from self._raw(info)
        elif info.compress_type == zipfile.ZIP_DEFLATED:
            unfold = zlib.decompressobj(-15)
            try:
                for piece in self._raw(info):
                    waiting = piece
                    while waiting:
                        yield unfold.decompress(waiting, _CHUNK)
                        waiting = unfold.unconsumed_tail
                yield unfold.flush()
            except zlib.error as exc:
                raise FileIntegrityError(f"member {info.filename!r} of {self._key} is damaged: {exc}") from exc
        else:
            raise FormatError(f"member {info.filename!r} of {self._key} is packed in a way that is not read")

    def _raw(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        from bunter.values import ByteRange

        begin = self._begin(info)
        for offset in range(0, info.compress_size, _CHUNK):
            yield self._store.read(self._key, [ByteRange(begin + offset, min(_CHUNK, info.compress_size - offset))])[0]


def _packed(info: zipfile.ZipInfo) -> bytes:
    return _PACKED.pack(*(getattr(info, name) for name in _FACTS))


def _unpacked(name: str, packed: bytes) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for fact, value in zip(_FACTS, _PACKED.unpack(packed), strict=True):
        setattr(info, fact, value)
    return info

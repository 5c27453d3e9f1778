"""Members of a zip archive as artifacts, read in place: nothing is unpacked, and nothing in it is trusted."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from bunter.datastore.direct import DirectFiles
from bunter.datastore.key import check_key
from bunter.datastore.store import Stat
from bunter.datastore.zip_directory import ZipDirectory
from bunter.errors import FileIntegrityError, FormatError, KeyMissingError, TemplateError
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.datastore.store import ArtifactStore
    from bunter.datastore.zip_directory import Member

__all__ = ["ZipMembers"]

_CHUNK = 4 << 20
_MOST_RATIO = 200
_SMALL = 1 << 20
_LINK = 0o120000


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
        self._directory: ZipDirectory | None = None

    @classmethod
    def of_file(cls, path: str | Path) -> ZipMembers:
        """Use an archive in a file."""
        return cls(DirectFiles(), str(Path(path).absolute()))

    def below(self, folder: str) -> ZipMembers:
        """Return the members of a folder of the archive, by their names below it."""
        found = ZipMembers(self._store, self._key, f"{self._prefix}{folder}/")
        found._directory = self._found()
        return found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._found().find(f"{self._prefix}{key}") is not None

    def names(self) -> Iterator[str]:
        """Yield the names of all members, in the order of the archive."""
        begin = self._prefix
        return (member.name.removeprefix(begin) for member in self._found() if member.name.startswith(begin))

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return a whole member, compared with its checksum, or ranges of it; see `ArtifactStore.read`."""
        info = self._info(key)
        if ranges is None:
            return [b"".join(self._pieces(info))]
        if info.method == zipfile.ZIP_STORED:
            begin = self._begin(info)
            inside = [ByteRange(begin + r.begin, max(0, min(r.end, info.size) - r.begin)) for r in ranges]
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
        members = (self._found().find(f"{self._prefix}{key}") for key in keys)
        return [None if member is None else Stat(member.size, found.modified_ns) for member in members]

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Refuse: members go with their archive."""
        return {key: PermissionError(f"{key} is a member of an archive") for key in keys}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every member."""
        found, begin = self._store.stat_many([self._key])[0], f"{self._prefix}{prefix}"
        if found is not None:
            members = (member for member in self._found() if member.name.startswith(begin))
            yield from ((each.name.removeprefix(self._prefix), Stat(each.size, found.modified_ns)) for each in members)

    # ------------------------------------------------------------------ the archive

    def _found(self) -> ZipDirectory:
        if self._directory is None:
            self._directory = ZipDirectory(self._store, self._key)
        return self._directory

    def _info(self, key: str) -> Member:
        name = f"{self._prefix}{key}"
        info = self._found().find(name)
        if info is None:
            raise KeyMissingError(f"the archive {self._key} has no member {name!r}")
        try:
            check_key(name)
        except TemplateError as exc:
            raise FormatError(f"the archive {self._key} has a member {name!r}, whose name leads elsewhere") from exc
        if (info.attributes >> 16) & 0o170000 == _LINK or info.flags & 1:
            raise FormatError(f"member {name!r} of {self._key} is a link or encrypted, which is not read")
        if info.size > max(_SMALL, _MOST_RATIO * info.packed):
            raise FormatError(
                f"member {name!r} of {self._key} unfolds to {info.size} bytes from {info.packed}, which is not read"
            )
        return info

    def _begin(self, info: Member) -> int:
        """Find where the content of a member begins: behind its own header, whose length the directory does not tell."""
        head = self._store.read(self._key, [ByteRange(info.begin, 30)])[0]
        if head[:4] != b"PK\x03\x04":
            raise FileIntegrityError(f"member {info.name!r} of {self._key} is not where the archive says")
        return info.begin + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")

    def _pieces(self, info: Member) -> Iterator[bytes]:
        checksum = size = 0
        for piece in self._unfolded(info):
            checksum, size = zlib.crc32(piece, checksum), size + len(piece)
            if size > info.size:
                raise FormatError(f"member {info.name!r} of {self._key} is longer than the archive says")
            yield piece
        if size != info.size or checksum != info.crc:
            raise FileIntegrityError(f"member {info.name!r} of {self._key} is damaged: its checksum differs")

    def _unfolded(self, info: Member) -> Iterator[bytes]:
        if info.method == zipfile.ZIP_STORED:
            yield from self._raw(info)
        elif info.method == zipfile.ZIP_DEFLATED:
            unfold = zlib.decompressobj(-15)
            try:
                for piece in self._raw(info):
                    waiting = piece
                    while waiting:
                        yield unfold.decompress(waiting, _CHUNK)
                        waiting = unfold.unconsumed_tail
                yield unfold.flush()
            except zlib.error as exc:
                raise FileIntegrityError(f"member {info.name!r} of {self._key} is damaged: {exc}") from exc
        else:
            raise FormatError(f"member {info.name!r} of {self._key} is packed in a way that is not read")

    def _raw(self, info: Member) -> Iterator[bytes]:
        begin = self._begin(info)
        for offset in range(0, info.packed, _CHUNK):
            yield self._store.read(self._key, [ByteRange(begin + offset, min(_CHUNK, info.packed - offset))])[0]

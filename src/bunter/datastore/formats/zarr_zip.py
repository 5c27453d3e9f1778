"""Zarr in one zip file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from bunter.datastore.formats.aside import Aside
from bunter.datastore.formats.boxes import prefetch
from bunter.datastore.formats.container import ContainerFormat
from bunter.datastore.formats.content import notes_text
from bunter.datastore.formats.extras import library
from bunter.datastore.formats.inflating import check_growth
from bunter.datastore.object_size import nbytes
from bunter.datastore.ranged import LARGE
from bunter.errors import FormatError
from bunter.values import ByteRange

if TYPE_CHECKING:
    from bunter.datastore.formats.content import Content
    from bunter.datastore.formats.opened import Opened

__all__ = ["ZarrFormat"]

_NOTES = "bunter"
_CHUNK = 256
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CODECS = {"bytes", "zstd", "gzip", "blosc", "crc32c", "transpose", "sharding_indexed"}
_OLD_CODECS = {"zstd", "gzip", "zlib", "blosc", "bz2", "lz4", "shuffle", "delta"}
_SLACK = 512
"""Bytes of a member's header in the zip beyond its content, at most."""


class ZarrFormat(ContainerFormat):
    """Zarr (version 3) arrays compressed by zstd in chunks of 256 x 256, in an uncompressed zip.

    Codecs that could run code, such as pickles, are refused.
    """

    name = "zarr"
    extension = ".zarr.zip"
    needs = ("zarr", "zarr")

    def write(self, content: Content, file: BinaryIO) -> None:
        """Write members in the order of their names, without times."""
        zarr = library("zarr", "the format zarr", "zarr")
        kept: MutableMapping[str, Any] = (
            Aside(zarr.core.buffer.cpu.Buffer.from_bytes) if nbytes(content.arrays) >= LARGE else {}
        )
        store = zarr.storage.MemoryStore(kept)
        group = zarr.create_group(store, attributes={_NOTES: notes_text(content)})
        for name, array in content.arrays.items():
            _add(group, name, array)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
            for key in sorted(kept):
                target.writestr(zipfile.ZipInfo(key, _EPOCH), kept[key].to_bytes())

    @contextmanager
    def open(self, file: BinaryIO) -> Iterator[Opened]:
        """Open for reading."""
        zarr = library("zarr", "the format zarr", "zarr")
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: info for info in archive.infolist()}
            check_growth(sum(i.compress_size for i in members.values()), sum(i.file_size for i in members.values()))
            yield _Opened(zarr, archive, members, file)


def _add(group: Any, name: str, array: Any) -> None:
    import numpy as np

    text = array.dtype.kind == "U"
    plain = np.char.encode(array, "utf-8") if text else array
    attributes = {"text": array.dtype.str} if text else {}
    if plain.dtype.kind == "S":  # as bytes: Zarr has no settled type of fixed text
        attributes["bytes"] = plain.dtype.itemsize
        plain = (
            np.ascontiguousarray(plain).view("u1").reshape(*plain.shape, max(1, plain.dtype.itemsize))
            if plain.size
            else np.zeros((*plain.shape, plain.dtype.itemsize), "u1")
        )
    chunks = tuple(max(1, size) for size in plain.shape)
    if plain.ndim >= 2 and "bytes" not in attributes:
        chunks = (1,) * (plain.ndim - 2) + tuple(max(1, min(_CHUNK, size)) for size in plain.shape[-2:])
    made = group.create_array(name, shape=plain.shape, dtype=plain.dtype, chunks=chunks, attributes=attributes)
    made[...] = plain


class _Members(MutableMapping[str, Any]):
    """Members of a zip as the dict of a memory store; nothing is read before it is asked for."""

    def __init__(self, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], make: Any) -> None:
        self._archive, self._members, self._make = archive, members, make

    def __getitem__(self, key: str) -> Any:
        if key not in self._members:
            raise KeyError(key)
        return self._make(self._archive.read(key))

    def __setitem__(self, key: str, value: Any) -> None:
        raise FormatError(f"{key} cannot be written: the archive is open for reading")

    def __delitem__(self, key: str) -> None:
        raise FormatError(f"{key} cannot be removed: the archive is open for reading")

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


class _Opened:
    def __init__(
        self, zarr: Any, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], file: BinaryIO
    ) -> None:
        self._members, self._file = members, file
        for name in members:
            if name.rpartition("/")[2] in {"zarr.json", ".zarray"}:
                _check_metadata(name, archive.read(name))
        make = zarr.core.buffer.cpu.Buffer.from_bytes
        store = zarr.storage.MemoryStore(_Members(archive, members, make), read_only=True)
        self._group = zarr.open_group(store, mode="r")
        said = self._group.attrs.asdict().get(_NOTES)
        notes: dict[str, Any] = json.loads(said) if said else {"kind": "tree"}
        self.kind: str = notes.pop("kind", "")
        self.notes: Mapping[str, Any] = notes
        size = sum(info.file_size for info in members.values())
        self._arrays = {name: item for name, item in self._group.members(max_depth=None) if hasattr(item, "dtype")}
        for item in self._arrays.values():
            check_growth(size, item.nbytes)

    def names(self) -> list[str]:
        return sorted(self._arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        item = self._arrays[name]
        return tuple(item.shape[:-1] if "bytes" in item.attrs else item.shape)

    def read(self, name: str, index: tuple[Any, ...] | None = None) -> Any:
        import numpy as np

        item = self._arrays[name]
        if index is not None:  # of a whole array the members follow each other anyway, and may be much
            prefetch(self._file, self._places(name, item, index))
        values = np.asarray(item[...] if index is None else item[index])
        if (width := item.attrs.get("bytes")) is not None:
            values = (
                np.ascontiguousarray(values).view(f"S{width}").reshape(values.shape[:-1])
                if width
                else np.zeros(values.shape[:-1], "S")
            )
            if text := item.attrs.get("text"):
                values = np.char.decode(values, "utf-8").astype(text)
        return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")).reshape(values.shape)

    def _places(self, name: str, item: Any, index: tuple[Any, ...] | None) -> list[ByteRange]:
        """Bytes of the chunks that are wanted."""
        prefix = f"{name}/c/"
        wanted = [
            info
            for key, info in self._members.items()
            if key.startswith(prefix) and _touches(key[len(prefix) :], item, index)
        ]
        return [ByteRange(info.header_offset, info.compress_size + len(info.filename) + _SLACK) for info in wanted]


def _touches(key: str, item: Any, index: tuple[Any, ...] | None) -> bool:
    if index is None:
        return True
    try:
        place = [int(number) for number in key.split("/")]
    except ValueError:
        return False
    return all(
        chunk * size < part.stop and (chunk + 1) * size > part.start
        for chunk, size, part in zip(place[-2:], item.chunks[-2:], index[-2:], strict=True)
    )


def _check_metadata(name: str, text: bytes) -> None:
    """Refuse arrays whose codecs are not known to be harmless."""
    content = json.loads(text)
    codecs = [codec["name"] for codec in content.get("codecs") or ()]
    for codec in content.get("codecs") or ():
        inner = codec.get("configuration") or {}
        codecs += [each["name"] for key in ("codecs", "index_codecs") for each in inner.get(key) or ()]
    old = [codec["id"] for codec in (*(content.get("filters") or ()), content.get("compressor")) if codec]
    wrong = [codec for codec in codecs if codec not in _CODECS] + [codec for codec in old if codec not in _OLD_CODECS]
    if wrong or content.get("storage_transformers") or content.get("dtype") == "|O":
        raise FormatError(f"{name} asks for {wrong[0] if wrong else 'objects'}, which is not known to be harmless")

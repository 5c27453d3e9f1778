"""ASDF files."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from bunter.datastore.formats.container import ContainerFormat
from bunter.datastore.formats.content import notes_text
from bunter.datastore.formats.extras import library
from bunter.datastore.formats.inflating import check_growth
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.datastore.formats.content import Content
    from bunter.datastore.formats.opened import Opened

__all__ = ["AsdfFormat"]

_NOTES = "bunter"
_MOST_TEXT = 64 << 20
_LARGE = 1 << 20


class AsdfFormat(ContainerFormat):
    """ASDF with arrays as blocks; a dict becomes the tree itself. References to other files are refused."""

    name = "asdf"
    extension = ".asdf"
    needs = ("asdf", "asdf")

    def write(self, content: Content, file: BinaryIO) -> None:
        """Write the tree and its blocks."""
        asdf = library("asdf", "the format asdf", "asdf")
        arrays = dict(content.arrays)
        tree = {_NOTES: notes_text(content), "arrays": arrays}
        if content.kind == "tree":
            tree = {**_grown(content.notes["tree"], arrays), _NOTES: notes_text(content)}
        asdf.AsdfFile(tree).write_to(file)

    @contextmanager
    def open(self, file: BinaryIO) -> Iterator[Opened]:
        """Open for reading; values of tags that are not known stay plain."""
        import warnings

        asdf = library("asdf", "the format asdf", "asdf")
        size = file.seek(0, 2)
        file.seek(0)
        _check_text(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with asdf.open(_straight(file, size), memmap=False, lazy_load=True, ignore_unrecognized_tag=True) as source:
                yield _Opened(source.tree, size)


def _straight(file: BinaryIO, size: int) -> Any:
    """Return a file whose blocks are read into the memory that the arrays then have; files with a number do that already."""
    if isinstance(file, io.BytesIO):
        return file
    try:
        file.fileno()
    except OSError:
        return _Straight(file, size)
    return file


class _Straight(io.RawIOBase):
    """A file whose large reads give memory that may be written to; bytes would have to be copied to become an array."""

    mode = "rb"

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file: Any = file
        self._size = size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def read(self, size: int | None = -1, /) -> Any:
        if size is None or size < _LARGE:
            return self._file.read(-1 if size is None else size)
        import numpy as np

        content: Any = np.empty(min(size, max(0, self._size - self.tell())), np.uint8)
        filled = 0
        while filled < len(content) and (count := self._file.readinto(content[filled : filled + _LARGE])):
            filled += count
        return memoryview(content[:filled])


def _grown(value: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$array"}:
            return arrays[value["$array"]]
        return {key: _grown(item, arrays) for key, item in value.items()}
    return [_grown(item, arrays) for item in value] if isinstance(value, list) else value


def _check_text(file: BinaryIO) -> None:
    """Refuse trees that point to other files."""
    import yaml

    text = b""
    while b"\n...\n" not in text and len(text) < _MOST_TEXT and (more := file.read(1 << 16)):
        text += more
    file.seek(0)
    if not text.startswith(b"#ASDF "):
        raise FormatError("not ASDF: it does not begin with '#ASDF'")
    before = ""
    for event in yaml.parse(text.partition(b"\n...\n")[0], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        value = event.value if isinstance(event, yaml.ScalarEvent) else ""
        outside = before == "source" and value and not value.lstrip("-").isdigit()
        if before == "$ref" or outside:
            raise FormatError(f"the tree points to another place or file ({value!r}), which is not read")
        before = value


class _Opened:
    def __init__(self, tree: Any, size: int) -> None:
        self._arrays: dict[str, Any] = {}
        self._size = size
        said = tree.get(_NOTES)
        ours = json.loads(said) if isinstance(said, str) and said.startswith("{") else None
        notes = ours or {"kind": "tree"}
        self.kind: str = notes.pop("kind", "")
        self.notes: Mapping[str, Any] = notes
        inside = {key: value for key, value in tree.items() if key not in {_NOTES, "asdf_library", "history"}}
        if ours is None:
            self.notes = {"tree": self._collect(inside, "")}
        else:
            self._collect(inside if self.kind == "tree" else dict(inside["arrays"]), "")

    def _collect(self, value: Any, place: str) -> Any:
        if hasattr(value, "dtype") and hasattr(value, "shape"):
            self._arrays[place] = value
            return {"$array": place}
        if isinstance(value, dict):
            return {key: self._collect(item, f"{place}/{key}" if place else str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._collect(item, f"{place}/{index}") for index, item in enumerate(value)]
        return value

    def names(self) -> list[str]:
        return list(self._arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._arrays[name].shape)

    def read(self, name: str, index: tuple[Any, ...] | None = None) -> Any:
        import numpy as np

        item = self._arrays[name]
        check_growth(self._size, int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize)
        values = np.asarray(item[...] if index is None else item[index])
        mine = values.base is None or getattr(values.base, "nbytes", 0) == values.nbytes
        # Read for nobody else: a copy would only cost as much memory again.
        copy = None if index is None and mine and values.flags.writeable else True
        return np.array(values, dtype=values.dtype.newbyteorder("="), order="C", copy=copy)

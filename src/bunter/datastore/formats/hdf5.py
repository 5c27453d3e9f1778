"""HDF5 files."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from bunter.datastore.formats.container import ContainerFormat
from bunter.datastore.formats.content import notes_text
from bunter.datastore.formats.extras import library
from bunter.datastore.formats.inflating import check_growth
from bunter.errors import FormatError, near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.datastore.formats.content import Content
    from bunter.datastore.formats.opened import Opened

__all__ = ["Hdf5Format"]

_NOTES = "bunter"
_CHUNK = 256


def _chunk(size: int) -> int:
    """Divide an axis evenly: what a last chunk lacks is in the file all the same."""
    return math.ceil(size / math.ceil(size / _CHUNK))


class Hdf5Format(ContainerFormat):
    """HDF5 with one dataset per array, in chunks of at most 256 x 256; files of others are read as dicts of arrays.

    Parameters
    ----------
    recipe : str
        ``plain`` or ``gzip``.
    """

    name = "hdf5"
    extension = ".h5"
    needs = ("h5py", "hdf5")
    recipes = {"plain": "no compression; the default", "gzip": "gzip with shuffled bytes"}  # noqa: RUF012 - a protocol

    def __init__(self, recipe: str = "plain") -> None:
        self._recipe = recipe

    def with_recipe(self, recipe: str) -> Hdf5Format:
        """Return the format that compresses, or not."""
        if recipe not in self.recipes:
            raise FormatError(f"HDF5 has no recipe {recipe!r}{near(recipe, self.recipes)}; there are plain and gzip")
        return Hdf5Format(recipe)

    def write(self, content: Content, file: BinaryIO) -> None:
        """Write datasets without times."""
        h5py = library("h5py", "the format hdf5", "hdf5")
        with h5py.File(file, "w") as target:
            target.attrs[_NOTES] = notes_text(content)
            for name, array in content.arrays.items():
                self._add(target, name, array)

    def _add(self, target: Any, name: str, array: Any) -> None:
        import numpy as np

        options: dict[str, Any] = {}
        if array.ndim >= 2 and array.size:
            options["chunks"] = (1,) * (array.ndim - 2) + tuple(map(_chunk, array.shape[-2:]))
        elif array.ndim and array.size and self._recipe == "gzip":
            options["chunks"] = True
        if self._recipe == "gzip" and "chunks" in options:
            options |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        text = array.dtype.kind == "U"
        made = target.create_dataset(name, data=np.char.encode(array, "utf-8") if text else array, **options)
        if text:
            made.attrs["text"] = array.dtype.str

    @contextmanager
    def open(self, file: BinaryIO) -> Iterator[Opened]:
        """Open for reading; links to other files are refused."""
        h5py = library("h5py", "the format hdf5", "hdf5")
        size = file.seek(0, 2)
        file.seek(0)
        with h5py.File(file, "r") as source:
            yield _Opened(h5py, source, size)


class _Opened:
    def __init__(self, h5py: Any, source: Any, size: int) -> None:
        notes = json.loads(source.attrs[_NOTES]) if _NOTES in source.attrs else {"kind": "tree"}
        self.kind = notes.pop("kind", "")
        self.notes = notes
        self._arrays: dict[str, Any] = {}
        self._collect(h5py, source, "", size)

    def _collect(self, h5py: Any, group: Any, place: str, size: int) -> None:
        for name in group:
            path = f"{place}{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise FormatError(f"{path} is a link to another place or file, which is not followed")
            item = group[name]
            if isinstance(item, h5py.Group):
                if path.count("/") > 50:
                    raise FormatError("the groups are nested deeper than 50 levels")
                self._collect(h5py, item, f"{path}/", size)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise FormatError(f"{path} keeps its values in another file, which is not read")
                check_growth(size, item.nbytes)
                self._arrays[path] = item

    def names(self) -> list[str]:
        return list(self._arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._arrays[name].shape)

    def read(self, name: str, index: tuple[Any, ...] | None = None) -> Any:
        import numpy as np

        item = self._arrays[name]
        if item.dtype.hasobject and item.dtype.metadata is None:
            raise FormatError(f"{name} holds objects, which are not read")
        values = item[()] if index is None else item[index]
        if item.dtype.hasobject:
            return np.asarray(item.asstr()[()], dtype="U")
        text = item.attrs.get("text")
        values = np.asarray(values) if text is None else np.char.decode(values, "utf-8").astype(text)
        return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")).reshape(values.shape)

"""What HDF5, Zarr and ASDF have in common: one file with named arrays and notes in it."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from bunter.datastore.formats.content import content_of, object_of
from bunter.datastore.formats.differences import array_difference, mapping_difference
from bunter.datastore.formats.fits_header import quiet
from bunter.datastore.formats.scratch import written_aside
from bunter.datastore.formats.wording import in_short
from bunter.errors import FileIntegrityError, FormatError, MissingExtraError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bunter.datastore.format import ReadRequest
    from bunter.datastore.formats.content import Content
    from bunter.datastore.formats.opened import Opened
    from bunter.values import Pieces

__all__ = ["ContainerFormat"]


class ContainerFormat(ABC):
    """Arrays, images, tables, and dicts of plain values and arrays, in a file of named arrays."""

    name: ClassVar[str]
    version = 1
    extension: ClassVar[str]
    python_types = ("numpy:ndarray", "astropy.nddata:CCDData", "astropy.table:Table", "builtins:dict")

    @abstractmethod
    def write(self, content: Content, file: BinaryIO) -> None:
        """Write content to an empty file, the same bytes for equal content."""

    @abstractmethod
    def open(self, file: BinaryIO) -> AbstractContextManager[Opened]:
        """Open a file for reading; FormatError if it would make us read other files or run code."""

    def to_bytes(self, obj: object) -> bytes:
        """Write an object; FormatError for one that could not be read back as it was."""
        out = io.BytesIO()
        self.write(content_of(obj), out)
        return out.getvalue()

    def to_pieces(self, obj: object) -> Pieces:
        """Write a large object by way of a file, so that its bytes are not in memory as well."""
        content = content_of(obj)
        return written_aside(lambda file: self.write(content, file))

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read what is requested."""
        return self.read_file(io.BytesIO(data), request)

    def read_file(self, file: BinaryIO, request: ReadRequest) -> object:
        """Read only the arrays, and of them the chunks, that are asked for."""
        try:
            with quiet(), self.open(file) as opened:
                return object_of(opened, request)
        except (FormatError, MissingExtraError, FileNotFoundError, FileIntegrityError):
            raise
        except MemoryError as exc:
            raise FormatError("it asks for more memory than there is; it may be damaged") from exc
        except Exception as exc:  # what the libraries make of damaged bytes has many names
            raise FormatError(f"not {self.name} that can be read: {in_short(exc)}") from exc

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether kind, notes and all arrays are equal, NaN with NaN."""
        return old == new or not self.difference(old, new)

    def difference(self, old: bytes, new: bytes) -> str:
        """Say which arrays and notes differ; empty if none do."""
        with self.open(io.BytesIO(old)) as one, self.open(io.BytesIO(new)) as two:
            if one.kind != two.kind:
                return f"the old one is of the kind {one.kind}, the new one {two.kind}"
            said = [mapping_difference(one.notes, two.notes, "note")]
            both = [name for name in one.names() if name in two.names()]
            single = sorted({*one.names(), *two.names()} - set(both))
            said += [f"{name} only in the {'old' if name in one.names() else 'new'} one" for name in single]
            said += [array_difference(_values(one, name), _values(two, name), f"values of {name}") for name in both]
        return "; ".join(text for text in said if text)


def _values(opened: Opened, name: str) -> Any:
    return opened.read(name)

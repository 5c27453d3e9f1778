"""NumPy arrays in NumPy's own format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from bunter.datastore.formats.boxes import array_part
from bunter.datastore.formats.differences import array_difference
from bunter.datastore.formats.wording import in_short
from bunter.errors import FileIntegrityError, FormatError
from bunter.values import Pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.datastore.format import ReadRequest

__all__ = ["NumpyFormat"]

_STEP = 4 << 20


class NumpyFormat:
    """Arrays of any shape and plain dtype as ``.npy``; never pickled. ``bbox`` reads a part of an image."""

    name = "npy"
    version = 1
    extension = ".npy"
    python_types = ("numpy:ndarray",)
    reads_forward = True

    def to_bytes(self, obj: object) -> bytes:
        """Write an array; FormatError for arrays of Python objects and masked arrays."""
        return bytes(self.to_pieces(obj))

    def to_pieces(self, obj: object) -> Pieces:
        """Write an array a few megabytes at a time."""
        import numpy as np

        array = np.asanyarray(obj)
        if array.dtype.hasobject or isinstance(array, np.ma.MaskedArray):
            raise FormatError(
                f"an array of {array.dtype} {'with a mask ' if isinstance(array, np.ma.MaskedArray) else ''}"
                "cannot be written as npy; store it as a table, or convert it to plain numbers"
            )
        return Pieces(lambda: _pieces(array))

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read the array."""
        return self.read_file(io.BytesIO(data), request)

    def read_file(self, file: BinaryIO, request: ReadRequest) -> object:
        """Read the array, or the rows of it that a box is in."""
        if request.component == "shape" and not request.selector:
            return list(_head(file)[0])
        if request.component or request.selector:
            raise FormatError(f"an array has no part {request.component or request.selector!r}")
        try:
            if request.parameters:
                return _part(file, request)
            return _whole(file)
        except FormatError:
            raise
        except (ValueError, EOFError, OSError, MemoryError) as exc:
            if isinstance(exc, FileNotFoundError):
                raise
            raise FormatError(f"not a NumPy array: {in_short(exc)}") from exc

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether shape, dtype and values are equal, NaN with NaN."""
        import numpy as np

        if old == new:
            return True
        one, two = (np.load(io.BytesIO(data), allow_pickle=False) for data in (old, new))
        if one.dtype != two.dtype or one.shape != two.shape:
            return False
        return bool(np.array_equal(one, two, equal_nan=one.dtype.kind in "fc"))

    def difference(self, old: bytes, new: bytes) -> str:
        """Say how many values differ, and by how much."""
        import numpy as np

        one, two = (np.load(io.BytesIO(data), allow_pickle=False) for data in (old, new))
        return array_difference(one, two)


def _pieces(array: Any) -> Iterator[bytes | memoryview]:
    import numpy as np

    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
    yield head.getvalue()
    flat = array.reshape(-1, order="F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C")
    step = max(1, _STEP // max(1, array.dtype.itemsize))
    for begin in range(0, flat.size, step):
        yield np.ascontiguousarray(flat[begin : begin + step]).view("u1").data


def _head(file: BinaryIO) -> Any:
    """Shape, order and dtype."""
    import numpy as np

    try:
        major = np.lib.format.read_magic(file)
        reader = np.lib.format.read_array_header_1_0 if major == (1, 0) else np.lib.format.read_array_header_2_0
        return reader(file)
    except FileIntegrityError:
        raise
    except Exception as exc:  # what becomes of a damaged header has many names
        raise FormatError(f"not a NumPy array: {in_short(exc)}") from exc


def _whole(file: BinaryIO) -> Any:
    """Read into the array that is returned, so that nothing else is in memory."""
    import numpy as np

    shape, is_fortran, dtype = _head(file)
    if dtype.hasobject:
        raise FormatError("the array holds Python objects, which are never read")
    array = np.empty(shape, dtype, order="F" if is_fortran else "C")
    if not array.nbytes:
        return array
    view = array.reshape(-1, order="A").view("u1").data
    while view:
        count = file.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise FormatError("the file is cut short: it ends within its values; fetch it again")
        view = view[count:]
    return array


def _part(file: BinaryIO, request: ReadRequest) -> Any:
    """Read only the rows of a box, where the array lies row by row."""
    shape, is_fortran, dtype = _head(file)
    if dtype.hasobject:
        raise FormatError("the array holds Python objects, which are never read")
    return array_part(file, file.tell(), shape, dtype, request.parameters, is_fortran=is_fortran)

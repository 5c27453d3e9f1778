"""NumPy arrays in NumPy's own format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bunter.errors import FormatError

if TYPE_CHECKING:
    from bunter.datastore.format import ReadRequest

__all__ = ["NumpyFormat"]


class NumpyFormat:
    """Arrays of any shape and plain dtype as ``.npy``; never pickled."""

    name = "npy"
    version = 1
    extension = ".npy"
    python_types = ("numpy:ndarray",)

    def to_bytes(self, obj: object) -> bytes:
        """Write an array; FormatError for arrays of Python objects and masked arrays."""
        import numpy as np

        array = np.asanyarray(obj)
        if array.dtype.hasobject or isinstance(array, np.ma.MaskedArray):
            raise FormatError(
                f"an array of {array.dtype} {'with a mask ' if isinstance(array, np.ma.MaskedArray) else ''}"
                "cannot be written as npy; store it as a table, or convert it to plain numbers"
            )
        out = io.BytesIO()
        np.save(out, array, allow_pickle=False)
        return out.getvalue()

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read the array."""
        import numpy as np

        if request.component or request.selector:
            raise FormatError(f"an array has no part {request.component or request.selector!r}")
        try:
            return np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError, OSError) as exc:
            raise FormatError(f"not a NumPy array: {exc}") from exc

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether shape, dtype and values are equal, NaN with NaN."""
        import numpy as np

        if old == new:
            return True
        one, two = (np.load(io.BytesIO(data), allow_pickle=False) for data in (old, new))
        if one.dtype != two.dtype or one.shape != two.shape:
            return False
        return bool(np.array_equal(one, two, equal_nan=one.dtype.kind in "fc"))

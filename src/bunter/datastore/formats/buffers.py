"""NumPy arrays to Arrow arrays and back by their buffers.

The conversions of pyarrow itself import pandas wherever that is installed, which takes longer than most reads and writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bunter.datastore.formats.fixed_texts import arrow_texts, numpy_texts

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = npt.NDArray[Any]
    Mask = npt.NDArray[np.bool_]

__all__ = ["array_of", "values_of"]

_TEXT_LIMIT = 2**31 - 1
_NUMBERS = {
    pa.from_numpy_dtype(name).id: np.dtype(name).str
    for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")
}
"""Which dtype of this machine the numbers of an Arrow type have."""


def array_of(values: Values, mask: Mask | None) -> Any:
    """Arrow array of one-dimensional values; masked ones are null.

    Parameters
    ----------
    values : ndarray
        (N,) of numbers, bools, text, bytes, or objects that are str, bytes or None; in this machine's byte order.
    mask : ndarray of bool, optional
        (N,), true where there is no value.
    """
    kind = values.dtype.kind
    if kind in "US" and (texts := arrow_texts(values, _validity(mask))) is not None:
        return texts
    if kind in "USO":
        return _texts(values.tolist(), mask)
    content = np.packbits(values, bitorder="little") if kind == "b" else np.ascontiguousarray(values)
    form = pa.bool_() if kind == "b" else pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(form, len(values), [_validity(mask), pa.py_buffer(content)])


def _validity(mask: Mask | None) -> Any:
    if mask is None or not mask.any():
        return None
    return pa.py_buffer(np.packbits(~mask, bitorder="little"))


def _texts(items: list[Any], mask: Mask | None) -> Any:
    """Arrow array of text or bytes."""
    binary = any(isinstance(item, bytes) for item in items)
    empty = np.fromiter((item is None for item in items), bool, len(items))
    if empty.any():
        mask = empty if mask is None else mask | empty
    parts = [b"" if item is None else item if binary else item.encode() for item in items]
    ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
    large = bool(len(ends)) and int(ends[-1]) > _TEXT_LIMIT
    offsets = np.concatenate([[0], ends]).astype(np.int64 if large else np.int32)
    form = (pa.large_binary() if large else pa.binary()) if binary else (pa.large_string() if large else pa.string())
    return pa.Array.from_buffers(
        form, len(parts), [_validity(mask), pa.py_buffer(offsets), pa.py_buffer(b"".join(parts))]
    )


def values_of(array: Any, dtype: np.dtype[Any] | None = None) -> tuple[Values, Mask | None]:
    """Values of an Arrow array without nesting, and where it is null; None where nothing is.

    Text and bytes come as objects, with None where null, or at once as a ``dtype`` of fixed width, empty where null, if they
    are plain; numbers and bools as zero where null.
    """
    mask = _nulls(array)
    kind = array.type
    if dtype is not None and mask is None and dtype.kind in "iuf" and _NUMBERS.get(kind.id) == dtype.str:
        content: Values = np.frombuffer(array.buffers()[1] or b"", dtype)
        return content[array.offset : array.offset + len(array)].copy(), None
    if dtype is not None and dtype.kind in "US" and _is_text(kind):
        texts = numpy_texts(array, dtype, mask)
        if texts is not None:
            return texts, mask
    if pa.types.is_boolean(kind):
        values: Values = _bits(array.buffers()[1], array)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        whole: Values = np.frombuffer(array.buffers()[1] or b"", kind.to_pandas_dtype())
        values = whole[array.offset : array.offset + len(array)].copy()
    elif _is_text(kind):
        values = np.empty(len(array), object)
        values[:] = array.to_pylist()
        return values, mask
    else:
        return array.to_numpy(zero_copy_only=False), mask
    if mask is not None:
        values[mask] = 0
    return values, mask


def _is_text(kind: Any) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def _nulls(array: Any) -> Mask | None:
    if not array.null_count:
        return None
    return ~_bits(array.buffers()[0], array)


def _bits(buffer: Any, array: Any) -> Mask:
    """Bits of a buffer that belong to an array, which may begin within a byte."""
    bits = np.unpackbits(np.frombuffer(buffer or b"", np.uint8), bitorder="little")
    found: Mask = bits[array.offset : array.offset + len(array)].astype(bool)
    return found

"""Columns of text of a fixed width, as NumPy has them, to Arrow and back without an object for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = npt.NDArray[Any]

__all__ = ["arrow_texts", "numpy_texts"]

_TEXT_LIMIT = 2**31 - 1
_ASCII_END = 128


def arrow_texts(values: Values, validity: Any) -> Any:
    """Arrow array of text or bytes; None for text beyond ASCII, whose characters take a look each.

    Parameters
    ----------
    values : ndarray
        (N,) of ``U`` in this machine's byte order, or of ``S``.
    validity : Buffer or None
        Which of them count; None if all do.
    """
    letters = _letters(values)
    if letters is None:
        return None
    used = letters != 0
    if (used[:, 1:] > used[:, :-1]).any():  # a NUL within a text
        return None
    lengths = used.sum(axis=1)
    large = int(lengths.sum()) > _TEXT_LIMIT
    offsets = np.zeros(len(values) + 1, np.int64 if large else np.int32)
    np.cumsum(lengths, out=offsets[1:])
    form = _FORMS[values.dtype.kind][large]
    return pa.Array.from_buffers(
        form, len(values), [validity, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters[used]))]
    )


def _letters(values: Values) -> Values | None:
    """One byte for each letter, (N, width), with zeros behind the end of each text."""
    size = values.dtype.itemsize
    if not len(values) or not size:
        return None
    plain = np.ascontiguousarray(values)
    if values.dtype.kind == "S":
        return plain.view(np.uint8).reshape(len(values), size)
    codes = plain.view(np.uint32).reshape(len(values), size // 4)
    return codes.astype(np.uint8) if codes.max() < _ASCII_END else None


def numpy_texts(array: Any, dtype: Any, mask: Any) -> Values | None:
    """Values of an Arrow array as text of a fixed width; None where that takes a look at each.

    Parameters
    ----------
    array : Array
        Of text or bytes.
    dtype : dtype
        ``U`` or ``S`` of some width.
    mask : ndarray of bool or None
        (N,), where there is no value.
    """
    kind = array.type
    wide = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    _, ends, content = array.buffers()
    letters = dtype.itemsize // (4 if dtype.kind == "U" else 1)
    if not len(array) or not letters or content is None:
        return None
    offsets = np.frombuffer(ends, np.int64 if wide else np.int32)[array.offset : array.offset + len(array) + 1]
    found = np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]
    lengths = np.diff(offsets)
    if lengths.max() > letters or (dtype.kind == "U" and len(found) and found.max() >= _ASCII_END):
        return None
    values: Values = np.zeros((len(array), letters), np.uint32 if dtype.kind == "U" else np.uint8)
    values[np.arange(letters) < lengths[:, None]] = found
    if mask is not None:
        values[mask] = 0
    texts: Values = values.view(dtype.newbyteorder("=")).reshape(len(array))
    return texts


_FORMS = {"U": (pa.string(), pa.large_string()), "S": (pa.binary(), pa.large_binary())}

"""Arrow without what we do not ask for."""

from __future__ import annotations

import sys
from typing import Any

_SHORT = 64


class _NoPandas:
    """Stands in the way of one import."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ImportError(name)


def pyarrow() -> Any:
    """Import pyarrow such that making arrays does not import pandas as well.

    The first ``pyarrow.array(...)`` of a process looks whether its argument is a pandas object, and imports pandas for
    that where it is installed: 0.8 s for an answer that is always no here. Looking once while pandas cannot be imported
    settles it; ``to_pandas`` and ``from_pandas`` look again and find it.
    """
    import pyarrow as pa

    if "pandas" not in sys.modules and not getattr(pyarrow, "settled", False):
        sys.meta_path.insert(0, _NoPandas)
        try:
            pa.array([])
        finally:
            sys.meta_path.remove(_NoPandas)
        pyarrow.settled = True  # type: ignore[attr-defined]
    return pa


def bytes_in(array: Any) -> memoryview:
    """Return what an Arrow array of fixed-size binaries holds, one value behind the other, without a copy."""
    if not len(array):  # which may have no buffer
        return memoryview(b"")
    size = array.type.byte_width
    begin = array.offset * size
    return memoryview(array.buffers()[1])[begin : begin + len(array) * size]


def values_of(array: Any) -> list[Any]:
    """Return the values of an Arrow array as ``to_pylist`` does, without an object in between for each of them.

    Equal texts are one object.
    """
    pa = pyarrow()
    kind = array.type
    if len(array) <= _SHORT or array.null_count or pa.types.is_boolean(kind):
        found: list[Any] = array.to_pylist()
    elif pa.types.is_string(kind):
        coded = array.dictionary_encode()
        texts = coded.dictionary.to_pylist()
        found = list(map(texts.__getitem__, coded.indices.to_numpy().tolist()))
    elif (pa.types.is_primitive(kind) and not pa.types.is_temporal(kind)) or pa.types.is_fixed_size_binary(kind):
        found = array.to_numpy(zero_copy_only=False).tolist()
    else:
        found = array.to_pylist()
    return found

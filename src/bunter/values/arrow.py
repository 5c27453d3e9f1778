"""Arrow without what we do not ask for."""

from __future__ import annotations

import sys
from typing import Any


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

"""An empty repository for a test: in memory, of its own, and gone afterwards."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bunter.butler.facade import Butler
from bunter.butler.opening import forget_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["temporary_repository"]


@contextmanager
def temporary_repository(*, dimensions: str | Path | Mapping[str, Any] | None = None) -> Iterator[Butler]:
    """Make an empty repository in memory for the time of a ``with`` statement, such as in a fixture of pytest.

    Parameters
    ----------
    dimensions : str, Path or Mapping, optional
        Another universe, as for `Butler.create`.
    """
    name = f"memory://temporary-{uuid.uuid4().hex}"
    try:
        with Butler.create(name, dimensions=dimensions) as butler:
            yield butler
    finally:
        forget_in_memory(name)

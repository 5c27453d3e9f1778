"""Measuring parts of the work of tasks and subtasks."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Timed"]


class Timed:
    """Has a timer, which writes into the ``metadata``."""

    metadata: dict[str, Any]

    @contextmanager
    def timer(self, name: str) -> Iterator[None]:
        """Measure a part of the work: adds ``<name>_seconds`` to the metadata, summed over calls."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            key = f"{name}_seconds"
            self.metadata[key] = self.metadata.get(key, 0.0) + time.perf_counter() - begin

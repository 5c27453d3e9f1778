"""The registry: collections, dataset types, dimension records and datasets, and the questions to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.registry.collections import CollectionCatalog
from bunter.registry.find import Found
from bunter.registry.registry import Registry

if TYPE_CHECKING:
    from bunter.registry.stream import ResultColumn, ResultStream

__all__ = ["CollectionCatalog", "Found", "Registry", "ResultColumn", "ResultStream"]


def __getattr__(name: str) -> Any:
    """Import results, and with them columns, when they are first needed."""
    if name in {"ResultColumn", "ResultStream"}:
        from bunter.registry import stream

        return getattr(stream, name)
    raise AttributeError(name)

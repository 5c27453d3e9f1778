"""The registry: collections, dataset types, dimension records and datasets, and the questions to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.at_need import at_need
from bunter.registry.collections import CollectionCatalog
from bunter.registry.find import Found
from bunter.registry.registry import Registry

if TYPE_CHECKING:
    from bunter.registry.stream import ResultColumn, ResultStream

__all__ = ["CollectionCatalog", "Found", "Registry", "ResultColumn", "ResultStream"]


# It brings columns along.
_HOMES = {"stream": ["ResultColumn", "ResultStream"]}

__getattr__ = at_need(globals(), _HOMES)

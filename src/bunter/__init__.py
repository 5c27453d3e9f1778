"""Bunter: a data butler and pipeline system for astronomical surveys.

>>> from bunter import Butler
>>> butler = Butler("demo")
>>> coadd = butler.get("coadd", tract=0, patch=3, band="r")

Names are imported when they are first used, so that ``import bunter`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bunter.butler import Butler, Search
    from bunter.dataset import CollectionType, DatasetRef, DatasetType, FileDataset
    from bunter.dimensions import DataCoordinate, Universe
    from bunter.geometry import Region
    from bunter.pipeline import Pipeline, PipelineTask
    from bunter.values import Timespan

__version__ = "0.1.0.dev0"

__all__ = [
    "Butler",
    "CollectionType",
    "DataCoordinate",
    "DatasetRef",
    "DatasetType",
    "FileDataset",
    "Pipeline",
    "PipelineTask",
    "Region",
    "Search",
    "Timespan",
    "Universe",
    "__version__",
]

_ROOMS = {
    "Butler": "butler",
    "CollectionType": "dataset",
    "DataCoordinate": "dimensions",
    "DatasetRef": "dataset",
    "DatasetType": "dataset",
    "FileDataset": "dataset",
    "Pipeline": "pipeline",
    "PipelineTask": "pipeline",
    "Region": "geometry",
    "Search": "butler",
    "Timespan": "values",
    "Universe": "dimensions",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'bunter' has no attribute {name!r}")
    value = getattr(import_module(f"bunter.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

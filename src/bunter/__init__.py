"""Bunter: a data butler and pipeline system for astronomical surveys.

>>> from bunter import Butler
>>> butler = Butler("demo")
>>> coadd = butler.get("coadd", tract=0, patch=3, band="r")

Names are imported when they are first used, so that ``import bunter`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.at_need import at_need

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

_HOMES = {
    "butler": ["Butler", "Search"],
    "dataset": ["CollectionType", "DatasetRef", "DatasetType", "FileDataset"],
    "dimensions": ["DataCoordinate", "Universe"],
    "geometry": ["Region"],
    "pipeline": ["Pipeline", "PipelineTask"],
    "values": ["Timespan"],
}

__getattr__ = at_need(globals(), _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

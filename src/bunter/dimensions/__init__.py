"""The dimension universe, groups of dimensions, data IDs and dimension records."""

from __future__ import annotations

from bunter.dimensions.column import Column
from bunter.dimensions.coordinate import DataCoordinate
from bunter.dimensions.element import Element
from bunter.dimensions.expanded import ExpandedDataCoordinate
from bunter.dimensions.group import DimensionGroup
from bunter.dimensions.layout import Layout, PackedField
from bunter.dimensions.packing import Packer
from bunter.dimensions.record import DimensionRecord
from bunter.dimensions.records import Records
from bunter.dimensions.universe import Universe

__all__ = [
    "Column",
    "DataCoordinate",
    "DimensionGroup",
    "DimensionRecord",
    "Element",
    "ExpandedDataCoordinate",
    "Layout",
    "PackedField",
    "Packer",
    "Records",
    "Universe",
]

"""Regions of the sky, how they lie to each other, and sky pixels. ICRS degrees throughout."""

from __future__ import annotations

from bunter.geometry.nearest import nearest, nearest_pair
from bunter.geometry.overlap import Decoded, caps, overlapping_pairs
from bunter.geometry.pixels import Pixelization, skypix
from bunter.geometry.region import Region

__all__ = ["Decoded", "Pixelization", "Region", "caps", "nearest", "nearest_pair", "overlapping_pairs", "skypix"]

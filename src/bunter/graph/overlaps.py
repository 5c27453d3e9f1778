"""Which records overlap which on the sky or in time: exact, in bulk, worked out when a link asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.geometry import Region, overlapping_pairs, skypix
from bunter.graph.relation import Pairs, match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions import Universe
    from bunter.graph.keys import Array

__all__ = ["Overlaps"]


class Overlaps:
    """Pairs of rows of two elements' records that overlap.

    Parameters
    ----------
    universe : Universe
        The dimensions.
    regions : mapping of str to sequence of bytes or None
        Encoded region of each record, by element; None where it is unknown.
    """

    def __init__(self, universe: Universe, regions: Mapping[str, Sequence[bytes | None]]) -> None:
        self.universe = universe
        self._regions = dict(regions)
        self._pixels: dict[str, Array] = {}

    def add_pixels(self, name: str, given: Sequence[Array], *, everywhere: bool) -> Array:
        """Make the records of a sky-pixel dimension.

        Parameters
        ----------
        name : str
            The dimension, such as ``htm7``.
        given : sequence of array
            Pixels that datasets have.
        everywhere : bool
            Whether pixels that overlap any other region count as well, because quanta are made for them.

        Returns
        -------
        array of int64
            The pixels, ascending.
        """
        pixelization = skypix(name)
        found = [np.asarray(pixels, np.int64) for pixels in given]
        if everywhere:
            for regions in [self._regions[other] for other in self._regions if other not in self._pixels]:
                seen = {
                    pixel for region in regions if region for pixel in pixelization.pixels_of(Region.decode(region))
                }
                found.append(np.fromiter(seen, np.int64, len(seen)))
        pixels = np.unique(np.concatenate([np.zeros(0, np.int64), *found]))
        self._pixels[name] = pixels
        self._regions[name] = [pixelization.region(int(pixel)).encode() for pixel in pixels]
        return pixels

    def __call__(self, first: str, second: str) -> Pairs:
        """Pairs of rows of the records of two elements that overlap."""
        if self.universe[first].spatial == self.universe[second].spatial:
            return self._levels(first, second)
        one, other = self._known(first), self._known(second)
        left, right = overlapping_pairs([region for _, region in one], [region for _, region in other])
        rows_of_one = np.fromiter((row for row, _ in one), np.int64, len(one))
        rows_of_other = np.fromiter((row for row, _ in other), np.int64, len(other))
        return Pairs(rows_of_one[left], rows_of_other[right])

    def _known(self, name: str) -> list[tuple[int, bytes]]:
        return [(row, region) for row, region in enumerate(self._regions[name]) if region is not None]

    def _levels(self, first: str, second: str) -> Pairs:
        """Two levels of one pixelization: a pixel and those it is divided into."""
        levels = skypix(first).level, skypix(second).level
        shift = 2 * abs(levels[0] - levels[1])
        one, other = self._pixels[first], self._pixels[second]
        return match(one >> shift if levels[0] > levels[1] else one, other >> shift if levels[1] > levels[0] else other)

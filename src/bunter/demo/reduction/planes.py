"""Planes of the integer masks that go with images."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.nddata import CCDData
    from numpy.typing import NDArray


class Plane(IntFlag):
    """One bit of a mask; a pixel may carry several."""

    SATURATED = 1
    HOT = 2
    COSMIC_RAY = 4
    INTERPOLATED = 8
    NO_DATA = 16
    CLIPPED = 32

    @property
    def card(self) -> str:
        """FITS card that tells the bit's number."""
        return {"SATURATED": "MP_SAT", "COSMIC_RAY": "MP_CR", "INTERPOLATED": "MP_INTRP", "NO_DATA": "MP_NODAT"}.get(
            str(self.name), f"MP_{str(self.name)[:5]}"
        )


UNUSABLE = Plane.SATURATED | Plane.NO_DATA
"""Pixels that say nothing true, even after their neighbours were asked."""


def describe(header: Header) -> None:
    """Write into a header which bit is which plane."""
    for plane in Plane:
        header[plane.card] = (int(plane).bit_length() - 1, f"bit of mask plane {plane.name}")


def planes_of(ccd: CCDData) -> NDArray[np.int16]:
    """Mask planes of an image; where its mask is only true or false, NO_DATA for what is masked.

    Parameters
    ----------
    ccd : astropy.nddata.CCDData
        Any image.
    """
    mask = np.zeros(ccd.shape, bool) if ccd.mask is None else np.asarray(ccd.mask)
    return mask.astype(np.int16) * (int(Plane.NO_DATA) if mask.dtype == bool else 1)


def mark(ccd: CCDData, planes: NDArray[np.int16]) -> CCDData:
    """Give an image its planes as an integer mask.

    Parameters
    ----------
    ccd : astropy.nddata.CCDData
        Changed in place, and returned.
    planes : ndarray
        Of the image's shape.
    """
    # The public setter makes the mask Boolean, and with it all planes one.
    ccd._mask = np.asarray(planes, dtype=np.int16)  # noqa: SLF001 - as said above
    describe(ccd.header)
    return ccd

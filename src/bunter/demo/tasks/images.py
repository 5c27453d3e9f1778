"""Reading images with their mask planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.demo.reduction.planes import mark

if TYPE_CHECKING:
    from astropy.nddata import CCDData

    from bunter.pipeline import DeferredDataset


def read_image(handle: DeferredDataset) -> CCDData:
    """Read an image, its planes included.

    Parameters
    ----------
    handle : DeferredDataset
        Of a CCDData, whose own mask is only true or false; the component ``mask`` has the planes.
    """
    return mark(handle.get(), handle.get(component="mask"))

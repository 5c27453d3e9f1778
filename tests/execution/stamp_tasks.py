"""Two tasks that write images, the second with the header of the first."""

from __future__ import annotations

import numpy as np
from astropy.nddata import CCDData

from bunter.pipeline import Input, Output, task

FRAME = ("instrument", "exposure", "detector")
NIGHT = ("instrument", "exposure")


@task(
    dimensions=FRAME,
    raw=Input("raw", "StructuredDataDict", dimensions=FRAME),
    flat=Output("flat", "CCDData", dimensions=FRAME),
)
def flatten(raw: dict):
    """Make an image of a number."""
    return CCDData(np.full((4, 4), float(raw["value"])), unit="adu", meta={"OBJECT": "dome"})


@task(
    dimensions=NIGHT,
    flats=Input("flat", "CCDData", dimensions=FRAME, multiple=True),
    stack=Output("stack", "CCDData", dimensions=NIGHT),
)
def stack_up(flats: list):
    """Add images up, and keep the header of the first."""
    return CCDData(sum(each.data for each in flats), unit="adu", meta=flats[0].meta)

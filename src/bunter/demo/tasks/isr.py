"""Instrument signature removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.reduction.planes import Plane, planes_of
from bunter.demo.reduction.signature import remove_signature
from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, PrerequisiteInput, Struct, TaskConfig

if TYPE_CHECKING:
    from astropy.nddata import CCDData


class IsrConnections(Connections, dimensions=("instrument", "exposure", "detector")):
    """A raw frame and its calibrations in, electrons out."""

    raw = Input(
        "raw",
        "Raw",
        dimensions=("instrument", "exposure", "detector"),
        doc="Raw science frame.",
        where="exposure.observation_type = 'science'",
    )
    bias = PrerequisiteInput(
        "bias", "CCDData", dimensions=("instrument", "detector"), doc="Combined bias.", is_calibration=True
    )
    flat = PrerequisiteInput(
        "flat",
        "CCDData",
        dimensions=("instrument", "detector", "physical_filter"),
        doc="Response of the pixels.",
        is_calibration=True,
    )
    post_isr = Output(
        "post_isr",
        "CCDData",
        dimensions=("instrument", "exposure", "detector"),
        doc="Electrons of perfect pixels, sky included; variance and mask planes.",
    )


class IsrConfig(TaskConfig):
    """Configuration of `IsrTask`."""

    cosmic_ray_sigma: float = Field(5.0, ge=0, description="Significance of cosmic rays; 0 leaves them.")


class IsrTask(PipelineTask[IsrConfig]):
    """Overscan, bias, gain, flat field, variance, hot and saturated pixels, cosmic rays."""

    Connections = IsrConnections

    def run(self, raw: CCDData, bias: CCDData, flat: CCDData) -> Struct:
        """Calibrate the pixels of one frame."""
        image = remove_signature(raw, bias, flat, cosmic_ray_sigma=self.config.cosmic_ray_sigma)
        for plane in (Plane.SATURATED, Plane.HOT, Plane.COSMIC_RAY):
            pixels = int(np.count_nonzero(planes_of(image) & int(plane)))
            self.metadata[f"{str(plane.name).lower()}_pixels"] = pixels
        return Struct(post_isr=image)

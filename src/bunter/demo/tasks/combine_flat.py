"""Flat frames of a detector and filter to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.demo.reduction.calibration import combine_flat
from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.nddata import CCDData


class CombineFlatConnections(Connections, dimensions=("instrument", "detector", "physical_filter")):
    """Raw flat frames and the bias in, response of the pixels out."""

    raws = Input(
        "raw",
        "Raw",
        dimensions=("instrument", "exposure", "detector"),
        doc="Raw flat frames.",
        multiple=True,
        minimum=2,
        where="exposure.observation_type = 'flat'",
    )
    bias = Input("bias", "CCDData", dimensions=("instrument", "detector"), doc="Combined bias.", is_calibration=True)
    flat = Output(
        "flat",
        "CCDData",
        dimensions=("instrument", "detector", "physical_filter"),
        doc="Response of the pixels, of median 1.",
        is_calibration=True,
    )


class CombineFlatConfig(TaskConfig):
    """Configuration of `CombineFlatTask`."""

    clip_sigma: float = Field(5.0, gt=0, description="Values further from their pixel's median are left out.")


class CombineFlatTask(PipelineTask[CombineFlatConfig]):
    """Average flat frames, each scaled to median 1, without outliers."""

    Connections = CombineFlatConnections

    def run(self, raws: Sequence[CCDData], bias: CCDData) -> Struct:
        """Combine the frames of one detector and filter."""
        return Struct(flat=combine_flat(raws, bias, clip_sigma=self.config.clip_sigma))

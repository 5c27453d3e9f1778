"""Bias frames of a detector to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.demo.reduction.calibration import combine_bias
from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.nddata import CCDData


class CombineBiasConnections(Connections, dimensions=("instrument", "detector")):
    """Raw bias frames in, combined bias out."""

    raws = Input(
        "raw",
        "Raw",
        dimensions=("instrument", "exposure", "detector"),
        doc="Raw bias frames.",
        multiple=True,
        minimum=2,
        where="exposure.observation_type = 'bias'",
    )
    bias = Output(
        "bias",
        "CCDData",
        dimensions=("instrument", "detector"),
        doc="Structure of the bias, adu above the overscan.",
        is_calibration=True,
    )


class CombineBiasConfig(TaskConfig):
    """Configuration of `CombineBiasTask`."""

    clip_sigma: float = Field(5.0, gt=0, description="Values further from their pixel's median are left out.")


class CombineBiasTask(PipelineTask[CombineBiasConfig]):
    """Average bias frames, without outliers."""

    Connections = CombineBiasConnections

    def run(self, raws: Sequence[CCDData]) -> Struct:
        """Combine the frames of one detector."""
        return Struct(bias=combine_bias(raws, clip_sigma=self.config.clip_sigma))

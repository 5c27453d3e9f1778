"""Coadds of a patch and band."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.demo.reduction.coaddition import coadd
from bunter.demo.reduction.preview import preview
from bunter.demo.tasks.images import read_image
from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.pipeline import DeferredDataset


class CoaddConnections(Connections, dimensions=("skymap", "tract", "patch", "band")):
    """Warps in, their mean and a picture of it out."""

    warps = Input(
        "warp",
        "CCDData",
        dimensions=("skymap", "tract", "patch", "instrument", "visit"),
        doc="Visits on the pixels of the patch.",
        multiple=True,
        deferred=True,
    )
    coadd = Output(
        "coadd",
        "CCDData",
        dimensions=("skymap", "tract", "patch", "band"),
        doc="Mean of the warps, nanojansky per pixel, with variance and mask planes.",
    )
    preview = Output(
        "coadd_preview", "Plot", dimensions=("skymap", "tract", "patch", "band"), doc="The coadd as a picture."
    )


class CoaddConfig(TaskConfig):
    """Configuration of `CoaddTask`."""

    clip_sigma: float = Field(5.0, gt=0, description="Values further from the median of three or more are left out.")
    tolerance: float = Field(1.0, ge=0, description="Part of the median that is allowed on top of the noise.")


class CoaddTask(PipelineTask[CoaddConfig]):
    """Mean of the warps weighted by inverse variance, without outliers."""

    Connections = CoaddConnections

    def run(self, warps: Sequence[DeferredDataset]) -> Struct:
        """Combine the warps of one patch and band."""
        images = [read_image(warp) for warp in warps]
        mean = coadd(images, clip_sigma=self.config.clip_sigma, tolerance=self.config.tolerance)
        self.metadata["warps"] = len(images)
        return Struct(coadd=mean, preview=preview(mean))

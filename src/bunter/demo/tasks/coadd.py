"""Coadds of a patch and band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.demo.reduction.coaddition import coadd
from bunter.demo.reduction.preview import preview
from bunter.demo.tasks.images import read_image
from bunter.ingest import SkyMap
from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, PrerequisiteInput, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    skymap = PrerequisiteInput("skymap", "StructuredDataDict", dimensions=("skymap",), doc="Where the patches are.")
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

    def run(self, warps: Sequence[DeferredDataset], skymap: dict[str, Any], data_id: Mapping[str, Any]) -> Struct:
        """Combine the warps of one patch and band."""
        patch = SkyMap.from_dict(skymap).tract(data_id["tract"]).patch(data_id["patch"])
        images = [read_image(warp) for warp in warps]
        options = {"clip_sigma": self.config.clip_sigma, "tolerance": self.config.tolerance}
        mean = coadd(images, patch.wcs, patch.shape, **options)
        self.metadata["warps"] = len(images)
        return Struct(coadd=mean, preview=preview(mean))

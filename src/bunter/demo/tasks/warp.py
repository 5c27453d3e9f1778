"""Visits resampled onto patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.demo.reduction.warping import warp
from bunter.demo.tasks.images import read_image
from bunter.ingest import SkyMap
from bunter.pipeline import Connections, Input, NoWorkFound, Output, PipelineTask, PrerequisiteInput, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.pipeline import DeferredDataset


class WarpConnections(Connections, dimensions=("skymap", "tract", "patch", "instrument", "visit")):
    """Calibrated frames of one visit in, their image on the patch out."""

    calexps = Input(
        "calexp",
        "CCDData",
        dimensions=("instrument", "visit", "detector"),
        doc="Calibrated frames that overlap the patch.",
        multiple=True,
        deferred=True,
    )
    skymap = PrerequisiteInput("skymap", "StructuredDataDict", dimensions=("skymap",), doc="Where the patches are.")
    warp = Output(
        "warp",
        "CCDData",
        dimensions=("skymap", "tract", "patch", "instrument", "visit"),
        doc="The visit on the pixels of the patch.",
    )


class WarpTask(PipelineTask[TaskConfig]):
    """Resample the detectors of a visit onto a patch, by bicubic interpolation."""

    Connections = WarpConnections

    def run(self, calexps: Sequence[DeferredDataset], skymap: dict[str, Any], data_id: Mapping[str, Any]) -> Struct:
        """Resample one visit onto one patch."""
        patch = SkyMap.from_dict(skymap).tract(data_id["tract"]).patch(data_id["patch"])
        warped = warp([read_image(calexp) for calexp in calexps], patch.wcs, patch.shape)
        if warped is None:
            raise NoWorkFound("no pixel of the visit lies on the patch")
        return Struct(warp=warped)

"""Detection and photometry on one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.demo.reduction.measurement import measure
from bunter.demo.tasks.images import read_image
from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.pipeline import DeferredDataset


class MeasureConnections(Connections, dimensions=("instrument", "visit", "detector")):
    """A calibrated frame in, its sources and sky out."""

    images = Input(
        "post_isr",
        "CCDData",
        dimensions=("instrument", "exposure", "detector"),
        doc="The frame of the visit's exposure.",
        multiple=True,
        deferred=True,
    )
    sources = Output(
        "sources",
        "AstropyTable",
        dimensions=("instrument", "visit", "detector"),
        doc="Sources in pixels and electrons.",
    )
    background = Output(
        "background", "NumpyArray", dimensions=("instrument", "visit", "detector"), doc="Mesh of the sky, electrons."
    )


class MeasureConfig(TaskConfig):
    """Configuration of `MeasureTask`."""

    threshold: float = Field(5.0, gt=0, description="Least significance of a source.")
    sky_box: int = Field(64, ge=16, description="Side of the boxes in which the sky is measured, pixels.")


class MeasureTask(PipelineTask[MeasureConfig]):
    """Sky, detection, point-spread function, centroids and fluxes."""

    Connections = MeasureConnections

    def run(self, images: Sequence[DeferredDataset]) -> Struct:
        """Measure the sources of one frame; a visit of DemoCam is one exposure."""
        image = read_image(images[0])
        sources, mesh = measure(image, threshold=self.config.threshold, box=self.config.sky_box)
        self.metadata |= {"sources": len(sources), "fwhm_pixels": sources.meta["fwhm"]}
        return Struct(sources=sources, background=mesh)

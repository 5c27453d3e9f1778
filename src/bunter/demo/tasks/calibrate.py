"""Astrometry and photometry against a reference catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.demo.reduction.calibrated import calibrate
from bunter.demo.tasks.images import read_image
from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, PrerequisiteInput, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.table import Table

    from bunter.pipeline import DeferredDataset


class CalibrateConnections(Connections, dimensions=("instrument", "visit", "detector")):
    """A frame, its sources and the reference catalogue in; calibrated frame and sources out."""

    images = Input(
        "post_isr",
        "CCDData",
        dimensions=("instrument", "exposure", "detector"),
        doc="The frame of the visit's exposure.",
        multiple=True,
        deferred=True,
    )
    sources = Input(
        "sources",
        "AstropyTable",
        dimensions=("instrument", "visit", "detector"),
        doc="Sources in pixels and electrons.",
    )
    background = Input(
        "background", "NumpyArray", dimensions=("instrument", "visit", "detector"), doc="Mesh of the sky, electrons."
    )
    refcat = PrerequisiteInput(
        "refcat", "AstropyTable", dimensions=("htm7",), doc="Reference catalogue.", multiple=True, deferred=True
    )
    calexp = Output(
        "calexp",
        "CCDData",
        dimensions=("instrument", "visit", "detector"),
        doc="Image without sky, nanojansky per pixel, with fitted WCS.",
    )
    src = Output(
        "src",
        "AstropyTable",
        dimensions=("instrument", "visit", "detector"),
        doc="Sources with positions and magnitudes.",
    )


class CalibrateConfig(TaskConfig):
    """Configuration of `CalibrateTask`."""

    reference_band: dict[str, str] = Field(
        default_factory=lambda: {"DemoCam-g": "g", "DemoCam-r": "r"},
        description="Band of the reference catalogue by physical filter.",
    )
    snr: float = Field(20.0, gt=0, description="Least signal-to-noise ratio of a star that calibrates.")


class CalibrateTask(PipelineTask[CalibrateConfig]):
    """Match, refit the gnomonic WCS, and find the zero point."""

    Connections = CalibrateConnections

    def run(
        self, images: Sequence[DeferredDataset], sources: Table, background: Any, refcat: Sequence[DeferredDataset]
    ) -> Struct:
        """Calibrate one frame."""
        from astropy.table import vstack

        image = read_image(images[0])
        reference = vstack([shard.get() for shard in refcat], metadata_conflicts="silent")
        band = self.config.reference_band[image.header["FILTER"]]
        calexp, src = calibrate(image, sources, background, reference, band=band, snr=self.config.snr)
        self.metadata |= {name: src.meta[name] for name in ("zero_point", "astrometric_rms", "n_calibrators")}
        return Struct(calexp=calexp, src=src)

"""Objects of a patch in all bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.demo.reduction.objects import add_missing_band, detect_objects
from bunter.demo.reduction.preview import colour_preview
from bunter.demo.tasks.images import read_image
from bunter.ingest import SkyMap
from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, PrerequisiteInput, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.ingest import Patch
    from bunter.pipeline import DeferredDataset


class ObjectsConnections(Connections, dimensions=("skymap", "tract", "patch")):
    """Coadds of all bands in, a table of objects and a picture out."""

    coadds = Input(
        "coadd",
        "CCDData",
        dimensions=("skymap", "tract", "patch", "band"),
        doc="Coadds of the patch.",
        multiple=True,
        deferred=True,
    )
    skymap = PrerequisiteInput("skymap", "StructuredDataDict", dimensions=("skymap",), doc="Where the patches are.")
    objects = Output(
        "objects", "AstropyTable", dimensions=("skymap", "tract", "patch"), doc="Positions, fluxes and magnitudes."
    )
    preview = Output("patch_preview", "Plot", dimensions=("skymap", "tract", "patch"), doc="The patch in colours.")


class ObjectsConfig(TaskConfig):
    """Configuration of `ObjectsTask`."""

    bands: tuple[str, ...] = Field(("g", "r"), description="Bands of the table, bluest first.")
    threshold: float = Field(5.0, gt=0, description="Least significance of an object, all bands together.")


class ObjectsTask(PipelineTask[ObjectsConfig]):
    """Detect in all bands together, measure in each at the same place."""

    Connections = ObjectsConnections

    def run(self, coadds: Sequence[DeferredDataset], skymap: dict[str, Any], data_id: Mapping[str, Any]) -> Struct:
        """Make the table of one patch, with the objects that lie on no other."""
        patch = SkyMap.from_dict(skymap).tract(data_id["tract"]).patch(data_id["patch"])
        images = {str(coadd.data_id["band"]): read_image(coadd) for coadd in coadds}
        images = {band: images[band] for band in self.config.bands if band in images}
        objects = detect_objects(images, inner=inner_box(patch), threshold=self.config.threshold)
        for band in self.config.bands:
            if band not in images:
                add_missing_band(objects, band)
        objects.add_column(int(data_id["tract"]), index=1, name="tract")
        objects.add_column(int(data_id["patch"]), index=2, name="patch")
        self.metadata["objects"] = len(objects)
        return Struct(objects=objects, preview=colour_preview(list(images.values())[::-1]))


def inner_box(patch: Patch) -> tuple[float, float, float, float]:
    """x_min, y_min, x_max, y_max of the inner region of a patch, in the pixels of its images; half-open."""
    x0, y0, _, _ = patch.outer.box
    begin_x, begin_y, end_x, end_y = patch.inner.box
    return begin_x - x0 - 0.5, begin_y - y0 - 0.5, end_x - x0 - 0.5, end_y - y0 - 0.5

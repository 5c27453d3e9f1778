"""Seven tasks from raw frames to an object table; the algorithms are arithmetic on numbers."""

from typing import Literal

from bunter.pipeline import (
    Connections,
    Field,
    Input,
    Output,
    PipelineTask,
    PrerequisiteInput,
    Struct,
    TaskConfig,
    TaskPart,
)

EXPOSURE = ("instrument", "exposure", "detector")
VISIT = ("instrument", "visit", "detector")
PATCH = ("skymap", "tract", "patch")


class IsrConnections(Connections, dimensions=EXPOSURE):
    raw = Input("raw", "CCDData", dimensions=EXPOSURE, doc="Raw frame.")
    bias = PrerequisiteInput("bias", "CCDData", dimensions=("instrument", "detector"), is_calibration=True)
    flat = PrerequisiteInput(
        "flat", "CCDData", dimensions=("instrument", "detector", "physical_filter"), is_calibration=True, when="do_flat"
    )
    exposure = Output("post_isr", "CCDData", dimensions=EXPOSURE)


class IsrConfig(TaskConfig):
    saturation: float = Field(60000.0, gt=0, description="Level above which pixels are masked, adu.")
    do_flat: bool = Field(True, description="Divide by the flat field.")


class IsrTask(PipelineTask[IsrConfig]):
    Connections = IsrConnections
    Config = IsrConfig

    def run(self, raw, bias, flat=1):
        return Struct(exposure=min(raw - bias, self.config.saturation) / flat)


class MeasureConnections(Connections, dimensions=VISIT):
    exposure = Input("post_isr", "CCDData", dimensions=EXPOSURE)
    catalog = Output("source", "AstropyTable", dimensions=VISIT)
    background = Output("background", "CCDData", dimensions=VISIT)


class PsfConfig(TaskPart):
    order: int = Field(2, ge=0)
    stars: int = Field(20, ge=1)


class MeasureConfig(TaskConfig):
    threshold: float = Field(5.0, gt=0)
    method: Literal["sep", "photutils"] = "sep"
    psf: PsfConfig = PsfConfig(order=3)
    flags: list[str] = Field(default_factory=list)


class MeasureTask(PipelineTask[MeasureConfig]):
    Connections = MeasureConnections

    def run(self, exposure):
        return Struct(catalog=[exposure] * self.config.psf.order, background=0)


class CalibrateConnections(Connections, dimensions=VISIT):
    exposure = Input("post_isr", "CCDData", dimensions=EXPOSURE)
    catalog = Input("source", "AstropyTable", dimensions=VISIT)
    reference = PrerequisiteInput("refcat", "AstropyTable", dimensions=("htm7",), multiple=True, deferred=True)
    calibrated = Output("calexp", "CCDData", dimensions=VISIT)


class CalibrateTask(PipelineTask[TaskConfig]):
    Connections = CalibrateConnections

    def run(self, exposure, catalog, reference):
        return Struct(calibrated=exposure + sum(one.get() for one in reference))


class SummarizeConnections(Connections, dimensions=("instrument", "visit")):
    calibrated = Input("calexp", "CCDData", dimensions=VISIT, multiple=True)
    table = Output("visit_summary", "AstropyTable", dimensions=("instrument", "visit"))


class SummarizeTask(PipelineTask[TaskConfig]):
    Connections = SummarizeConnections

    def run(self, calibrated):
        return Struct(table=calibrated)


class WarpConnections(Connections, dimensions=(*PATCH, "instrument", "visit"), templates={"kind": "direct"}):
    calibrated = Input("calexp", "CCDData", dimensions=VISIT, multiple=True)
    summary = Input("visit_summary", "AstropyTable", dimensions=("instrument", "visit"))
    warp = Output("{kind}_warp", "CCDData", dimensions=(*PATCH, "instrument", "visit"))


class WarpTask(PipelineTask[TaskConfig]):
    Connections = WarpConnections

    def run(self, calibrated, summary, *, data_id):
        return Struct(warp=(sum(calibrated), data_id["patch"]))


class CoaddConnections(Connections, dimensions=(*PATCH, "band")):
    warps = Input(
        "direct_warp", "CCDData", dimensions=(*PATCH, "instrument", "visit"), multiple=True, minimum=2, doc="Aligned."
    )
    coadd = Output("coadd", "CCDData", dimensions=(*PATCH, "band"))


class CoaddTask(PipelineTask[TaskConfig]):
    Connections = CoaddConnections

    def run(self, warps):
        return Struct(coadd=sum(warps) / len(warps))


class ObjectConnections(Connections, dimensions=PATCH):
    coadds = Input("coadd", "CCDData", dimensions=(*PATCH, "band"), multiple=True, deferred=True)
    table = Output("object", "AstropyTable", dimensions=PATCH)


class ObjectTask(PipelineTask[TaskConfig]):
    Connections = ObjectConnections

    def run(self, coadds):
        return Struct(table={one.data_id["band"]: one.get() for one in coadds})

"""PipelineTasks used by the quantum-graph and execution workloads on the LSST side."""

# A script of plain calls, the same on both sides: it measures, it is no example of style.
# ruff: noqa: ARG002, FBT002, N802, N803, N815

from lsst.pipe.base import (
    Instrument,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
)
from lsst.pipe.base import connectionTypes as cT

SC = "StructuredDataDict"


class BenchCam(Instrument):
    """Minimal instrument class, so that class_name in the repository resolves."""

    filterDefinitions = None

    @classmethod
    def getName(cls):
        return "BenchCam"

    def register(self, registry, update=False):
        raise NotImplementedError

    def getRawFormatter(self, dataId):
        raise NotImplementedError


class IsrConnections(PipelineTaskConnections, dimensions=("instrument", "exposure", "detector")):
    raw = cT.Input(name="raw", storageClass=SC, dimensions=("instrument", "exposure", "detector"), doc="raw")
    bias = cT.PrerequisiteInput(
        name="bias", storageClass=SC, dimensions=("instrument", "detector"), isCalibration=True, doc="bias"
    )
    flat = cT.PrerequisiteInput(
        name="flat",
        storageClass=SC,
        dimensions=("instrument", "detector", "physical_filter"),
        isCalibration=True,
        doc="flat",
    )
    postIsr = cT.Output(name="post_isr", storageClass=SC, dimensions=("instrument", "exposure", "detector"), doc="out")


class IsrConfig(PipelineTaskConfig, pipelineConnections=IsrConnections):
    pass


class IsrTask(PipelineTask):
    ConfigClass = IsrConfig
    _DefaultName = "isr"

    def run(self, raw, bias, flat):
        return Struct(postIsr={"v": 1})


class CalibrateConnections(PipelineTaskConnections, dimensions=("instrument", "visit", "detector")):
    exposures = cT.Input(
        name="post_isr",
        storageClass=SC,
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        doc="in",
    )
    calexp = cT.Output(name="calexp", storageClass=SC, dimensions=("instrument", "visit", "detector"), doc="out")
    src = cT.Output(name="src", storageClass=SC, dimensions=("instrument", "visit", "detector"), doc="out")


class CalibrateConfig(PipelineTaskConfig, pipelineConnections=CalibrateConnections):
    pass


class CalibrateTask(PipelineTask):
    ConfigClass = CalibrateConfig
    _DefaultName = "calibrate"

    def run(self, exposures):
        return Struct(calexp={"v": 2}, src={"v": 3})


class GatherConnections(PipelineTaskConnections, dimensions=("instrument", "visit")):
    srcs = cT.Input(
        name="src", storageClass=SC, dimensions=("instrument", "visit", "detector"), multiple=True, doc="in"
    )
    summary = cT.Output(name="visit_summary", storageClass=SC, dimensions=("instrument", "visit"), doc="out")


class GatherConfig(PipelineTaskConfig, pipelineConnections=GatherConnections):
    pass


class GatherTask(PipelineTask):
    ConfigClass = GatherConfig
    _DefaultName = "gather"

    def run(self, srcs):
        return Struct(summary={"n": len(srcs)})


class WarpConnections(PipelineTaskConnections, dimensions=("instrument", "visit", "skymap", "tract", "patch")):
    calexps = cT.Input(
        name="calexp", storageClass=SC, dimensions=("instrument", "visit", "detector"), multiple=True, doc="in"
    )
    summary = cT.Input(name="visit_summary", storageClass=SC, dimensions=("instrument", "visit"), doc="in")
    warp = cT.Output(
        name="warp", storageClass=SC, dimensions=("instrument", "visit", "skymap", "tract", "patch"), doc="out"
    )


class WarpConfig(PipelineTaskConfig, pipelineConnections=WarpConnections):
    pass


class WarpTask(PipelineTask):
    ConfigClass = WarpConfig
    _DefaultName = "warp"

    def run(self, calexps, summary):
        return Struct(warp={"n": len(calexps)})


class CoaddConnections(PipelineTaskConnections, dimensions=("skymap", "tract", "patch", "band")):
    warps = cT.Input(
        name="warp",
        storageClass=SC,
        dimensions=("instrument", "visit", "skymap", "tract", "patch"),
        multiple=True,
        doc="in",
    )
    coadd = cT.Output(name="coadd", storageClass=SC, dimensions=("skymap", "tract", "patch", "band"), doc="out")


class CoaddConfig(PipelineTaskConfig, pipelineConnections=CoaddConnections):
    pass


class CoaddTask(PipelineTask):
    ConfigClass = CoaddConfig
    _DefaultName = "coadd"

    def run(self, warps):
        return Struct(coadd={"n": len(warps)})


class NoopConnections(PipelineTaskConnections, dimensions=("instrument", "exposure", "detector")):
    raw = cT.Input(name="raw", storageClass=SC, dimensions=("instrument", "exposure", "detector"), doc="in")
    out = cT.Output(name="noop_out", storageClass=SC, dimensions=("instrument", "exposure", "detector"), doc="out")


class NoopConfig(PipelineTaskConfig, pipelineConnections=NoopConnections):
    pass


class NoopTask(PipelineTask):
    """Reads one small dict, writes one small dict, does nothing else."""

    ConfigClass = NoopConfig
    _DefaultName = "noop"

    def run(self, raw):
        return Struct(out={"i": raw["i"], "done": True})

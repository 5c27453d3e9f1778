"""Tasks of the quantum-graph and execution workloads, the same as in lsst_bench_tasks.py."""

# A script of plain calls, the same on both sides: it measures, it is no example of style.
# ruff: noqa: ARG002

from bunter.pipeline import Connections, Input, Output, PipelineTask, PrerequisiteInput, Struct

KIND = "StructuredDataDict"
EXPOSURE = ("instrument", "exposure", "detector")
VISIT = ("instrument", "visit", "detector")
WARP = ("instrument", "visit", "skymap", "tract", "patch")


class IsrConnections(Connections, dimensions=EXPOSURE):
    raw = Input("raw", KIND, dimensions=EXPOSURE)
    bias = PrerequisiteInput("bias", KIND, dimensions=("instrument", "detector"), is_calibration=True)
    flat = PrerequisiteInput(
        "flat", KIND, dimensions=("instrument", "detector", "physical_filter"), is_calibration=True
    )
    post_isr = Output("post_isr", KIND, dimensions=EXPOSURE)


class IsrTask(PipelineTask):
    Connections = IsrConnections

    def run(self, raw, bias, flat):
        return Struct(post_isr={"v": 1})


class CalibrateConnections(Connections, dimensions=VISIT):
    exposures = Input("post_isr", KIND, dimensions=EXPOSURE, multiple=True)
    calexp = Output("calexp", KIND, dimensions=VISIT)
    src = Output("src", KIND, dimensions=VISIT)


class CalibrateTask(PipelineTask):
    Connections = CalibrateConnections

    def run(self, exposures):
        return Struct(calexp={"v": 2}, src={"v": 3})


class GatherConnections(Connections, dimensions=("instrument", "visit")):
    srcs = Input("src", KIND, dimensions=VISIT, multiple=True)
    summary = Output("visit_summary", KIND, dimensions=("instrument", "visit"))


class GatherTask(PipelineTask):
    Connections = GatherConnections

    def run(self, srcs):
        return Struct(summary={"n": len(srcs)})


class WarpConnections(Connections, dimensions=WARP):
    calexps = Input("calexp", KIND, dimensions=VISIT, multiple=True)
    summary = Input("visit_summary", KIND, dimensions=("instrument", "visit"))
    warp = Output("warp", KIND, dimensions=WARP)


class WarpTask(PipelineTask):
    Connections = WarpConnections

    def run(self, calexps, summary):
        return Struct(warp={"n": len(calexps)})


class CoaddConnections(Connections, dimensions=("skymap", "tract", "patch", "band")):
    warps = Input("warp", KIND, dimensions=WARP, multiple=True)
    coadd = Output("coadd", KIND, dimensions=("skymap", "tract", "patch", "band"))


class CoaddTask(PipelineTask):
    Connections = CoaddConnections

    def run(self, warps):
        return Struct(coadd={"n": len(warps)})


class NoopConnections(Connections, dimensions=EXPOSURE):
    raw = Input("raw", KIND, dimensions=EXPOSURE)
    out = Output("noop_out", KIND, dimensions=EXPOSURE)


class NoopTask(PipelineTask):
    """Reads one small dict, writes one small dict, does nothing else."""

    Connections = NoopConnections

    def run(self, raw):
        return Struct(out={"i": raw["i"], "done": True})

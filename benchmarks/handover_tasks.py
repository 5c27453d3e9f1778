"""Three tasks in a row over images, whose results may be handed over; for handover.py."""

from __future__ import annotations

import numpy as np
from astropy.nddata import CCDData

from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, Struct, TaskConfig

FRAME = ("instrument", "exposure", "detector")


class StepConfig(TaskConfig):
    """How results travel."""

    side: int = 2048
    keep: str = Field("forever")
    handover: bool = False


class Passing(Connections, dimensions=FRAME):
    """Lets the configuration say how the output travels."""

    def adjust(self, config):
        if config is not None and "out" in self:
            self.change("out", keep=config.keep, handover=config.handover)


class OneConnections(Passing, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
    out = Output("first", "CCDData", dimensions=FRAME)


class One(PipelineTask):
    Connections, Config = OneConnections, StepConfig

    def run(self, raw):
        values = np.random.default_rng(raw["v"]).normal(1000.0, 30.0, (self.config.side, self.config.side))
        return Struct(out=CCDData(values.astype(np.float32), unit="adu"))


class TwoConnections(Passing, dimensions=FRAME):
    first = Input("first", "CCDData", dimensions=FRAME)
    out = Output("second", "CCDData", dimensions=FRAME)


class Two(PipelineTask):
    Connections, Config = TwoConnections, StepConfig

    def run(self, first):
        return Struct(out=CCDData(first.data - 1000.0, unit=first.unit))


class ThreeConnections(Connections, dimensions=FRAME):
    second = Input("second", "CCDData", dimensions=FRAME)
    out = Output("third", "StructuredDataDict", dimensions=FRAME)


class Three(PipelineTask):
    Connections, Config = ThreeConnections, StepConfig

    def run(self, second):
        return Struct(out={"mean": float(second.data.mean())})

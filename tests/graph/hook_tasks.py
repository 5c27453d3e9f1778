"""Tasks with hooks, in a module so that they can be found by name."""

from __future__ import annotations

import numpy as np

from bunter.pipeline import Connections, Input, NoWorkFound, Output, PipelineTask, PrerequisiteInput

KIND = "StructuredDataDict"
FRAME, EXPOSURE = ("instrument", "exposure", "detector"), ("instrument", "exposure")


class ReduceConnections(Connections, dimensions=FRAME):
    raw = Input("raw", KIND, dimensions=FRAME)
    flat = PrerequisiteInput(
        "flat", KIND, dimensions=("instrument", "detector", "physical_filter"), is_calibration=True
    )
    reduced = Output("reduced", KIND, dimensions=FRAME)
    extra = Output("extra", KIND, dimensions=FRAME)

    def adjust_quantum(self, inputs, outputs, data_id):
        if data_id["exposure"] == 2:
            raise NoWorkFound("the second is a test")
        if data_id["detector"] == 1:
            outputs = {**outputs, "extra": []}
        return inputs, outputs


class Reduce(PipelineTask):
    Connections = ReduceConnections

    def run(self, raw, flat):
        raise NotImplementedError


class GatherConnections(Connections, dimensions=EXPOSURE):
    frames = Input("reduced", KIND, dimensions=FRAME, multiple=True, minimum=2)
    extras = Input("extra", KIND, dimensions=FRAME, multiple=True, minimum=0)
    gathered = Output("gathered", KIND, dimensions=EXPOSURE)

    def adjust_quanta(self, quanta):
        assert len(quanta) == len(quanta.data_ids["exposure"])
        assert (quanta.count("frames") == 2).all()
        assert set(np.unique(quanta["frames"].data_ids["detector"])) == {0, 1}
        quanta.drop(quanta.data_ids["exposure"] == quanta.data_ids["exposure"].max(), "the last is not complete")
        first = quanta.data_ids["exposure"][quanta["extras"].quantum] == quanta.data_ids["exposure"].min()
        quanta.unlink("extras", first)


class Gather(PipelineTask):
    Connections = GatherConnections

    def run(self, frames, extras):
        raise NotImplementedError


class NightConnections(Connections, dimensions=("instrument", "detector")):
    raws = Input("raw", KIND, dimensions=FRAME, multiple=True)
    flats = PrerequisiteInput(
        "flat", KIND, dimensions=("instrument", "detector", "physical_filter"), is_calibration=True, multiple=True,
        through="raws",
    )  # fmt: skip
    night = Output("night", KIND, dimensions=("instrument", "detector"))


class Night(PipelineTask):
    Connections = NightConnections

    def run(self, raws, flats):
        raise NotImplementedError


class BrokenConnections(Connections, dimensions=FRAME):
    raw = Input("raw", KIND, dimensions=FRAME)
    broken = Output("broken", KIND, dimensions=FRAME)

    def adjust_quantum(self, inputs, outputs, data_id):
        raise KeyError("oops")


class Broken(PipelineTask):
    Connections = BrokenConnections

    def run(self, raw):
        raise NotImplementedError


class NeedyConnections(Connections, dimensions=FRAME):
    raw = Input("raw", KIND, dimensions=FRAME)
    dark = PrerequisiteInput("bias", KIND, dimensions=("instrument", "detector"), is_calibration=True, missing="fail")
    needy = Output("needy", KIND, dimensions=FRAME)


class Needy(PipelineTask):
    Connections = NeedyConnections

    def run(self, raw, dark):
        raise NotImplementedError


class NearestConnections(Connections, dimensions=FRAME):
    raw = Input("raw", KIND, dimensions=FRAME)
    neighbours = PrerequisiteInput("raw", KIND, dimensions=FRAME, multiple=True, minimum=0, lookup="find_neighbours")
    nearest = Output("nearest", KIND, dimensions=FRAME)

    def find_neighbours(self, quanta, datasets):
        """Read the frame of the same detector in the exposure before."""
        same = quanta["detector"][:, None] == datasets["detector"][None, :]
        before = quanta["exposure"][:, None] == datasets["exposure"][None, :] + 1
        return np.nonzero(same & before)


class Nearest(PipelineTask):
    Connections = NearestConnections

    def run(self, raw, neighbours):
        raise NotImplementedError


class LostConnections(NearestConnections):
    def find_neighbours(self, quanta, datasets):
        return [0], [10_000]


class Lost(PipelineTask):
    Connections = LostConnections

    def run(self, raw, neighbours):
        raise NotImplementedError


class MisnamedConnections(Connections, dimensions=FRAME):
    raw = Input("raw", KIND, dimensions=FRAME)
    other = PrerequisiteInput("other", KIND, dimensions=FRAME, lookup="find_them")
    made = Output("made", KIND, dimensions=FRAME)


class Misnamed(PipelineTask):
    Connections = MisnamedConnections

    def run(self, raw, other):
        raise NotImplementedError

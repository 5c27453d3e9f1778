"""Tasks on a raw frame: one works, one raises, two are killed."""

import os
import signal
from pathlib import Path

from bunter.pipeline import Connections, Input, Output, PipelineTask, Struct, TaskConfig

EXPOSURE = ("instrument", "exposure", "detector")


class FrameConnections(Connections, dimensions=EXPOSURE):
    frame = Input("raw", "Raw", dimensions=EXPOSURE)
    mean = Output("mean", "StructuredDataDict", dimensions=EXPOSURE)


class FrameConfig(TaskConfig):
    scale: float = 1.0
    worst_detector: int = 2


class WellTask(PipelineTask[FrameConfig]):
    """Gives the mean of a frame."""

    Connections = FrameConnections

    def run(self, frame, data_id):
        return Struct(mean={"mean": float(frame.data.mean()) * self.config.scale})


class RaisingTask(WellTask):
    """Raises for one detector."""

    def run(self, frame, data_id):
        if data_id["detector"] == self.config.worst_detector:
            raise ValueError("the sky is falling")
        return super().run(frame, data_id)


class DyingTask(WellTask):
    """Is killed at one detector, as by a kernel that is out of memory."""

    def run(self, frame, data_id):
        if data_id["detector"] == self.config.worst_detector:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(frame, data_id)


class HauntedTask(WellTask):
    """Is killed at one detector while a file ``ghost`` is in the current folder."""

    def run(self, frame, data_id):
        if data_id["detector"] == self.config.worst_detector and Path("ghost").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(frame, data_id)

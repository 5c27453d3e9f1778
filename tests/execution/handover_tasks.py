"""Three tasks in a row whose results go from hand to hand; what they do is written into a folder."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import numpy as np

from bunter.pipeline import Connections, Field, Input, NoWorkFound, Output, PipelineTask, Struct, TaskConfig

FRAME = ("instrument", "exposure", "detector")


class StepConfig(TaskConfig):
    """How long outputs are kept, whether they are handed over, and what goes wrong once."""

    keep: str = Field("never")
    handover: bool = True
    side: int = 8
    marks: str = ""
    faults: dict[str, str] = Field(default_factory=dict)
    spill: int = 0


class Step(PipelineTask):
    def mark(self, data_id, *words):
        """Write down that a quantum ran here; say whether it is the first time."""
        if not self.config.marks:
            return False
        name = f"{self.label_of()}-{data_id['exposure']}-{data_id['detector']}"
        path = Path(self.config.marks, name)
        is_first = not path.exists()
        with path.open("a", encoding="utf-8") as file:
            file.write(" ".join([str(os.getpid()), *map(str, words)]) + "\n")
        return is_first

    def label_of(self):
        return type(self).__name__.lower()

    def go_wrong(self, data_id, *, is_first):
        word = self.config.faults.get(f"{data_id['exposure']}-{data_id['detector']}", "")
        if word.endswith("?") and not is_first:
            return
        match word.rstrip("?"):
            case "raise":
                raise ValueError("a cloud")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "no_work":
                raise NoWorkFound("dark")


class OneConnections(Connections, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
    first = Output("first", "NumpyArray", dimensions=FRAME)

    def adjust(self, config):
        if config is not None:
            self.change("first", keep=config.keep, handover=config.handover)


class One(Step):
    Connections, Config = OneConnections, StepConfig

    def run(self, raw, data_id):
        is_first = self.mark(data_id)
        self.go_wrong(data_id, is_first=is_first)
        if self.config.spill:
            with tempfile.NamedTemporaryFile(delete=False) as file:
                file.write(b"x" * self.config.spill)
        return Struct(first=np.full((self.config.side, self.config.side), float(raw["value"] + 1)))


class TwoConnections(Connections, dimensions=FRAME):
    first = Input("first", "NumpyArray", dimensions=FRAME)
    second = Output("second", "NumpyArray", dimensions=FRAME)

    def adjust(self, config):
        if config is not None:
            self.change("second", keep=config.keep, handover=config.handover)


class Two(Step):
    Connections, Config = TwoConnections, StepConfig

    def run(self, first, data_id):
        is_first = self.mark(data_id)
        self.go_wrong(data_id, is_first=is_first)
        first *= 2  # what is handed over is the reader's own
        return Struct(second=first)


class ThreeConnections(Connections, dimensions=FRAME):
    second = Input("second", "NumpyArray", dimensions=FRAME)
    third = Output("third", "StructuredDataDict", dimensions=FRAME)


class Three(Step):
    Connections, Config = ThreeConnections, StepConfig

    def run(self, second, data_id):
        is_first = self.mark(data_id)
        self.go_wrong(data_id, is_first=is_first)
        return Struct(third={"sum": float(second.sum())})

"""Tasks for the tests of runs; a module, so that worker processes can import it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from bunter.pipeline import (
    Connections,
    Field,
    InitOutput,
    Input,
    InvalidQuantumError,
    NoWorkFound,
    Output,
    PipelineTask,
    RepeatableError,
    Struct,
    TaskConfig,
)

FRAME = ("instrument", "exposure", "detector")
EXPOSURE = ("instrument", "exposure")


class ReduceConnections(Connections, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
    reduced = Output("reduced", "StructuredDataDict", dimensions=FRAME)
    schema = InitOutput("reduced_schema", "StructuredDataDict")


class ReduceConfig(TaskConfig):
    """What goes wrong: exposure number to word; a word with '?' goes wrong once for each detector, marked by a file."""

    faults: dict[str, str] = Field(default_factory=dict)
    marks: str = ""
    sleep_s: float = 0.0
    factor: int = 10


class Reduce(PipelineTask[ReduceConfig]):
    Connections = ReduceConnections

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.schema = {"columns": ["value"]}

    def run(self, raw, data_id):
        self.log.info("reducing %s", raw["value"])
        self.metadata["value"] = raw["value"]
        if self.config.sleep_s:
            time.sleep(self.config.sleep_s)
        word = self.config.faults.get(str(data_id["exposure"]))
        if word and self.is_on(word, data_id):
            return self.go_wrong(word.rstrip("?"))
        return Struct(reduced={"value": raw["value"] * self.config.factor})

    def is_on(self, word, data_id):
        if not word.endswith("?"):
            return True
        try:
            Path(self.config.marks, f"{data_id['exposure']}-{data_id['detector']}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def go_wrong(self, word):
        return getattr(self, f"fault_{word}")()

    def fault_raise(self):
        raise ValueError("the sky is\nfalling")

    def fault_repeat(self):
        raise RepeatableError("always so")

    def fault_invalid(self):
        raise InvalidQuantumError("the configuration is wrong")

    def fault_no_work(self):
        raise NoWorkFound("nothing in this frame")

    def fault_exit(self):
        sys.exit(0)

    def fault_kill(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def fault_hard_exit(self):
        os._exit(0)

    def fault_nothing(self):
        return Struct(reduced=None)

    def fault_hang(self):
        time.sleep(3600)

    def fault_long_message(self):
        raise ValueError("x" * 1_000_000)

    def fault_long_log(self):
        for _ in range(2000):
            self.log.info("y" * 10_000)
        raise ValueError("after a long log")

    def fault_unpicklable(self):
        raise type("Local", (Exception,), {"__reduce__": lambda self: 1 / 0})("cannot be sent")

    def fault_write_then_raise(self):
        self.late = True
        return Struct(reduced={"value": 5})

    def fault_memory(self):
        raise MemoryError


class GatherConnections(Connections, dimensions=EXPOSURE):
    reduced = Input("reduced", "StructuredDataDict", dimensions=FRAME, multiple=True)
    gathered = Output("gathered", "StructuredDataDict", dimensions=EXPOSURE)


class Gather(PipelineTask):
    Connections = GatherConnections

    def run(self, reduced):
        return Struct(gathered={"sum": sum(one["value"] for one in reduced), "count": len(reduced)})


class NightConnections(Connections, dimensions=("instrument",)):
    gathered = Input("gathered", "StructuredDataDict", dimensions=EXPOSURE, multiple=True, deferred=True)
    night = Output("night", "StructuredDataDict", dimensions=("instrument",))


class Night(PipelineTask):
    Connections = NightConnections

    def run(self, gathered):
        return Struct(night={"total": sum(handle.get()["sum"] for handle in gathered)})


class NoopConnections(Connections, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
    copy = Output("copy", "StructuredDataDict", dimensions=FRAME)


class Noop(PipelineTask):
    Connections = NoopConnections

    def run(self, raw):
        return Struct(copy=raw)


class MakeImageConnections(Connections, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
    reduced = Output("reduced", "CCDData", dimensions=FRAME)


class MakeImage(PipelineTask):
    Connections = MakeImageConnections

    def run(self, raw):
        import numpy as np
        from astropy.nddata import CCDData

        return Struct(reduced=CCDData(np.full((2, 2), float(raw["value"])), unit="adu", mask=np.zeros((2, 2), bool)))


class ReadImageConnections(Connections, dimensions=FRAME):
    reduced = Input("reduced", "CCDData", dimensions=FRAME)
    mask = Input("reduced.mask", "NumpyArray", dimensions=FRAME)
    total = Output("total", "StructuredDataDict", dimensions=FRAME)


class ReadImage(PipelineTask):
    Connections = ReadImageConnections

    def run(self, reduced, mask):
        return Struct(total={"sum": float(reduced.data.sum()), "masked": int(mask.sum())})

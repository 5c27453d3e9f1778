"""Tasks that want too much, or too long, or do a part only; a module, so that worker processes can import it."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import time
from pathlib import Path

from bunter.pipeline import (
    AlgorithmError,
    Connections,
    Field,
    Input,
    NoWorkFound,
    Output,
    PartialOutputsError,
    PipelineTask,
    Struct,
    TaskConfig,
)

FRAME = ("instrument", "exposure", "detector")
EXPOSURE = ("instrument", "exposure")


class WorkConnections(Connections, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
    reduced = Output("reduced", "StructuredDataDict", dimensions=FRAME)
    extra = Output("extra", "StructuredDataDict", dimensions=FRAME, minimum=0)


class WorkConfig(TaskConfig):
    """What detector 0 of some exposures does."""

    faults: dict[str, str] = Field(default_factory=dict)
    size_mb: int = 0
    heal: str = ""


class Work(PipelineTask[WorkConfig]):
    Connections = WorkConnections
    Config = WorkConfig

    def run(self, raw, data_id):
        self.log.info("working on %s", data_id["exposure"])
        word = self.config.faults.get(str(data_id["exposure"]))
        healed = self.config.heal and Path(self.config.heal).exists()
        if word and data_id["detector"] == 0 and not healed:
            return getattr(self, word)(raw)
        return Struct(reduced={"value": raw["value"]}, extra=None)

    def eat(self, raw):
        held = []
        for _ in range(self.config.size_mb // 10):
            held.append(bytearray(os.urandom(10_000_000)))
            time.sleep(0.01)
        time.sleep(1)  # so that whoever watches has the time to look
        return Struct(reduced={"value": len(held)})

    def demand(self, raw):
        return Struct(reduced={"value": len(bytearray(20_000_000_000))})

    def segfault(self, raw):
        ctypes.string_at(0)

    def hang_stubbornly(self, raw):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.log.warning("this may take a while")
        time.sleep(3600)

    def die(self, raw):
        logging.getLogger("library").warning("my last words")
        os.kill(os.getpid(), signal.SIGKILL)

    def fail(self, raw):
        raise ConnectionError("nobody answers")

    def numbers(self, raw):
        raise AlgorithmError("too few stars", numbers={"stars": 3})

    def flawed(self, raw):
        raise PartialOutputsError("the fit did not converge", Struct(reduced={"value": -1}))

    def nothing(self, raw):
        raise NoWorkFound("empty")


class CollectConnections(Connections, dimensions=EXPOSURE):
    reduced = Input("reduced", "StructuredDataDict", dimensions=FRAME, multiple=True, partial=True)
    collected = Output("collected", "StructuredDataDict", dimensions=EXPOSURE)


class Collect(PipelineTask):
    Connections = CollectConnections

    def run(self, reduced):
        return Struct(collected={"count": len(reduced)})


class FinalConnections(Connections, dimensions=("instrument",)):
    collected = Input("collected", "StructuredDataDict", dimensions=EXPOSURE, multiple=True)
    final = Output("final", "StructuredDataDict", dimensions=("instrument",))


class Final(PipelineTask):
    Connections = FinalConnections

    def run(self, collected):
        return Struct(final={"count": sum(one["count"] for one in collected)})

"""Tasks for the tests of runs; a module, so that worker processes can import it."""

from __future__ import annotations

import json
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
    """What goes wrong: exposure number to word; a word with '?' goes wrong once only, marked by a file."""

    faults: dict[str, str] = Field(default_factory=dict)
    marks: str = ""
    sleep_s: float = 0.0


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
        return Struct(reduced={"value": raw["value"] * 10})

    def is_on(self, word, data_id):
        if not word.endswith("?"):
            return True
        try:
            Path(self.config.marks, f"{data_id['exposure']}-{data_id['detector']}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def go_wrong(self, word):
        if word == "raise":
            raise ValueError("the sky is\nfalling")
        if word == "repeat":
            raise RepeatableError("always so")
        if word == "invalid":
            raise InvalidQuantumError("the configuration is wrong")
        if word == "no-work":
            raise NoWorkFound("nothing in this frame")
        if word == "exit":
            sys.exit(0)
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "hard-exit":
            os._exit(0)
        if word == "nothing":
            return Struct(reduced=None)
        if word == "hang":
            time.sleep(3600)
        if word == "long-message":
            raise ValueError("x" * 1_000_000)
        if word == "long-log":
            for _ in range(2000):
                self.log.info("y" * 10_000)
        if word == "unpicklable":
            raise type("Local", (Exception,), {"__reduce__": lambda self: 1 / 0})("cannot be sent")
        if word == "print":
            print("to standard output")
        return Struct(reduced={"value": -1})


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


def dumps(value):
    return json.dumps(value)

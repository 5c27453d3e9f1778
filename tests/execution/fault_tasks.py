"""A task that ends in whatever way a task can; a module, so that worker processes can import it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, TaskConfig

FRAME = ("instrument", "exposure", "detector")


class HazardConnections(Connections, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
    first = Output("first", "StructuredDataDict", dimensions=FRAME)
    second = Output("second", "StructuredDataDict", dimensions=FRAME)


class HazardConfig(TaskConfig):
    """What goes wrong, by exposure, as long as the file ``cured`` is not there."""

    hazards: dict[str, str] = Field(default_factory=dict)
    marks: str = ""


class Hazard(PipelineTask[HazardConfig]):
    """Writes ``first`` by itself before anything goes wrong, so that half of its outputs are there."""

    Connections = HazardConnections

    def run_quantum(self, context, inputs, outputs):
        raw = context.get(inputs["raw"][0])
        context.put({"value": raw["value"]}, outputs["first"][0])
        word = self.config.hazards.get(str(raw["value"]))
        if word and not Path(self.config.marks, "cured").exists():
            getattr(self, word)()
        context.put({"value": raw["value"] * 2}, outputs["second"][0])

    def segfault(self):
        ctypes.string_at(0)

    def abort(self):
        os.abort()

    def killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def terminated(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3600)

    def exits(self):
        sys.exit(0)

    def exits_hard(self):
        os._exit(0)

    def hangs(self):
        time.sleep(3600)

    def hangs_deaf(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)

    def long_message(self):
        raise ValueError("x" * 1_000_000)

    def long_first_line_of_many(self):
        raise ValueError("first line\n" + "y" * 1_000_000)

    def deep(self):
        self.deep()

    def prints(self):
        block = "z" * (1 << 20) + "\n"
        for _ in range(64):
            print(block, end="")  # noqa: T201 - a fault
        raise ValueError("after much printing")

    def floods(self):
        """A gigabyte, half of it printed and half of it logged."""
        block = "z" * (1 << 20)
        for _ in range(512):
            print(block)  # noqa: T201 - a fault
            self.log.info(block)
        raise ValueError("after a flood")

    def prints_below(self):
        for _ in range(64):
            os.write(1, b"w" * (1 << 20))
        raise ValueError("after much printing from compiled code")

    def full_disk(self):
        raise OSError(28, "No space left on device")

    def forks(self):
        """A child of the task comes back from it, as a careless library makes them."""
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            raise ValueError("the parent after the fork")

    def forks_and_dies(self):
        """A child lives on, holding all that it has inherited, while the worker dies."""
        if os.fork() == 0:
            time.sleep(3600)
        os.kill(os.getpid(), signal.SIGKILL)

    def starts_daemon_and_raises(self):
        os.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "20"])
        raise ValueError("after starting another")

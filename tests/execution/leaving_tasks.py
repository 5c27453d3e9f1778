"""A task that writes files nobody asked for into the temporary folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bunter.pipeline import Connections, Field, Input, Output, PipelineTask, Struct, TaskConfig

FRAME = ("instrument", "exposure", "detector")


class LeaveConfig(TaskConfig):
    """What goes wrong, by exposure."""

    faults: dict[str, str] = Field(default_factory=dict)


class LeaveConnections(Connections, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
    seen = Output("seen", "StructuredDataDict", dimensions=FRAME)


class Leave(PipelineTask):
    Connections, Config = LeaveConnections, LeaveConfig

    def run(self, raw, data_id):
        place = Path(tempfile.gettempdir())
        seen = sorted(path.name for path in place.rglob("*"))
        if data_id["exposure"] < 2:
            (place / "deep").mkdir()
            (place / "deep" / "mask.dat").write_bytes(b"m" * 1000)
            command = "import os, pathlib; pathlib.Path(os.environ['TMPDIR'], 'child.txt').write_text('c')"
            subprocess.run([sys.executable, "-c", command], check=True)
            (place / "link").symlink_to("/etc")
        if self.config.faults.get(str(data_id["exposure"])) == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return Struct(seen={"before": seen, "place": str(place)})

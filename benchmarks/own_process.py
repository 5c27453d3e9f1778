"""A step that a benchmark makes in a process of its own, and what that took."""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH123

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
"""Where benchmarks that are not about disks have their files."""


def memory_mb(name: str) -> float:
    """A line of what the system tells of this process: VmHWM, VmRSS, RssAnon."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024 / 1e6


class Step:
    """What this process takes from now on: CPU, and memory of its own, as pages that SQLite maps are the system's to take back."""

    def __init__(self) -> None:
        self.before_mb, self.own_mb = memory_mb("RssAnon"), 0.0
        self._begun = time.process_time()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.own_mb = max(self.own_mb, memory_mb("RssAnon"))
            time.sleep(0.01)

    def tell(self, **more: float) -> None:
        """Print what it took, for the process that waits."""
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        cpu = time.process_time() - self._begun
        print(json.dumps({"cpu_s": cpu, **more, "before_mb": self.before_mb, "rss_mb": rss, "own_mb": self.own_mb}))


class Taken(dict[str, float]):
    """What a step took; nothing is known of one that failed."""

    def __missing__(self, name: str) -> float:
        return float("nan")


def taken(script: str, step: str, place: str, count: int) -> Taken:
    """Run ``script --one STEP PLACE COUNT`` and return what it tells in its last line."""
    command = [sys.executable, os.path.abspath(script), "--one", step, place, str(count)]  # noqa: PTH100
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return Taken(json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {})


def grown(found: list[Taken], counts: list[int], name: str = "own_mb") -> float:
    """Bytes by which memory has grown with each dataset, between the first count and the last."""
    return (found[-1][name] - found[0][name]) * 1e6 / max(counts[-1] - counts[0], 1)

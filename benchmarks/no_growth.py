"""Run many quanta that do nothing and watch the memory of the run and of its workers.

    python no_growth.py [--quanta 100000] [--jobs 2] [--scratch DIR]

Prints the resident size of the parent and of its largest worker at each tenth of the run, CPU per quantum, and the bytes of
the graph file per quantum. The parent keeps one row of state per quantum; growth beyond that is a leak.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH100, PTH118, PTH120, PTH123, PTH202

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bunter_bench  # noqa: E402
import spec  # noqa: E402


def resident(pid: int) -> int:
    """Resident memory of a process in kB, shared pages counted."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
    except (OSError, TypeError):
        return 0


def descendants(pid: int) -> list[int]:
    """Processes below one."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            own = [int(word) for word in file.read().split()]
    except OSError:
        return []
    return own + [each for child in own for each in descendants(child)]


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quanta", type=int, default=100_000)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--scratch", default="/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
    a = p.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory(dir=a.scratch, prefix="bunter-growth-") as scratch:
        root = os.path.join(scratch, "repo")
        bunter_bench.ingest_repo(root, a.quanta, n_det=100).close()
        graph = os.path.join(scratch, "graph.bqg")
        where, pipeline = f"instrument='{spec.INSTRUMENT}'", os.path.join(HERE, "bunter_noop.yaml")
        common = ["-b", root, "-i", "raw/all", "-p", pipeline, "-d", where, "--output-run", "run/all"]
        bunter = [sys.executable, "-c", "from bunter.cli import main; main()", "--no-progress"]
        subprocess.run([*bunter, "qgraph", *common, "--save-qgraph", graph], check=True, stdout=subprocess.DEVNULL)
        print(f"graph file: {os.path.getsize(graph) / a.quanta:.1f} bytes per quantum", flush=True)
        watch([*bunter, "run", "-j", str(a.jobs), *common], os.path.join(scratch, "said"))
        print(
            f"CPU per quantum: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime / a.quanta * 1e3:.3f} ms (user)"
        )


def watch(command: list[str], said: str) -> None:
    samples: list[tuple[float, int, int]] = []
    begin = time.monotonic()
    with open(said, "w") as out, subprocess.Popen(command, stdout=out, stderr=out) as run:
        while run.poll() is None:
            workers = max((resident(pid) for pid in descendants(run.pid)), default=0)
            samples.append((time.monotonic() - begin, resident(run.pid), workers))
            time.sleep(0.2)
    with open(said) as text:
        print(text.read()[-600:])
    for tenth in range(11):
        at, parent, worker = samples[min(len(samples) - 1, tenth * len(samples) // 10)]
        print(f"{at:7.1f} s  parent {parent / 1024:7.1f} MB  largest worker {worker / 1024:7.1f} MB")


if __name__ == "__main__":
    main()

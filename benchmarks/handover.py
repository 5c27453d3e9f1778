"""Run three tasks in a row over images, with results that are written and read, also handed over, and handed over alone.

    python handover.py [--frames 24] [--side 2048] [--jobs 2] [--scratch DIR] [--repeat 1]

Prints wall time and CPU of each way, without planning, and the bytes that were written; an image is ``4 * side**2`` bytes.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH100, PTH118, PTH120, PTH207

from __future__ import annotations

import argparse
import glob
import os
import resource
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from bunter.butler import Butler  # noqa: E402
from bunter.execution import RunOptions, Wish, run_pipeline  # noqa: E402
from bunter.pipeline import Pipeline  # noqa: E402

WAYS = {"written": ("forever", False), "also handed over": ("forever", True), "handed over alone": ("never", True)}
CAM = {"instrument": "Cam"}


def fill(root: str, frames: int) -> None:
    """Make a repository with as many small raws."""
    with Butler.create(root) as butler:
        insert = butler.dimension_records.insert
        insert("instrument", {"name": "Cam", "visit_system": 0, "class_name": "Cam"})
        insert("physical_filter", {**CAM, "name": "r1", "band": "r"})
        insert("detector", {**CAM, "id": 0, "full_name": "D0"})
        insert("day_obs", {**CAM, "id": 20260101})
        insert("group", [{**CAM, "name": str(e)} for e in range(frames)])
        common = {**CAM, "physical_filter": "r1", "day_obs": 20260101}
        insert("exposure", [{**common, "id": e, "obs_id": f"e{e}", "group": str(e)} for e in range(frames)])
        butler.dataset_types.register("raw", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("raw")
        keys = [{**CAM, "exposure": e, "detector": 0} for e in range(frames)]
        butler.put_many([{"v": e} for e in range(frames)], "raw", keys, run="raw")


def cpu_s() -> float:
    """CPU time of this process and those it has waited for, in seconds."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measure(root: str, name: str, keep: str, *, handover: bool, jobs: int, side: int) -> tuple[float, float]:
    """Run the pipeline; return wall time and CPU time of its quanta, in seconds."""
    with Butler(root, writeable=True) as butler:
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        config = {"keep": keep, "handover": handover, "side": side}
        tasks = {label: (f"handover_tasks.{label.title()}", config) for label in ("one", "two", "three")}
        plan = Pipeline.from_tasks(tasks).resolve(butler.universe, known)
        begun = time.monotonic()
        done = run_pipeline(butler, plan, Wish(("raw",), output_run=name), options=RunOptions(jobs))
        assert done.status == "succeeded", done
        return time.monotonic() - begun, done.cpu_s


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--frames", type=int, default=24)
    p.add_argument("--side", type=int, default=2048)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--repeat", type=int, default=1)
    p.add_argument("--scratch", default=tempfile.gettempdir())
    a = p.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    for number in range(a.repeat):
        for way, (keep, handover) in WAYS.items():
            with tempfile.TemporaryDirectory(dir=a.scratch, prefix="bunter-handover-") as scratch:
                root = os.path.join(scratch, "repo")
                fill(root, a.frames)
                wall, cpu = measure(root, "run/all", keep, handover=handover, jobs=a.jobs, side=a.side)
                size = sum(map(os.path.getsize, glob.glob(f"{root}/data/**/*.fits*", recursive=True)))
                print(
                    f"{number} {way:18} {wall:6.2f} s, CPU {cpu:6.2f} s, images left {size / 1e6:7.1f} MB", flush=True
                )


if __name__ == "__main__":
    main()

"""Memory and time that an ingest of many small files takes, each in a process of its own, at several counts.

    python ingest_memory.py [--counts 10000,100000,300000] [--scratch DIR] [STEP ...]

Steps are ``api-MODE`` (`Butler.ingest` of a list), ``many-MODE`` (`Butler.ingest_many` of what a generator yields) and
``table-MODE-ENDING`` (``bunter ingest-files``), with MODE direct, hardlink, copy or move, and ENDING csv, ecsv, parquet ...
Prints for each count the seconds of CPU, those within the longest transaction that writes, what the process held before the ingest (for ``api`` that is the list), the peak of all its memory and the peak of its own, without pages of files
that it maps, such as those of the database; and by how many bytes its own peak has grown with each file.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH100, PTH110, PTH120, PTH123

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bunter_bench  # noqa: E402
import own_process  # noqa: E402
import spec  # noqa: E402

DETECTORS = 100
STEPS = [
    *(f"{way}-{mode}" for way in ("api", "many") for mode in ("direct", "hardlink", "copy", "move")),
    *(f"table-hardlink-{ending}" for ending in ("csv", "ecsv", "parquet")),
]


def watch_lock(held: list[float]) -> None:
    """Keep the CPU seconds of the longest transaction that writes: others wait as long."""
    from bunter.database.connection import Connection
    from bunter.database.database import Database

    begin, commit = Connection.begin_write, Database._commit

    def begun(*args, **more):
        found = begin(*args, **more)
        held[1] = time.thread_time()
        return found

    def committed(*args, **more):
        try:
            return commit(*args, **more)
        finally:
            held[0] = max(held[0], time.thread_time() - held[1])

    Connection.begin_write, Database._commit = begun, committed


def make(place: str, count: int) -> None:
    """Make a repository, files, and tables of them."""
    from astropy.table import Table

    with bunter_bench.make_repo(f"{place}/repo") as butler:
        bunter_bench.load_dims(butler, -(-count // DETECTORS), DETECTORS, 1, skymap=False, regions=False)
        butler.collections.register("raw/all")
        bunter_bench.ied_type(butler, "raw")
    paths = spec.make_files(f"{place}/in", count)
    ids = [spec.data_id(number, DETECTORS) for number in range(count)]
    table = Table({"file": paths, "exposure": [e for e, _ in ids], "detector": [d for _, d in ids]})
    for ending in ("csv", "ecsv", "parquet"):
        table.write(f"{place}/table.{ending}")
    table.write(f"{place}/table.tsv", format="ascii.tab")
    columns = (paths, *zip(*ids, strict=True))
    rows = [json.dumps({"file": p, "exposure": e, "detector": d}) for p, e, d in zip(*columns, strict=True)]
    with open(f"{place}/table.jsonl", "w") as out:
        out.write("\n".join(rows))
    with open(f"{place}/table.json", "w") as out:
        out.write("[" + ",\n".join(rows) + "]")


def files_of(butler, place: str, count: int):
    """Yield the files, one by one."""
    from bunter import DatasetRef, FileDataset
    from bunter.dimensions import DataCoordinate
    from bunter.values import new_id

    kind = butler.dataset_types.get("raw")
    order = [bunter_bench.IED.index(name) for name in kind.dimensions.required]
    for number in range(count):
        values = (spec.INSTRUMENT, *spec.data_id(number, DETECTORS))
        data_id = DataCoordinate(kind.dimensions, tuple([values[i] for i in order]))
        path = f"{place}/in/d{number // 1000:05d}/f{number:07d}.json"
        yield FileDataset(path, [DatasetRef(new_id(), kind, data_id, "raw/all")])


def measured(step: str, place: str, count: int) -> None:
    """Do one step and print what it took."""
    way, mode, *ending = step.split("-")
    held = [0.0, 0.0]
    watch_lock(held)
    if way == "table":
        bunter_bench.import_all()
        from bunter.cli.program import run

        order = ["ingest-files", f"{place}/out", "raw", "raw/all", f"{place}/table.{ending[0]}"]
        taken = own_process.Step()
        done = run([*order, "--data-id", f"instrument={spec.INSTRUMENT}", "-t", mode])
        assert done == 0
    else:
        from bunter import Butler

        with Butler(f"{place}/out", writeable=True) as butler:
            files = files_of(butler, place, count)
            if way == "api":
                files = list(files)
            taken = own_process.Step()
            butler.ingest(*files, transfer=mode) if way == "api" else butler.ingest_many(files, transfer=mode)
    taken.tell(locked_s=held[0])


def fresh(place: str, count: int) -> None:
    """Make the repository empty again, and bring back files that were moved."""
    shutil.rmtree(f"{place}/out", ignore_errors=True)
    shutil.copytree(f"{place}/repo", f"{place}/out")
    if not os.path.exists(f"{place}/in/d00000/f0000000.json"):
        spec.make_files(f"{place}/in", count)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("steps", nargs="*", default=STEPS)
    p.add_argument("--counts", default="10000,100000,300000")
    p.add_argument("--scratch", default=own_process.MEMORY)
    p.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.one:
        measured(a.one[0], a.one[1], int(a.one[2]))
        return
    counts = [int(word) for word in a.counts.split(",")]
    found: dict[str, list[own_process.Taken]] = {}
    for count in counts:
        with tempfile.TemporaryDirectory(dir=a.scratch, prefix="bunter-ingest-") as place:
            subprocess.run([sys.executable, "-c", MAKE.format(HERE, place, count)], check=True)
            for step in a.steps:
                fresh(place, count)
                told = own_process.taken(__file__, step, place, count)
                found.setdefault(step, []).append(told)
                print(f"{step:24} {count:8d}  " + "  ".join(f"{k} {v:7.2f}" for k, v in told.items()), flush=True)
    for step, each in found.items():
        grown, held = own_process.grown(each, counts), own_process.grown(each, counts, "before_mb")
        peaks = " | ".join(f"{one['own_mb']:.0f} MB" for one in each)
        print(f"| {step} | {peaks} | {grown:.0f} B, {held:.0f} B held |")


MAKE = "import sys; sys.path.insert(0, {!r}); import ingest_memory; ingest_memory.make({!r}, {})"

if __name__ == "__main__":
    main()

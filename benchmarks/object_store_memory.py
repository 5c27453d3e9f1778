"""What many small objects of an S3 service take in memory: each step in a process of its own.

    python benchmarks/object_store_memory.py --count 100000 --bytes 4000

Prints one line of JSON for each step: the most that its process ever had in memory, all modules counted, its CPU and wall
seconds. Two counts side by side tell what grows. Files and objects lie in the folder for temporary files (``TMPDIR``).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bunter import Butler, FileDataset
from bunter.dataset import DatasetRef
from bunter.values import new_id

RUNS = 100
"""Each a folder of the service: `rclone` takes ever longer for folders of ten thousand objects and more."""

PLACES = {"ours": "s3://bucket/many", "import": "s3://bucket/imported", "back": "s3://bucket/back"}


def opened(name):
    return Butler(PLACES[name], writeable=True)


def create(place, database):
    return Butler.create(place, database=None if database is None else str(database))


def make(folder, count, size):
    (folder / "in").mkdir()
    content = os.urandom(size // 2).hex()
    for number in range(count):
        (folder / "in" / f"{number}.txt").write_text(content[:-8] + f"{number:08d}")
    with create(PLACES["ours"], folder / "ours.sqlite3") as butler:
        with butler.transaction():
            butler.dimension_records.insert("instrument", {"name": "Cam"})
            rows = [{"instrument": "Cam", "id": n, "full_name": f"D{n}"} for n in range(count)]
            butler.dimension_records.insert("detector", rows)
        butler.dataset_types.register("blob", ["instrument", "detector"], "Text")
        for run in range(RUNS):
            butler.collections.register(f"run{run}")


def ingest(folder, count):
    with opened("ours") as butler:
        kind = butler.dataset_types.get("blob")
        required = kind.dimensions.required
        keys = (butler.standardize({"instrument": "Cam", "detector": n}, required) for n in range(count))
        files = (
            FileDataset(f"{folder}/in/{n}.txt", [DatasetRef(new_id(), kind, key, f"run{n % RUNS}")])
            for n, key in enumerate(keys)
        )
        butler.ingest_many(files, transfer="copy")


def listed(butler):
    return list(butler.query_datasets("blob", collections=[f"run{run}" for run in range(RUNS)]))


def listing(folder, count):  # noqa: ARG001 - as the others
    with opened("ours") as butler:
        assert len(listed(butler)) == count


def read(folder, count):  # noqa: ARG001
    with opened("ours") as butler:
        assert sum(1 for _ in butler.get_many(listed(butler))) == count


def retrieve(folder, count):
    with opened("ours") as butler:
        assert len(butler.retrieve_artifacts(listed(butler), folder / "out")) == count


def export(folder, count):  # noqa: ARG001
    with opened("ours") as butler:
        butler.export(folder / "export")


def import_(folder, count):  # noqa: ARG001
    with create(PLACES["import"], folder / "imported.sqlite3") as butler:
        butler.import_(folder / "export", transfer="copy")


def transfer(folder, count):  # noqa: ARG001
    with opened("ours") as butler, create(folder / "local", None) as other:
        other.transfers.take(butler.transfers.parcel("*"), transfer="copy")


def transfer_back(folder, count):  # noqa: ARG001
    with Butler(folder / "local") as butler, create(PLACES["back"], folder / "back.sqlite3") as other:
        other.transfers.take(butler.transfers.parcel("*"), transfer="copy")


def check(folder, count):  # noqa: ARG001
    with opened("ours") as butler:
        assert not butler.check().findings


STEPS = {
    "ingest": ingest,
    "references alone": listing,
    "read": read,
    "retrieve": retrieve,
    "export": export,
    "import": import_,
    "transfer to a folder": transfer,
    "transfer to the service": transfer_back,
    "check": check,
}


def peak_mb():
    """Of this program alone: what `getrusage` tells begins with the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def step(name, folder, count):
    """Carry one out and tell what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    STEPS[name](folder, count)
    told = {"step": name, "count": count, "cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    told["max_rss_mb"] = peak_mb()
    print(json.dumps({k: round(v, 1) if isinstance(v, float) else v for k, v in told.items()}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=4000)
    parser.add_argument("--only", nargs="*", help="of the steps, these and what they need")
    parser.add_argument("--step", help="for the processes that this one starts")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.step:
        step(given.step, given.folder, given.count)
        return
    from object_store_servers import S3Server

    server = S3Server()
    os.environ |= server.environment_of_clients
    try:
        with tempfile.TemporaryDirectory() as name:
            make(Path(name), given.count, given.bytes)
            for each in given.only or STEPS:
                order = [__file__, "--count", str(given.count), "--folder", name, "--step", each]
                subprocess.run([sys.executable, *order], check=True)
    finally:
        server.remove()


if __name__ == "__main__":
    main()

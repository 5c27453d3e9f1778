"""Memory that put and get of one large object take beside the object, each kind in a process of its own.

    python benchmarks/large_objects.py --megabytes 2000 [--s3] [--folder FOLDER] [KIND ...]

Prints one line of JSON for each: megabytes of resident memory at the peak of `put` beyond what was there, the same for `get`
less the object, and wall seconds. FOLDER needs room for the file three times; without it the folder for temporary files is used.
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

import numpy as np

from bunter import Butler

KINDS = {
    "fits": "CCDData",
    "npy": "NumpyArray",
    "parquet": "AstropyTable",
    "hdf5": "ArrayTree",
    "zarr": "ArrayTree",
    "asdf": "ArrayTree",
}


def of_status(name):
    """Megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1000


def peak(act):
    Path("/proc/self/clear_refs").write_text("5")  # forgets the highest so far
    before, begin = of_status("VmRSS"), time.perf_counter()
    found = act()
    return found, of_status("VmHWM") - before, time.perf_counter() - begin


def numbers(megabytes):
    array, random = np.empty(int(megabytes * 125_000)), np.random.default_rng(1)
    for begin in range(0, len(array), 1 << 20):
        array[begin : begin + (1 << 20)] = random.random(len(array[begin : begin + (1 << 20)]))
    return array


def made(kind, megabytes):
    from astropy.nddata import CCDData
    from astropy.table import Table

    if kind == "fits":
        return CCDData(numbers(megabytes).reshape(-1, 1000), unit="adu")
    if kind == "npy":
        return numbers(megabytes)
    if kind == "parquet":
        return Table({f"c{n}": numbers(megabytes / 10) for n in range(10)}, copy=False)
    return {"a": numbers(megabytes).reshape(-1, 1000)}


def measure(kind, megabytes, root, **more):
    config = {"formats": {"thing": kind}}
    with Butler.create(root, datastore=config, **more) as butler:
        butler.dimension_records.insert("instrument", {"name": "Cam"})
        rows = [{"instrument": "Cam", "id": n, "full_name": f"D{n}"} for n in range(2)]
        butler.dimension_records.insert("detector", rows)
        butler.dataset_types.register("thing", ["instrument", "detector"], KINDS[kind])
        butler.collections.register("run")
        butler.get(butler.put(made(kind, 0.8), "thing", instrument="Cam", detector=1, run="run"))  # imports
        held = [made(kind, megabytes)]
        ref, put_mb, put_s = peak(lambda: butler.put(held[0], "thing", instrument="Cam", detector=0, run="run"))
        held.clear()
        _, get_mb, get_s = peak(lambda: butler.get(ref))
    line = {
        "kind": kind,
        "mb": megabytes,
        "put_mb": put_mb,
        "get_mb": get_mb - megabytes,
        "put_s": put_s,
        "get_s": get_s,
    }
    print(json.dumps({k: round(v, 1) if isinstance(v, float) else v for k, v in line.items()}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.one:
        for kind in given.kinds:
            more = ["--s3"] * given.s3 + ([] if given.folder is None else ["--folder", given.folder])
            one = [sys.executable, __file__, kind, "--one", "--megabytes", str(given.megabytes), *more]
            subprocess.run(one, check=False)
        return
    if given.folder:
        os.environ["TMPDIR"] = given.folder
    with tempfile.TemporaryDirectory() as folder:
        if not given.s3:
            measure(given.kinds[0], given.megabytes, f"{folder}/repo")
            return
        from object_store_servers import S3Server

        server = S3Server()
        os.environ |= server.environment_of_clients
        try:
            measure(given.kinds[0], given.megabytes, server.new_place(), database=f"{folder}/registry.sqlite3")
        finally:
            server.remove()


if __name__ == "__main__":
    main()

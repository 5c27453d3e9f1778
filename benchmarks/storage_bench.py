"""What checking digests, a cache, a chain of stores and cutouts cost or save, each beside the plain way.

    python benchmarks/storage_bench.py --rounds 30 [--disk FOLDER]

Prints one line of JSON for each: CPU seconds of both, the best of the rounds taken in turn, and the ratio. The service is
`rclone serve s3` on loopback; its processor time is not counted, the bytes that it sends are. Files are on tmpfs; FOLDER, which is
on a disk, is for reads of what is in no page cache, of which the wall time is told.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from astropy.nddata import CCDData
from astropy.table import Table

from bunter import Butler
from bunter.datastore.format import ReadRequest
from bunter.datastore.local import LocalStore
from bunter.datastore.reading import read_artifact, read_verified
from object_store_servers import S3Server


def cpu_of(act):
    begin = time.process_time()
    act()
    return time.process_time() - begin


def wall_of(act):
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def compare(name, plain, ours, rounds, measure=cpu_of):
    """Take turns, so that whatever else runs disturbs both alike; the best of each is what the work itself takes."""
    found = [(measure(plain), measure(ours)) for _ in range(rounds)]
    one, two = min(a for a, _ in found), min(b for _, b in found)
    print(
        json.dumps(
            {"workload": name, "plain_s": round(one, 5), "bunter_s": round(two, 5), "ratio": round(two / one, 3)}
        )
    )


def new_butler(root, **more):
    butler = Butler.create(root, **more)
    butler.dimension_records.insert("instrument", {"name": "Cam"})
    butler.dimension_records.insert(
        "detector", [{"instrument": "Cam", "id": n, "full_name": f"D{n}"} for n in range(3)]
    )
    butler.dataset_types.register("blob", ["instrument", "detector"], "Bytes")
    butler.dataset_types.register("image", ["instrument", "detector"], "CCDData")
    butler.collections.register("run")
    return butler


def put(butler, obj, kind, detector):
    return butler.put(obj, kind, instrument="Cam", detector=detector, run="run")


def verification(folder, rounds):
    with new_butler(folder / "verify") as butler:
        for number, megabytes in enumerate((1, 10, 100)):
            ref = put(butler, os.urandom(megabytes * 1_000_000), "blob", number)
            stored = butler.get_uri(ref).stored
            store = butler.datastore.stores["main"]
            assert isinstance(store, LocalStore)
            compare(
                f"verify a read of {megabytes} MB",
                lambda s=store, k=stored.key: s.read(k),
                lambda s=store, a=stored: read_verified(s, a),
                rounds,
            )


def arrays(folder, rounds):
    """A get compares what it reads with its digest; `np.load` reads the same file and compares nothing."""
    with new_butler(folder / "arrays") as butler:
        butler.dataset_types.register("array", ["instrument", "detector"], "NumpyArray")
        for number, megabytes in enumerate((1, 10, 100)):
            ref = put(butler, np.random.default_rng(1).random(megabytes * 125_000), "array", number)
            uri = butler.get_uri(ref)
            store = butler.datastore.stores["main"]
            undigested = replace(uri.stored, xxh3=None)
            request = ReadRequest("numpy:ndarray")
            compare(
                f"get an array of {megabytes} MB, beside np.load",
                lambda p=uri.path: np.load(p),
                lambda r=ref: butler.get(r),
                rounds,
            )
            compare(
                f"read an array of {megabytes} MB with and without its digest",
                lambda s=store, u=undigested, r=request: read_artifact(s, u, r),
                lambda s=store, u=uri.stored, r=request: read_artifact(s, u, r),
                rounds,
            )


def with_and_without(butler, ref, kind):
    """Two ways to read a dataset: as `get` does, and the same without its digest."""
    uri, store, request = butler.get_uri(ref), butler.datastore.stores["main"], ReadRequest(kind)
    undigested = replace(uri.stored, xxh3=None)
    return lambda: read_artifact(store, undigested, request), lambda: read_artifact(store, uri.stored, request)


def kinds(folder, rounds):
    """What is more than a copy of memory: images, tables, trees."""
    random = np.random.default_rng(1)
    with new_butler(folder / "kinds") as butler:
        for name, storage_class in (("table", "AstropyTable"), ("tree", "StructuredDataDict")):
            butler.dataset_types.register(name, ["instrument", "detector"], storage_class)
        for number, megabytes in enumerate((1, 10)):
            pixels = random.normal(size=(megabytes * 250, 1000)).astype(np.float32)
            table = Table({name: random.normal(size=megabytes * 12_500) for name in "abcdefghij"})
            tree = {"values": random.normal(size=megabytes * 50_000).tolist()}
            for obj, name, kind in (
                (CCDData(pixels, unit="adu"), "image", "astropy.nddata:CCDData"),
                (table, "table", "astropy.table:Table"),
                (tree, "tree", "builtins:dict"),
            ):
                ref = put(butler, obj, name, number)
                compare(
                    f"{name} of {megabytes} MB with and without its digest",
                    *with_and_without(butler, ref, kind),
                    rounds,
                )


def disk(folder, rounds):
    """What is on a disk and in no page cache."""
    with new_butler(folder / "disk") as butler:
        butler.dataset_types.register("array", ["instrument", "detector"], "NumpyArray")
        for number, megabytes in enumerate((1, 10, 100)):
            ref = put(butler, np.random.default_rng(1).random(megabytes * 125_000), "array", number)
            path = butler.get_uri(ref).path
            plain, ours = (cold(path, act) for act in with_and_without(butler, ref, "numpy:ndarray"))
            compare(
                f"array of {megabytes} MB from disk with and without its digest", plain, ours, rounds, lambda act: act()
            )


def cold(path, act):
    """Return what reads a file that was just put out of the page cache, and tells the time that the reading took."""

    def timed():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return wall_of(act)

    return timed


def chain(folder, rounds):
    chained = {"stores": {"first": {"root": "first", "constraints": {"accept": ["image"]}}}, "order": ["first"]}
    with new_butler(folder / "one") as one, new_butler(folder / "two", datastore=chained) as two:
        refs = [put(butler, b"x" * 10_000, "blob", 0) for butler in (one, two)]
        compare(
            "get 100 times 10 kB from the second of two stores",
            lambda: [one.get(refs[0]) for _ in range(100)],
            lambda: [two.get(refs[1]) for _ in range(100)],
            rounds,
        )


def cutouts(folder, rounds):
    with new_butler(folder / "cut") as butler:
        pixels = np.random.default_rng(1).normal(size=(4000, 4000)).astype(np.float32)
        ref = put(butler, CCDData(pixels, unit="adu"), "image", 0)
        cut = {"bbox": (100, 100, 500, 500)}
        compare(
            "cut 1 % out of 64 MB", lambda: butler.get(ref), lambda: butler.get(ref, parameters=cut), min(rounds, 5)
        )


def cache(folder, rounds):
    server = S3Server()
    os.environ |= server.environment_of_clients
    try:
        place, database = server.new_place(), str(folder / "registry.sqlite3")
        with new_butler(place, database=database) as butler:
            ref = put(butler, os.urandom(10_000_000), "blob", 0)
            os.environ["BUNTER_CONFIG__DATASTORE__CACHE__ROOT"] = str(folder / "cache")
            with Butler(place) as cached:
                cached.get(ref)
                compare(
                    "get 10 MB of a service from the cache", lambda: butler.get(ref), lambda: cached.get(ref), rounds
                )
    finally:
        server.remove()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--disk", type=Path)
    args = parser.parse_args()
    rounds = args.rounds
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        for work in (verification, arrays, kinds, chain, cutouts, cache):
            work(Path(name), rounds)
    if args.disk is not None:
        with tempfile.TemporaryDirectory(dir=args.disk) as name:
            disk(Path(name), rounds)


if __name__ == "__main__":
    main()

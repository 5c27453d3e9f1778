"""Objects to and from an S3 service: Bunter beside bare obstore that does the same file work and digests.

    python benchmarks/object_store_bench.py --small 2000 --large 4

Prints one line of JSON for each workload: seconds of both, best of the rounds taken in turn, and the ratio, of which 0.9 is
promised. The service is `rclone serve s3` on loopback in memory; its processor time counts on both sides alike.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import obstore
import xxhash
from obstore.store import S3Store

from bunter import Butler, FileDataset
from bunter.dataset import DatasetRef
from bunter.values import new_id
from object_store_servers import KEY, SECRET, S3Server

WORKERS = 16


def bare_store(server):
    return S3Store(
        "bucket",
        endpoint=server.url,
        region="us-east-1",
        access_key_id=KEY,
        secret_access_key=SECRET,
        client_options={"allow_http": True, "timeout": "300s"},
    )


async def together(items, act, workers=WORKERS):
    coming = iter(items)

    async def work():
        for item in coming:
            await act(item)

    await asyncio.gather(*(work() for _ in range(workers)))


def bare_put(store, paths, prefix, large):
    async def put(path):
        if large:  # as a tool would: digest in pieces, then send in parts
            sha, xxh = hashlib.sha256(), xxhash.xxh3_128()
            with path.open("rb", buffering=0) as file:
                while chunk := file.read(1 << 20):
                    sha.update(chunk)
                    xxh.update(chunk)
            await obstore.put_async(store, f"{prefix}/{path.name}", path, chunk_size=8 << 20, max_concurrency=6)
            return
        content = path.read_bytes()
        hashlib.sha256(content).digest()
        xxhash.xxh3_128_digest(content)
        await obstore.put_async(store, f"{prefix}/{path.name}", content)

    asyncio.run(together(paths, put, 3 if large else WORKERS))


def bare_get(store, paths, prefix, large):
    def get(path):  # by threads: the asynchronous call takes many times as long for large objects
        xxhash.xxh3_128_digest(obstore.get(store, f"{prefix}/{path.name}").bytes())

    with ThreadPoolExecutor(3 if large else WORKERS) as pool:
        list(pool.map(get, paths))


def new_butler(server, folder, count):
    butler = Butler.create(server.new_place(), database=str(folder / f"{new_id()}.sqlite3"))
    with butler.transaction():
        butler.dimension_records.insert("instrument", {"name": "Cam"})
        rows = [{"instrument": "Cam", "id": n, "full_name": f"D{n}"} for n in range(count)]
        butler.dimension_records.insert("detector", rows)
    butler.dataset_types.register("blob", ["instrument", "detector"], "Text")
    butler.collections.register("run")
    return butler


def ingest(butler, paths):
    kind = butler.dataset_types.get("blob")
    keys = [
        butler.standardize({"instrument": "Cam", "detector": n}, kind.dimensions.required) for n in range(len(paths))
    ]
    files = [FileDataset(str(p), [DatasetRef(new_id(), kind, key, "run")]) for p, key in zip(paths, keys, strict=True)]
    begin = time.perf_counter(), time.process_time()
    refs = butler.ingest(*files, transfer="copy")
    return refs, time.perf_counter() - begin[0], time.process_time() - begin[1]


def timed(act):
    begin = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - begin[0], time.process_time() - begin[1]


def read_in_parts(read_many, keys, step):
    for first in range(0, len(keys), step):
        for content in read_many(keys[first : first + step]):
            xxhash.xxh3_128_digest(content)


def compare(name, server, folder, paths, rounds, *, large):
    store = bare_store(server)
    bare, ours, bare_got, ours_got = [], [], [], []
    for number in range(rounds):
        bare.append(timed(lambda n=number: bare_put(store, paths, f"bare{name}{n}", large)))
        with new_butler(server, folder, len(paths)) as butler:
            refs, wall, cpu = ingest(butler, paths)
            ours.append((wall, cpu))
            bare_got.append(timed(lambda n=number: bare_get(store, paths, f"bare{name}{n}", large)))
            keys = [uris[0].stored.key for uris in butler.get_uris(refs)]
            read_many = butler.datastore.stores["main"].read_many
            ours_got.append(timed(lambda k=keys, r=read_many: read_in_parts(r, k, 3 if large else 200)))
    tell(f"ingest {name}", bare, ours)
    tell(f"read {name}", bare_got, ours_got)


def tell(name, bare, ours):
    (bare_s, bare_cpu), (ours_s, ours_cpu) = min(bare), min(ours)
    line = {"workload": name, "bare_s": bare_s, "bunter_s": ours_s, "speed_ratio": bare_s / ours_s}
    print(
        json.dumps(
            {
                k: v if isinstance(v, str) else round(v, 3)
                for k, v in (line | {"bare_cpu_s": bare_cpu, "bunter_cpu_s": ours_cpu}).items()
            }
        )
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    server = S3Server()
    os.environ |= server.environment_of_clients
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for size, count, kind in ((100_000, given.small, "small"), (100_000_000, given.large, "large")):
                paths = [folder / f"{kind}{n}.txt" for n in range(count)]
                for path in paths:
                    path.write_bytes(os.urandom(size))
                if paths:
                    compare(f"{count} x {size // 1000} kB", server, folder, paths, given.rounds, large=kind == "large")
    finally:
        server.remove()


if __name__ == "__main__":
    main()

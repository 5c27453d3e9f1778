"""Objects to and from an S3 service: Bunter beside bare obstore that does the same file work and digests.

    python benchmarks/object_store_bench.py --small 2000 --large 4 [--theirs PYTHON]

Prints one line of JSON for each workload: CPU and wall seconds of both, the best of the rounds taken in turn, and the ratio of
CPU, of which 0.9 is promised (4 beside the LSST Data Butler, which PYTHON has). The service is `rclone serve s3` on loopback;
its processor time is not counted. `max_rss_mb` is the most that this process ever had in memory.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import obstore
import xxhash
from obstore.store import S3Store

from bunter import Butler, FileDataset
from bunter.dataset import DatasetRef
from bunter.values import new_id
from object_store_servers import KEY, SECRET, S3Server

WORKERS = 16


def write_file(path, size):
    if path.suffix == ".npy":
        np.save(path, np.frombuffer(os.urandom(size), "u1"))
    else:
        path.write_bytes(os.urandom(size))


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

    with ThreadPoolExecutor(1 if large else WORKERS) as pool:
        list(pool.map(get, paths))


def bare_retrieve(store, paths, prefix, large, folder):
    """As a tool would: fetch, digest, write."""
    folder.mkdir()

    def get(path):
        content = obstore.get(store, f"{prefix}/{path.name}").bytes()
        xxhash.xxh3_128_digest(content)
        (folder / path.name).write_bytes(content)

    with ThreadPoolExecutor(3 if large else WORKERS) as pool:
        list(pool.map(get, paths))


def new_butler(server, folder, count, storage_class="Text"):
    butler = Butler.create(server.new_place(), database=str(folder / f"{new_id()}.sqlite3"))
    with butler.transaction():
        butler.dimension_records.insert("instrument", {"name": "Cam"})
        rows = [{"instrument": "Cam", "id": n, "full_name": f"D{n}"} for n in range(count)]
        butler.dimension_records.insert("detector", rows)
    butler.dataset_types.register("blob", ["instrument", "detector"], storage_class)
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


def read_all(butler, refs):
    """Bytes of small objects, many at a time."""
    keys = [uris[0].stored.key for uris in butler.get_uris(refs)]
    for first in range(0, len(keys), 200):
        for content in butler.datastore.stores["main"].read_many(keys[first : first + 200]):
            xxhash.xxh3_128_digest(content)


def get_all(butler, refs):
    """Arrays, as a user gets them, one after the other."""
    for ref in refs:
        butler.get(ref)


def compare(name, server, folder, paths, rounds, *, large, theirs):
    store = bare_store(server)
    bare, ours, bare_got, ours_got, bare_out, ours_out = [], [], [], [], [], []
    out = folder / "out"
    for number in range(rounds):
        bare.append(timed(lambda n=number: bare_put(store, paths, f"bare{name}{n}", large)))
        with new_butler(server, folder, len(paths), "NumpyArray" if large else "Text") as butler:
            refs, wall, cpu = ingest(butler, paths)
            ours.append((wall, cpu))
            bare_got.append(timed(lambda n=number: bare_get(store, paths, f"bare{name}{n}", large)))
            ours_got.append(timed(lambda b=butler, r=refs: get_all(b, r) if large else read_all(b, r)))
            bare_out.append(timed(lambda n=number: bare_retrieve(store, paths, f"bare{name}{n}", large, out)))
            shutil.rmtree(out)
            ours_out.append(timed(lambda b=butler, r=refs: b.retrieve_artifacts(r, out)))
            shutil.rmtree(out)
    tell(f"ingest {name}", "bare", bare, ours)
    tell(f"read {name}", "bare", bare_got, ours_got)
    tell(f"retrieve {name}", "bare", bare_out, ours_out)
    if theirs:
        found = reference(theirs, folder / "reference", f"reference{name}".replace(" ", ""), paths)
        tell(f"ingest {name}", "reference", [found["ingest"]], ours)
        tell(f"retrieve {name}", "reference", [found["retrieve"]], ours_out)


def reference(python, folder, prefix, paths):
    folder.mkdir()
    links = [folder / f"{number}.json" for number in range(len(paths))]  # it looks at endings, not at content
    for path, link in zip(paths, links, strict=True):
        os.link(path, link)
    (folder / "files").write_text("\n".join(map(str, links)))
    program = Path(__file__).with_name("object_store_reference.py")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, program, folder, prefix, f"@{folder / 'files'}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
    )
    shutil.rmtree(folder)
    return json.loads(done.stdout.splitlines()[-1])


def tell(name, other, beside, ours):
    """Least CPU and least wall time of each."""
    line = {"workload": name}
    for what, index in (("cpu", 1), ("wall", 0)):
        one, two = min(each[index] for each in beside), min(each[index] for each in ours)
        line |= {f"{other}_{what}_s": one, f"bunter_{what}_s": two, f"{what}_ratio": one / two}
    line["max_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({k: v if isinstance(v, str) else round(v, 3) for k, v in line.items()}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--theirs", help="a Python that has lsst-daf-butler and boto3")
    given = parser.parse_args()
    server = S3Server()
    os.environ |= server.environment_of_clients
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for size, count, kind, ending in (
                (100_000, given.small, "small", ".json"),
                (100_000_000, given.large, "large", ".npy"),
            ):
                paths = [folder / f"{kind}{n}{ending}" for n in range(count)]
                for path in paths:
                    write_file(path, size)
                if paths:
                    compare(
                        f"{count} x {size // 1000} kB",
                        server,
                        folder,
                        paths,
                        given.rounds,
                        large=kind == "large",
                        theirs=given.theirs,
                    )
    finally:
        server.remove()


if __name__ == "__main__":
    main()

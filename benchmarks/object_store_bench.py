"""Objects to and from an S3 service: Bunter beside bare obstore that does the same file work and digests.

    python benchmarks/object_store_bench.py --small 10000 --large 20 [--rounds 3] [--theirs PYTHON]

Files are taken a block at a time, and what is compared takes turns in each round, beginning with another one each time. Prints one
line of JSON for each workload: CPU and wall seconds of all, the least of the rounds in each block, added up, and the ratio of CPU,
of which 0.9 is promised (4 beside the LSST Data Butler, which PYTHON has, with boto3). The service is `rclone serve s3` on
loopback; `..._service_s` is its processor time. `max_rss_mb` is the most that this process ever had in memory.

Why by turns and blocks: a virtual machine may give memory back to its host, and takes five times as long for the same write
when it has to ask for it again; whoever comes second then seems to be slow.
"""

import argparse
import asyncio
import hashlib
import io
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
        path.write_text(os.urandom(size // 2).hex())


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


def bare_put(store, paths, prefix, large, *, digests=True):
    async def put(path):
        if large:  # as a tool would: digest in pieces, then send in parts
            if digests:
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
        content = obstore.get(store, f"{prefix}/{path.name}").bytes()
        xxhash.xxh3_128_digest(content)
        return np.load(io.BytesIO(content)) if large else str(content, "utf-8")

    with ThreadPoolExecutor(1 if large else WORKERS) as pool:
        for _ in pool.map(get, paths):
            pass


def bare_retrieve(store, paths, prefix, large, folder, *, digests=True, sync=False):
    """As a tool would: fetch, digest, write under another name, so that nobody ever sees half a file, and give it its own."""
    folder.mkdir()

    def get(path):
        content = obstore.get(store, f"{prefix}/{path.name}").bytes()
        if digests:
            xxhash.xxh3_128_digest(content)
        part = folder / f".{path.name}.part"
        with part.open("xb", buffering=0) as file:
            file.write(content)
            if sync:
                hashlib.sha256(content).digest()
                os.fsync(file.fileno())
        part.rename(folder / path.name)

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


class Clock:
    """Wall time, CPU of this process, and CPU of the service."""

    def __init__(self, server):
        watcher = server.process.pid
        self.service = int(Path(f"/proc/{watcher}/task/{watcher}/children").read_text().split()[0])

    def now(self):
        fields = Path(f"/proc/{self.service}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return time.perf_counter(), time.process_time(), ticks / os.sysconf("SC_CLK_TCK")

    def timed(self, act):
        begin = self.now()
        act()
        return tuple(end - start for start, end in zip(begin, self.now(), strict=True))


def read_all(butler, refs):
    for _ in butler.get_many(refs):
        pass


class Block:
    """Some files, and all that is done with them."""

    def __init__(self, server, folder, paths, *, large):
        self.server, self.folder, self.paths, self.large = server, folder, paths, large
        self.clock, self.store, self.out = Clock(server), bare_store(server), folder / "out"
        self.times = {}

    def turns(self, number, workload, **acts):
        """Let each act; another one begins in each round."""
        names = list(acts)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            took = self.clock.timed(acts[name])
            self.times.setdefault((workload, name), []).append(took)
            shutil.rmtree(self.out, ignore_errors=True)

    def round(self, number):
        store, paths, large, out = self.store, self.paths, self.large, self.out
        there = f"bare{new_id()}"
        found = []
        with new_butler(self.server, self.folder, len(paths), "NumpyArray" if large else "Text") as butler:
            files = self.to_ingest(butler)
            plain = {"undigested": lambda: bare_put(store, paths, f"x{there}", large, digests=False)} if large else {}
            self.turns(
                number,
                "ingest",
                bare=lambda: bare_put(store, paths, there, large),
                bunter=lambda: found.extend(butler.ingest(*files, transfer="copy")),
                **plain,
            )
            self.turns(
                number,
                "read",
                bare=lambda: bare_get(store, paths, there, large),
                bunter=lambda: get_all(butler, found) if large else read_all(butler, found),
            )
            plain = (
                {"undigested": lambda: bare_retrieve(store, paths, there, large, out, digests=False)} if large else {}
            )
            self.turns(
                number,
                "retrieve",
                bare=lambda: bare_retrieve(store, paths, there, large, out),
                bunter=lambda: butler.retrieve_artifacts(found, out, manifest=False),  # the plain side writes no tables
                **plain,
            )
            if not large:
                self.transfers(number, butler, found, there)

    def transfers(self, number, butler, refs, there):
        """From the service to a repository in a folder, and back to the service."""
        place = self.folder / "local"
        with Butler.create(place) as local, new_butler(self.server, self.folder, 0) as back:
            self.turns(
                number,
                "transfer to a folder",
                bare=lambda: bare_retrieve(self.store, self.paths, there, False, self.out, sync=True),
                bunter=lambda: local.transfer_from(butler, refs, transfer="copy"),
            )
            self.turns(
                number,
                "transfer to the service",
                bare=lambda: bare_put(self.store, self.paths, f"y{there}", False),
                bunter=lambda: back.transfer_from(local, refs, transfer="copy"),
            )
        shutil.rmtree(place)

    def to_ingest(self, butler):
        kind = butler.dataset_types.get("blob")
        required, count = kind.dimensions.required, len(self.paths)
        keys = [butler.standardize({"instrument": "Cam", "detector": n}, required) for n in range(count)]
        return [
            FileDataset(str(path), [DatasetRef(new_id(), kind, key, "run")])
            for path, key in zip(self.paths, keys, strict=True)
        ]


def get_all(butler, refs):
    """Arrays, as a user gets them, one after the other."""
    for ref in refs:
        butler.get(ref)


def compare(server, folder, given, *, count, size, large):
    """Go through the files block by block and tell the sums of the best."""
    sums = {}
    for begin in range(0, count, given.block):
        names = range(begin, min(begin + given.block, count))
        paths = [folder / f"{n}{'.npy' if large else '.txt'}" for n in names]
        for path in paths:
            write_file(path, size)
        block = Block(server, folder, paths, large=large)
        for number in range(given.rounds):
            block.round(number)
        for key, took in block.times.items():
            sums[key] = [
                old + min(each) for old, each in zip(sums.get(key, [0, 0, 0]), zip(*took, strict=True), strict=True)
            ]
        if given.theirs:
            for work, by, took in reference(given.theirs, folder / "reference", f"reference{new_id()}", paths):
                sums[work, by] = [
                    old + new for old, new in zip(sums.get((work, by), [0, 0, 0]), [*took, 0], strict=True)
                ]
        for path in paths:
            path.unlink()
    for workload in dict.fromkeys(work for work, _ in sums):
        tell(
            f"{workload} {count} x {size // 1000} kB",
            {name: took for (work, name), took in sums.items() if work == workload},
        )


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
    found = json.loads(done.stdout.splitlines()[-1])
    for work in ("ingest", "retrieve"):
        yield work, "reference", found[work]
        yield work, "boto3", found[f"boto3 {work}"]


def tell(name, took):
    """CPU, wall time and what the service took, and how Bunter compares."""
    line = {"workload": name}
    for by, (wall, cpu, service) in took.items():
        line |= {f"{by}_cpu_s": cpu, f"{by}_wall_s": wall} | ({f"{by}_service_s": service} if service else {})
    for by in took.keys() - {"bunter"}:
        line |= {
            f"{by}_cpu_ratio": took[by][1] / took["bunter"][1],
            f"{by}_wall_ratio": took[by][0] / took["bunter"][0],
        }
    line["max_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({k: v if isinstance(v, str) else round(v, 3) for k, v in line.items()}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--block", type=int, default=500, help="files that are taken together; large ones all at once")
    parser.add_argument("--theirs", help="a Python that has lsst-daf-butler and boto3")
    given = parser.parse_args()
    server = S3Server()
    os.environ |= server.environment_of_clients
    try:
        with tempfile.TemporaryDirectory() as name:
            compare(server, Path(name), given, count=given.small, size=100_000, large=False)
            given.block = max(given.large, 1)
            compare(server, Path(name), given, count=given.large, size=100_000_000, large=True)
    finally:
        server.remove()


if __name__ == "__main__":
    main()

"""Memory and CPU that moving many small datasets takes, each step in a process of its own, at several counts.

    python transfer_memory.py [--counts 50000,150000] [--scratch DIR] [STEP ...]

Prints a line for each step: seconds of CPU and the peak of memory (anonymous, sampled) at each count, and by how many bytes for each dataset
memory has grown between the first count and the last. The datasets are files of some bytes, which stay where they are
but for ``bundle``, ``ingest-zip`` and ``retrieve``.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH100, PTH120

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import spec  # noqa: E402


def measured(step: str, place: str, count: int) -> None:
    """Do one step and print what it took."""
    peak = [0]
    threading.Thread(target=watch, args=(peak,), daemon=True).start()
    if step == "build":
        build(f"{place}/src", place, count)
    else:
        ACTS[step](place, f"{place}/{step}")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": peak[0] / 1000}))


def watch(peak: list[int]) -> None:
    """Keep the highest memory of our own: pages of the database, which SQLite maps, are the system's to take back."""
    while True:
        with open("/proc/self/status") as file:  # noqa: PTH123
            peak[0] = max(peak[0], *(int(line.split()[1]) for line in file if line.startswith("RssAnon")))
        time.sleep(0.02)


def opened(place: str):
    from bunter import Butler

    return Butler(f"{place}/src")


def new(root: str):
    from bunter import Butler

    return Butler.create(root)


def load(place: str, out: str) -> None:
    from bunter import Butler

    Butler.load(f"{place}/dump", out)


def take(target, parcel) -> None:
    target.transfers.take(parcel, transfer="direct", verify=False)


def again(place: str, _: str) -> None:
    from bunter import Butler

    take(Butler(f"{place}/transfer"), opened(place).transfers.parcel())


def sync(place: str, _: str) -> None:
    from bunter import Butler
    from bunter.butler.transfers.syncing import synchronise

    synchronise(opened(place), Butler(f"{place}/transfer"), dry_run=True)


def retrieve(place: str, out: str) -> None:
    refs = list(opened(place).query_datasets("raw", "raw/all"))
    opened(place).retrieve_artifacts(refs, out, transfer="symlink")


ACTS = {
    "transfer": lambda place, out: take(new(out), opened(place).transfers.parcel()),
    "again": again,
    "sync": sync,
    "tag": lambda place, out: take(new(out), opened(place).transfers.parcel(collections=["some"])),
    "export": lambda place, out: opened(place).export(out, transfer="direct"),
    "import": lambda place, out: new(out).import_(f"{place}/export", transfer="direct", verify=False),
    "bundle": lambda place, _: opened(place).bundle(f"{place}/all.zip"),
    "ingest-zip": lambda place, out: new(out).ingest_zip(f"{place}/all.zip", transfer="direct"),
    "dump": lambda place, out: opened(place).dump(out),
    "load": load,
    "retrieve": retrieve,
    "check": lambda place, _: opened(place).check(),
    "gc": lambda place, _: opened(place).gc(),
}


def build(root: str, place: str, count: int) -> None:
    import bunter_bench

    b = bunter_bench.make_repo(root)
    n_det = 100
    bunter_bench.load_dims(b, -(-count // n_det), n_det, 1)
    kind = bunter_bench.ied_type(b, "raw")
    b.collections.register("raw/all")
    files = spec.make_files(f"{place}/files", count)
    datasets = bunter_bench.make_refs(b, kind, files, n_det)
    for begin in range(0, len(datasets), 5000):
        b.ingest(*datasets[begin : begin + 5000], transfer="direct")
    b.collections.register("some", "TAGGED")
    refs = [ref for ref in b.query_datasets("raw", "raw/all") if ref.data_id["detector"] % 2]
    b.collections.associate("some", refs)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("steps", nargs="*", default=list(ACTS))
    p.add_argument("--counts", default="50000,150000")
    p.add_argument("--scratch", default="/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
    p.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.one:
        measured(a.one[0], a.one[1], int(a.one[2]))
        return
    counts = [int(word) for word in a.counts.split(",")]
    folder = tempfile.mkdtemp(dir=a.scratch, prefix="bunter-memory-")
    try:
        for count in counts:
            os.mkdir(f"{folder}/{count}")  # noqa: PTH102
        for step in dict.fromkeys(["build", *a.steps]):
            found = [line(step, f"{folder}/{count}", count) for count in counts]
            grown = (found[-1]["peak_mb"] - found[0]["peak_mb"]) * 1e6 / max(counts[-1] - counts[0], 1)
            said = "".join(f" | {each['cpu_s']:.1f} s | {each['peak_mb']:.0f} MB" for each in found)
            print(f"| {step}{said} | {grown:.0f} B |", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def line(step: str, place: str, count: int) -> dict[str, float]:
    command = [sys.executable, os.path.abspath(__file__), "--one", step, place, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return (
        json.loads(done.stdout.splitlines()[-1])
        if done.returncode == 0
        else {"cpu_s": float("nan"), "peak_mb": float("nan")}
    )


if __name__ == "__main__":
    main()

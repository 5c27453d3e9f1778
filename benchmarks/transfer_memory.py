"""Memory and CPU that moving and caring for many small datasets takes, each step in a process of its own, at several counts.

    python transfer_memory.py [--counts 50000,150000] [--scratch DIR] [--limit MB] [--growth BYTES] [STEP ...]

Prints a line for each step: seconds of CPU and the peaks of memory (anonymous, sampled; and all that was resident, where SQLite maps
its database) at each count, and by how many bytes for each dataset anonymous memory has grown between the first count and the last. The
datasets are files of some bytes in the repository, which are copied where a step copies. With a limit or a growth, the script fails if
a step takes more.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH100, PTH120

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import own_process  # noqa: E402
import spec  # noqa: E402


def measured(step: str, place: str, count: int) -> None:
    """Do one step and print what it took."""
    taken = own_process.Step()
    if step == "build":
        build(f"{place}/src", place, count)
    else:
        ACTS[step](place, f"{place}/{step}")
    taken.tell()


def opened(place: str):
    from bunter import Butler

    return Butler(f"{place}/src")


def new(root: str):
    from bunter import Butler

    return Butler.create(root)


def load(place: str, out: str) -> None:
    from bunter import Butler

    Butler.load(f"{place}/dump", out, transfer="copy")


def take(target, parcel, **terms) -> None:
    target.transfers.take(parcel, **({"transfer": "copy"} | terms))


def again(place: str, _: str) -> None:
    from bunter import Butler

    take(Butler(f"{place}/transfer"), opened(place).transfers.parcel())


def sync(place: str, _: str) -> None:
    from bunter import Butler
    from bunter.butler.transfers.syncing import synchronise

    synchronise(opened(place), Butler(f"{place}/tag"), transfer="copy")


def retrieve(place: str, out: str) -> None:
    opened(place).retrieve_artifacts(opened(place).query_datasets("raw", "raw/all"), out)


def refs_alone(place: str, _: str) -> None:
    list(opened(place).query_datasets("raw", "raw/all"))


def prune(place: str, _: str) -> None:
    from bunter import Butler

    butler = Butler(f"{place}/transfer")
    butler.remove_datasets(list(butler.query_datasets("raw", "raw/all")))


def remove_runs(place: str, _: str) -> None:
    from bunter import Butler

    Butler(f"{place}/import").remove_runs(["raw/all"])


def relocate(place: str, _: str) -> None:
    from bunter import Butler

    old, new_place = f"{place}/export", f"{place}/moved"
    os.rename(old, new_place)  # noqa: PTH104
    Butler(f"{place}/direct", writeable=True).relocate(old, new_place)
    os.rename(new_place, old)  # noqa: PTH104 - where the next step looks for it


ACTS = {
    "refs": refs_alone,
    "transfer": lambda place, out: take(new(out), opened(place).transfers.parcel()),
    "again": again,
    "tag": lambda place, out: take(new(out), opened(place).transfers.parcel(collections=["some"])),
    "sync": sync,
    "export": lambda place, out: opened(place).export(out),
    "direct": lambda place, out: new(out).import_(f"{place}/export", transfer="direct"),
    "relocate": relocate,
    "import": lambda place, out: new(out).import_(f"{place}/export", transfer="copy"),
    "bundle": lambda place, _: opened(place).bundle(f"{place}/all.zip"),
    "ingest-zip": lambda place, out: new(out).ingest_zip(f"{place}/all.zip", transfer="direct"),
    "dump": lambda place, out: opened(place).dump(out),
    "load": load,
    "retrieve": retrieve,
    "check": lambda place, _: opened(place).check(),
    "prune": prune,
    "remove-runs": remove_runs,
    "gc": lambda place, _: opened(place).gc(),
}
USED_UP = {  # what no later step needs: a copy of every file for each of them is much
    "sync": ("tag",),
    "import": ("export", "direct"),
    "ingest-zip": ("all.zip", "ingest-zip"),
    "load": ("dump", "load"),
    "retrieve": ("retrieve",),
    "prune": ("transfer",),
    "remove-runs": ("import",),
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
        b.ingest(*datasets[begin : begin + 5000], transfer="move")
    b.collections.register("some", "TAGGED")
    refs = [ref for ref in b.query_datasets("raw", "raw/all") if ref.data_id["detector"] % 2]
    b.collections.associate("some", refs)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("steps", nargs="*", default=list(ACTS))
    p.add_argument("--counts", default="50000,150000")
    p.add_argument("--limit", type=float, help="Megabytes of anonymous memory that no step may take more than.")
    p.add_argument(
        "--growth", type=float, help="Bytes for each dataset by which no step but the listing of references may grow."
    )
    p.add_argument("--scratch", default=own_process.MEMORY)
    p.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.one:
        measured(a.one[0], a.one[1], int(a.one[2]))
        return
    counts = [int(word) for word in a.counts.split(",")]
    folder = tempfile.mkdtemp(dir=a.scratch, prefix="bunter-memory-")
    failed = []
    try:
        for count in counts:
            os.mkdir(f"{folder}/{count}")  # noqa: PTH102
        for step in dict.fromkeys(["build", *a.steps]):
            found = [own_process.taken(__file__, step, f"{folder}/{count}", count) for count in counts]
            grown = own_process.grown(found, counts)
            said = "".join(
                f" | {each['cpu_s']:.1f} s | {each['own_mb']:.0f} MB | {each['rss_mb']:.0f} MB" for each in found
            )
            print(f"| {step}{said} | {grown:.0f} B |", flush=True)
            if step != "build" and not fits(found, grown, a):
                failed.append(step)
            for name in USED_UP.get(step, ()):
                for count in counts:
                    remove(f"{folder}/{count}/{name}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if failed:
        sys.exit(f"too much memory: {', '.join(failed)}")


def fits(found: list[own_process.Taken], grown: float, limits: argparse.Namespace) -> bool:
    """Whether a step came to its end and kept what was asked for."""
    peak = max(each["own_mb"] for each in found)
    return peak < (limits.limit or float("inf")) and grown < (limits.growth or float("inf"))


def remove(path: str) -> None:
    if os.path.isdir(path):  # noqa: PTH112
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.exists(path):  # noqa: PTH110
        os.unlink(path)  # noqa: PTH108


if __name__ == "__main__":
    main()

"""Instructions of a put and a get of a small dataset: a measure that a busy machine does not spoil, as it does times.

    python instructions.py [--scratch DIR] [--by perf|valgrind] [put get ...]

A process makes a few of them and another one many; what they differ by, over the number, is one. Counted by ``perf stat``, in the
program and in the system; where that is not there or not allowed by ``valgrind --tool=callgrind`` (fifty times slower, the program alone).
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH100, PTH120

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bunter_bench  # noqa: E402
import own_process  # noqa: E402
import spec  # noqa: E402

FEW, MANY = 200, 1200
WARM = 50
KINDS = {"json": bunter_bench.KIND, "table": "AstropyTable"}
EVENTS = "instructions:u", "instructions:k"


def values(kind: str, number: int):
    if kind == "json":
        return spec.small_dict(number)
    from astropy.table import Table

    return Table(spec.table_columns(number))


def act(step: str, root: str, count: int) -> None:
    """Put, or get by data ID, so many."""
    verb, kind = step.split("-")
    from bunter import Butler

    made = (
        [values(kind, number) for number in range(WARM + MANY)] if verb == "put" else []
    )  # as many, whatever the count
    with Butler(root, writeable=verb == "put", collections=kind) as butler:
        for number in range(count):
            exposure, detector = spec.data_id(number)
            key = {"instrument": spec.INSTRUMENT, "exposure": exposure, "detector": detector}
            butler.put(made[number], kind, run=kind, **key) if verb == "put" else butler.get(kind, **key)


def make(root: str, *, filled: bool) -> None:
    with bunter_bench.make_repo(root) as butler:
        bunter_bench.load_dims(butler, 1 + (WARM + MANY) // 189, 189, 1, skymap=False, regions=False)
        for kind, storage_class in KINDS.items():
            butler.collections.register(kind)
            bunter_bench.ied_type(butler, kind, storage_class)
    for kind in KINDS if filled else ():
        act(f"put-{kind}", root, WARM + MANY)


def by_perf(command: list[str]) -> list[int]:
    told = subprocess.run(
        ["perf", "stat", "-x,", "-e", ",".join(EVENTS), *command], capture_output=True, text=True, check=False
    )
    lines = [line.split(",") for line in told.stderr.splitlines()]
    found = [int(line[0]) for event in EVENTS for line in lines if event in line and line[0].isdigit()]
    if told.returncode or len(found) != len(EVENTS):
        raise OSError(told.stderr.strip() or f"perf ended with {told.returncode}")
    return found


def by_valgrind(command: list[str]) -> list[int]:
    way = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    told = subprocess.run([*way, *command], capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", told.stderr)
    if told.returncode or found is None:
        raise OSError(told.stderr.strip()[-500:] or f"valgrind ended with {told.returncode}")
    return [int(found.group(1))]


WAYS = {"perf": by_perf, "valgrind": by_valgrind}


def way_of(asked: str | None):
    """Return what counts here."""
    for name in [asked] if asked else WAYS:
        try:
            WAYS[name]([sys.executable, "-c", ""])
        except OSError as exc:
            print(f"{name} does not count here: {exc}", file=sys.stderr)
        else:
            return WAYS[name]
    return sys.exit(
        "instructions cannot be counted here: neither perf (kernel.perf_event_paranoid above 2?) nor valgrind works"
    )


def counted(way, step: str, place: str, count: int) -> list[int]:
    """Instructions of a process that acts so often, in a repository that is as new."""
    root = f"{place}/{step}-{count}"
    shutil.copytree(f"{place}/{'empty' if step.startswith('put') else 'filled'}", root)
    try:
        return way([sys.executable, os.path.abspath(__file__), "--one", step, root, str(count)])
    finally:
        shutil.rmtree(root)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("steps", nargs="*", default=[f"{verb}-{kind}" for kind in KINDS for verb in ("put", "get")])
    p.add_argument("--scratch", default=own_process.MEMORY)
    p.add_argument("--by", choices=WAYS)
    p.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.one:
        act(a.one[0], a.one[1], int(a.one[2]))
        return
    way = way_of(a.by)
    os.environ["PYTHONHASHSEED"] = "0"  # else the same takes a percent more or less
    with tempfile.TemporaryDirectory(dir=a.scratch, prefix="bunter-instructions-") as place:
        make(f"{place}/empty", filled=False)
        make(f"{place}/filled", filled=any(step.startswith("get") for step in a.steps))
        for step in a.steps:
            few, many = (counted(way, step, place, WARM + count) for count in (FEW, MANY))
            each = [(more - less) / (MANY - FEW) / 1e6 for less, more in zip(few, many, strict=True)]
            inside = f" and {each[1]:.2f} million in the system" if len(each) > 1 else ""
            print(f"{step:10}  {each[0]:.2f} million instructions in the program{inside}", flush=True)


if __name__ == "__main__":
    main()

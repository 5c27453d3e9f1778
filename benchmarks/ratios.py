"""Run the workloads on Bunter and on the reference system, side by side, and print the table of ratios.

    python ratios.py --ours PYTHON --theirs PYTHON [--plan quick|small|full] [--only create,putget:json-100] [--scratch DIR]

Each entry of the plan runs on one side and then at once on the other, each time in a fresh process, so that a slow moment of
the machine meets both. The table gives seconds of CPU (user and system, with child processes) and of wall time, and how many
times faster Bunter is. Durability is each side's default: Bunter syncs files, directories and database before a call returns
(``full``); the reference commits its database durably and does not sync files.
"""

# A script of plain calls, the same on both sides: it measures, it is no example of style.
# ruff: noqa: PLR0917, PTH100, PTH103, PTH110, PTH118, PTH120, PTH123

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import run_all  # noqa: E402

QUICK = [
    ("create", "", 2),
    ("dims", "100", 1),
    ("putget", "json-100", 2),
    ("ingest", "direct-10k", 1),
    ("ingest", "copy-1k", 1),
    ("query", "10k", 1),
    ("remove", "1k", 1),
    ("transfer", "1k", 1),
    ("concurrency", "25", 1),
    ("qgraph", "10k", 1),
    ("exec", "25", 1),  # the reference's -j2 starts an interpreter per quantum: two minutes for these
    ("exec", "100", 1),
]
PLANS = {"quick": QUICK, "small": run_all.SMALL, "full": run_all.SMALL + run_all.FULL}

# What is promised: (workload, size, phase) -> at least so many times less CPU; an empty size stands for all.
TARGETS = {
    # Of small datasets: what a table takes is for the most part what its format's own library takes, on both sides.
    **{("putget", f"json-{size}", "put"): 10 for size in ("100", "2k")},
    **{("putget", f"json-{size}", "get_by_ref"): 5 for size in ("100", "2k")},
    **{("putget", f"json-{size}", "get_by_data_id"): 20 for size in ("100", "2k")},
    ("putget", "", "find_dataset"): 20,
    ("query", "", "h_find_one"): 20,
    **{("ingest", f"{way}-{size}", "ingest"): 10 for way in ("direct", "hardlink") for size in ("1k", "10k", "100k")},
    ("query", "", "register"): 20,
    ("query", "", "certify"): 10,
    ("query", "", "a_full_scan_refs"): 5,
    ("query", "", "a2_full_scan_arrow"): 8,
    ("query", "", "c2_find_first_arrow"): 10,
    ("query", "", "d_spatial_vd_patch"): 10,
    ("query", "", "e3_calib_arrow"): 15,
    ("query", "", "g2_data_ids_with_records"): 15,
    ("dims", "", "vdr_insert"): 6,
    ("remove", "", "prune_datasets"): 5,
    ("remove", "", "remove_run"): 5,
    ("transfer", "", "export_metadata"): 20,
    ("transfer", "", "import_metadata"): 20,
    ("transfer", "", "retrieve_copy"): 4,
    ("qgraph", "10k", "build"): 25,
    ("qgraph", "100k", "build"): 50,
    ("qgraph", "", "write"): 10,
    ("qgraph", "100k", "load_full"): 50,
    ("qgraph", "100k", "cold_load_full"): 50,
    ("qgraph", "100k", "cold_load_one_quantum"): 10,
    ("exec", "100", "per quantum, -j1"): 25,
    ("exec", "1k", "per quantum, -j1"): 25,
    ("exec", "25", "per quantum, -j2"): 300,  # the reference needs minutes for more
}

# Phases that only Bunter has, and what the other side does for the same rows: it has no tables, so objects stand there.
COUNTERPARTS = {
    "a2_full_scan_arrow": "a_full_scan_refs",
    "c2_find_first_arrow": "c_find_first_chain",
    "e3_calib_arrow": "e_calib_all_exposures",
}


def file_system(path: str) -> str:
    """Type of the file system that a path is on."""
    best = ("", "unknown")
    with open("/proc/mounts") as mounts:
        for line in mounts:
            place, kind = line.split()[1:3]
            if os.path.realpath(path).startswith(place.rstrip("/") + "/") and len(place) >= len(best[0]):
                best = (place, kind)
    return best[1]


def run(
    python: str, script: str, workload: str, size: str, scratch: str, lines: str, timeout_s: float, db: str = "sqlite"
) -> bool:
    """Run one workload in a fresh process; say whether it ended well."""
    place = os.path.join(scratch, "work")
    shutil.rmtree(place, ignore_errors=True)
    options = {"--scratch": place, "--size": size, "--out": lines, "--db": db}
    command = [python, os.path.join(HERE, script), workload, *(word for option in options.items() for word in option)]
    # Byte code stays between runs of a side; the reference's other ways to execute have no counterpart here yet.
    env = dict(os.environ, PYTHONPYCACHEPREFIX=os.path.join(scratch, "pycache-" + script), BENCH_RUN_ONLY="1")
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    log = os.path.join(scratch, f"{script}-{workload}-{size}.log")
    with open(log, "w") as file:
        child = subprocess.Popen(command, env=env, stdout=file, stderr=file, start_new_session=True)
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = "timeout"
            end(child)
    shutil.rmtree(place, ignore_errors=True)
    if code:
        print(f"{script} {workload} {size} ended with {code}; see {log}", file=sys.stderr, flush=True)
    return code == 0


def end(child: subprocess.Popen) -> None:
    """End a workload and the processes of its session; it keeps the phases that were finished."""
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def read(lines: str) -> dict[tuple[str, str, str], dict]:
    """Median record of each phase: (workload, size, phase) -> cpu, wall, n, ok."""
    found: dict[tuple[str, str, str], list[dict]] = {}
    if os.path.exists(lines):
        with open(lines) as file:
            for line in filter(str.strip, file):  # a run that failed at once leaves an empty line
                r = json.loads(line)
                found.setdefault((r["workload"], r["size"], r["phase"]), []).append(r)
    return {key: median(records) for key, records in found.items()}


def median(records: list[dict]) -> dict:
    return {
        "cpu": statistics.median(r["cpu_user_s"] + r["cpu_sys_s"] for r in records),
        "wall": statistics.median(r["wall_adj_s"] for r in records),
        "n": records[-1]["n"],
        "ok": all(r["ok"] for r in records),
    }


def add_derived(rows: dict[tuple[str, str, str], dict]) -> None:
    """Overhead per quantum: the run's time without that of planning alone, by quantum."""
    for workload, size, phase in list(rows):
        plan = rows.get((workload, size, "qgraph"))
        if workload == "exec" and phase in {"run_j1", "run_j2"} and plan is not None:
            whole = rows[workload, size, phase]
            n = whole["n"]
            per = {k: max(whole[k] - plan[k], 0.0) / n for k in ("cpu", "wall")}
            rows[workload, size, f"per quantum, -{phase[-2:]}"] = {**per, "n": 1, "ok": whole["ok"]}


def table(ours: dict, theirs: dict) -> list[str]:
    """Lines of the table, as Markdown."""
    lines = [
        "| workload | size | phase | n | Bunter CPU | reference CPU | CPU ratio | wall ratio | target |",
        "|---|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for key in sorted(ours, key=lambda key: (list(dict.fromkeys(k[0] for k in ours)).index(key[0]), key[1])):
        workload, size, phase = key
        mine, other = ours[key], theirs.get((workload, size, COUNTERPARTS.get(phase, phase)))
        cells = [
            workload,
            size or "-",
            phase + ("" if mine["ok"] else " (WRONG RESULT)"),
            str(mine["n"] or 1),
            seconds(mine["cpu"]),
        ]
        if other is None:
            lines.append(f"| {' | '.join([*cells, '-', '-', '-', ''])} |")
            continue
        ratio = other["cpu"] / max(mine["cpu"], 1e-6)
        walls = other["wall"] / max(mine["wall"], 1e-6)
        target = TARGETS.get((workload, size, phase)) or TARGETS.get((workload, "", phase))
        said = "" if target is None else f"{target}x {'met' if ratio >= target else 'MISSED'}"
        lines.append(f"| {' | '.join([*cells, seconds(other['cpu']), f'{ratio:.1f}x', f'{walls:.1f}x', said])} |")
    return lines


def seconds(value: float) -> str:
    return f"{value * 1e6:.0f} us" if value < 1e-3 else f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", default=sys.executable, help="Python that has Bunter")
    p.add_argument("--theirs", help="Python that has the reference system; without it only Bunter is measured")
    p.add_argument("--ours-db", default="sqlite", help="database of Bunter's side: sqlite, or a PostgreSQL address")
    p.add_argument("--theirs-db", default="sqlite", help="database of the reference's side, likewise (needs psycopg2)")
    p.add_argument("--plan", choices=sorted(PLANS), default="quick")
    p.add_argument("--only", default="", help="comma-separated workload or workload:size")
    p.add_argument("--scratch", default="/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
    p.add_argument("--out", default="", help="also write the table to this file")
    p.add_argument("--timeout", type=float, default=1800.0, help="seconds for one workload on one side")
    a = p.parse_args()
    only = set(filter(None, a.only.split(",")))
    os.makedirs(a.scratch, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=a.scratch, prefix="bunter-bench-", ignore_cleanup_errors=True) as scratch:
        sides = [(a.ours, "bunter_bench.py", os.path.join(scratch, "ours.jsonl"), a.ours_db)]
        if a.theirs:
            sides.append((a.theirs, "lsst_bench.py", os.path.join(scratch, "theirs.jsonl"), a.theirs_db))
        failed = 0
        for workload, size, repeats in PLANS[a.plan]:
            if only and workload not in only and f"{workload}:{size}" not in only:
                continue
            for _ in range(repeats):
                for python, script, lines, db in sides:
                    begin = time.monotonic()
                    failed += not run(python, script, workload, size, scratch, lines, a.timeout, db)
                    print(f"{script} {workload} {size} {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        if file_system(scratch) != "tmpfs":  # where a put waits for the disk
            TARGETS.update({key: 4 for key in TARGETS if key[0] == "putget" and key[2] == "put"})
        ours, theirs = read(sides[0][2]), read(sides[1][2]) if a.theirs else {}
        for rows in (ours, theirs):
            add_derived(rows)
        head = [
            f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, scratch on {file_system(scratch)}.",
            "Durability: Bunter full (files, directories, database synced before a call returns); reference: database only.",
            f"Databases: {a.ours_db.partition(':')[0]}, {a.theirs_db.partition(':')[0]}; CPU of a server is not in the figures.",
            "CPU = user + system seconds of the phase, children included; wall without waiting for a CPU.",
            "",
        ]
        text = "\n".join([*head, *table(ours, theirs)]) + "\n"
    print(text)
    if a.out:
        with open(a.out, "w") as file:
            file.write(text)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

"""Run a plan of workloads for one implementation, one fresh process each; write medians as JSON.

    python run_all.py --impl lsst --python PY --script lsst_bench.py --scratch DIR --out results-lsst.json
                      [--plan small|full] [--pg postgresql://...] [--only create,dims] [--pythonpath DIR]

The plan is the same for every implementation; see workloads.md for what each entry does.
"""

# A script of plain calls, the same on both sides: it measures, it is no example of style.
# ruff: noqa: C408, PTH100, PTH103, PTH105, PTH110, PTH118, PTH122, PTH123, SIM105

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
import time

# (workload, size, repeats); cheap sizes first so that a full table exists early
SMALL = [
    ("create", "", 3),
    ("dims", "100", 3),
    ("putget", "json-100", 3),
    ("putget", "parquet-100", 3),
    ("ingest", "direct-1k", 3),
    ("ingest", "copy-1k", 3),
    ("ingest", "hardlink-1k", 3),
    ("query", "10k", 3),
    ("transfer", "1k", 3),
    ("remove", "1k", 3),
    ("concurrency", "25", 3),
    ("qgraph", "1k", 3),
    ("exec", "25", 1),
]
FULL = [
    ("putget", "json-2k", 1),
    ("ingest", "direct-10k", 2),
    ("ingest", "copy-10k", 2),
    ("ingest", "hardlink-10k", 2),
    ("remove", "10k", 2),
    ("concurrency", "250", 2),
    ("transfer", "10k", 2),
    ("dims", "1k", 1),
    ("query", "100k", 1),
    ("qgraph", "10k", 1),
    ("exec", "100", 1),
    ("exec", "1k", 1),
    ("putget", "parquet-2k", 1),
    ("ingest", "direct-100k", 1),
    ("ingest", "copy-100k", 1),
    ("ingest", "hardlink-100k", 1),
    ("dims", "10k", 1),
    ("qgraph", "100k", 1),
    ("query", "1M", 1),
    ("transfer", "50k", 1),
]
PG = [
    ("create", "", 1),
    ("putget", "json-100", 1),
    ("query", "10k", 1),
    ("concurrency", "250", 1),
    ("query", "100k", 1),
    ("query", "1M", 1),
]


def aggregate(jsonl: str, out: str) -> None:
    groups: dict[tuple, list] = {}
    with open(jsonl) as f:
        for line in f:
            r = json.loads(line)
            groups.setdefault((r["impl"], r["workload"], r["size"], r["db"], r["phase"]), []).append(r)
    rows = []
    num = (
        "wall_s",
        "wall_adj_s",
        "runq_wait_s",
        "cpu_user_s",
        "cpu_sys_s",
        "rss_start_mb",
        "rss_peak_mb",
        "write_mb",
        "per_item_us",
    )
    for (impl, w, size, db, phase), rs in groups.items():
        med = {}
        for k in num:
            v = [r[k] for r in rs if r.get(k) is not None]
            if v:
                med[k] = round(statistics.median(v), 6)
        extra = {}
        for k in rs[-1]["extra"]:
            v = [r["extra"].get(k) for r in rs]
            extra[k] = round(statistics.median(v), 6) if all(isinstance(x, (int, float)) for x in v) else v[-1]
        rows.append(
            dict(
                impl=impl,
                workload=w,
                size=size,
                db=db,
                phase=phase,
                n=rs[-1]["n"],
                runs=len(rs),
                ok=all(r["ok"] for r in rs),
                **med,
                extra=extra,
                check=rs[-1]["check"],
                loadavg1=round(statistics.median(r["machine"]["loadavg"][0] for r in rs), 2),
            )
        )
    tmp = out + ".tmp"
    with open(tmp, "w") as f:
        json.dump(dict(written=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), rows=rows), f, indent=1)
    os.replace(tmp, out)


def main() -> None:
    p = argparse.ArgumentParser()
    p.add_argument("--impl", required=True)
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--script", required=True)
    p.add_argument("--scratch", required=True)
    p.add_argument("--out", required=True, help="aggregated JSON; the raw lines go to OUT with suffix .jsonl")
    p.add_argument("--plan", default="small", choices=["small", "full", "pg", "none"])
    p.add_argument("--only", default="", help="comma-separated workload or workload:size")
    p.add_argument("--pg", default="")
    p.add_argument("--pythonpath", default="")
    p.add_argument("--timeout", type=float, default=1200)
    p.add_argument("--repeats", type=int, default=0)
    a = p.parse_args()
    os.makedirs(a.scratch, exist_ok=True)
    raw = os.path.splitext(a.out)[0] + ".jsonl"
    env = dict(os.environ, PYTHONPYCACHEPREFIX=os.path.join(os.path.abspath(a.scratch), "pycache"))
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    if a.pythonpath:
        env["PYTHONPATH"] = a.pythonpath
    plan = {"small": SMALL, "full": FULL, "pg": PG, "none": []}[a.plan]
    only = set(filter(None, a.only.split(",")))
    for w, size, reps in plan:
        if only and w not in only and f"{w}:{size}" not in only:
            continue
        for i in range(a.repeats or reps):
            scratch = os.path.join(a.scratch, f"{a.impl}-{w}-{size or 'x'}")
            shutil.rmtree(scratch, ignore_errors=True)
            cmd = [a.python, a.script, w, "--scratch", scratch, "--size", size, "--out", raw]
            cmd += ["--db", a.pg if a.plan == "pg" else "sqlite"]
            t = time.time()
            log = os.path.join(a.scratch, f"{a.impl}-{w}-{size or 'x'}.log")
            with open(log, "w") as lf:
                p = subprocess.Popen(cmd, env=env, stdout=lf, stderr=lf, start_new_session=True)
                try:
                    rc = p.wait(a.timeout)
                except subprocess.TimeoutExpired:
                    rc = "timeout"
                    p.terminate()
                    try:
                        p.wait(20)
                    except subprocess.TimeoutExpired:
                        pass
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(p.pid, signal.SIGKILL)  # the session started above, with its children
                    p.wait()
            shutil.rmtree(scratch, ignore_errors=True)
            print(
                f"{time.strftime('%H:%M:%S')} {w} {size} #{i} rc={rc} {time.time() - t:.1f}s load={os.getloadavg()[0]:.1f}",
                flush=True,
            )
            if os.path.exists(raw):
                aggregate(raw, a.out)


if __name__ == "__main__":
    main()

"""Measurement helpers shared by every implementation (standard library only)."""

# A script of plain calls, the same on both sides: it measures, it is no example of style.
# ruff: noqa: C408, PTH103, PTH113, PTH118, PTH123, PTH202, PTH208, TRY300

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import platform
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time


def _hwm_reset() -> bool:
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
        return True
    except OSError:
        return False


def _status_kb(key: str) -> int:
    try:
        with open("/proc/self/status") as f:
            for line in f:
                if line.startswith(key):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def _io() -> dict:
    out = {}
    try:
        with open("/proc/self/io") as f:
            for line in f:
                k, v = line.split(":")
                out[k] = int(v)
    except OSError:
        pass
    return out


CHILD_WAIT = [0.0]  # run-queue seconds of children reaped by run()


def _runq_wait(pid="self") -> float:
    """Seconds the threads of a process spent runnable but waiting for a CPU (other jobs' load)."""
    total = 0
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                total += int(f.read().split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return total / 1e9


def run(argv, **kw):
    """subprocess.run that also books the child's run-queue wait (children of children are not seen)."""
    check = kw.pop("check", False)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        p = subprocess.Popen(argv, stdout=out, stderr=err, text=True, **kw)
        os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
        CHILD_WAIT[0] += _runq_wait(p.pid)
        p.wait()
        out.seek(0)
        err.seek(0)
        r = subprocess.CompletedProcess(argv, p.returncode, out.read(), err.read())
    if check and r.returncode:
        raise RuntimeError(f"{argv[:3]} exited {r.returncode}: {r.stderr[-2000:]}")
    return r


class Stopwatch:
    """wall, cpu and run-queue wait of this process since construction (for worker processes)."""

    def __init__(self):
        self.t, self.c, self.w = time.perf_counter(), time.process_time(), _runq_wait()

    def read(self) -> dict:
        wall, wait = time.perf_counter() - self.t, _runq_wait() - self.w
        return dict(wall_s=wall, cpu_s=time.process_time() - self.c, runq_wait_s=wait, wall_adj_s=max(wall - wait, 0.0))


def percentiles(xs) -> dict:
    xs = sorted(xs)
    n = len(xs)

    def q(p):
        return xs[min(n - 1, int(p * n))] * 1e3

    return {
        "p50_ms": q(0.50),
        "p90_ms": q(0.90),
        "p99_ms": q(0.99),
        "max_ms": xs[-1] * 1e3,
        "mean_ms": statistics.fmean(xs) * 1e3,
    }


class Recorder:
    """Collects one record per measured phase of one run of one workload."""

    def __init__(self, impl: str, workload: str, size: str, db: str):
        self.head = dict(impl=impl, workload=workload, size=size, db=db)
        self.records: list[dict] = []

    @contextlib.contextmanager
    def phase(self, name: str, n: int | None = None):
        rec = dict(self.head, phase=name, n=n, check=None, ok=True, extra={})
        gc.collect()  # garbage of the phase before is not this phase's work
        reset = _hwm_reset()
        rss0 = _status_kb("VmRSS")
        s0, c0, io0 = (
            resource.getrusage(resource.RUSAGE_SELF),
            resource.getrusage(resource.RUSAGE_CHILDREN),
            _io(),
        )
        w0 = _runq_wait() + CHILD_WAIT[0]
        t0 = time.perf_counter()
        try:
            yield rec
        finally:
            wall = time.perf_counter() - t0
            wait = _runq_wait() + CHILD_WAIT[0] - w0
            s1, c1, io1 = (
                resource.getrusage(resource.RUSAGE_SELF),
                resource.getrusage(resource.RUSAGE_CHILDREN),
                _io(),
            )
            hwm = _status_kb("VmHWM") if reset else s1.ru_maxrss
            child = c1.ru_maxrss if (c1.ru_utime + c1.ru_stime) > (c0.ru_utime + c0.ru_stime) else 0
            rec.update(
                wall_s=wall,
                runq_wait_s=wait,
                wall_adj_s=max(wall - wait, 0.0),  # wall without waiting for a CPU taken by other jobs
                cpu_user_s=s1.ru_utime - s0.ru_utime + c1.ru_utime - c0.ru_utime,
                cpu_sys_s=s1.ru_stime - s0.ru_stime + c1.ru_stime - c0.ru_stime,
                rss_start_mb=round(rss0 / 1024, 1),
                rss_peak_mb=round(max(hwm, child) / 1024, 1),
                write_mb=round((io1.get("write_bytes", 0) - io0.get("write_bytes", 0)) / 1e6, 2),
            )
            if n:
                rec["per_item_us"] = rec["wall_adj_s"] / n * 1e6
            self.records.append(rec)
            print(f"{time.strftime('%H:%M:%S')} {name} {wall:.2f}s", file=sys.stderr, flush=True)

    @staticmethod
    def check(rec: dict, /, **pairs) -> None:
        """check(rec, name=(got, expected)); records and flags a mismatch."""
        rec["check"] = rec["check"] or {}
        for k, (got, want) in pairs.items():
            rec["check"][k] = got
            if want is not None and got != want:
                rec["ok"] = False
                rec["check"][k + "_expected"] = want


def machine() -> dict:
    c = time.process_time()
    for _ in range(5_000_000):
        pass
    return dict(
        spin_5M_cpu_s=time.process_time() - c,  # CPU seconds of a fixed loop: slows down when the cores are shared
        python=platform.python_version(),
        cpus=os.cpu_count(),
        loadavg=os.getloadavg(),
        mem_total_mb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def fresh(path: str) -> str:
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def du(path: str) -> int:
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(path) for f in fs)


def main(impl: str, workloads: dict, extra_args=None) -> None:
    """Command line shared by every implementation's bench script."""
    p = argparse.ArgumentParser()
    p.add_argument("workload", choices=sorted(workloads))
    p.add_argument("--scratch", required=True, help="directory this run may fill and delete")
    p.add_argument("--size", default="", help="size name of the workload (see workloads.md)")
    p.add_argument("--db", default="sqlite", help="sqlite, or a PostgreSQL URL")
    p.add_argument("--out", default="-", help="file to append JSON lines to")
    p.add_argument("--keep", action="store_true", help="leave the scratch directory in place")
    p.add_argument("--profile", default="", help="write cProfile statistics of the measured call here")
    if extra_args:
        extra_args(p)
    a = p.parse_args()
    os.makedirs(a.scratch, exist_ok=True)
    rec = Recorder(impl, a.workload, a.size, "sqlite" if a.db == "sqlite" else "postgresql")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a timed-out run keeps its finished phases
    try:
        workloads[a.workload](rec, a)
    finally:
        _report(rec, a)


def _report(rec, a) -> None:
    m = machine()
    lines = [json.dumps(dict(r, machine=m), default=str) for r in rec.records]
    if a.out == "-":
        print("\n".join(lines))
    else:
        with open(a.out, "a") as f:
            f.write("\n".join(lines) + "\n")
        for r in rec.records:
            print(
                f"{r['workload']:12} {r['size']:8} {r['db']:10} {r['phase']:28} wall {r['wall_s']:9.3f} adj {r['wall_adj_s']:8.3f} "
                f"cpu {r['cpu_user_s'] + r['cpu_sys_s']:9.3f} rss {r['rss_peak_mb']:8.1f} ok {r['ok']} {r['check']} "
                f"{ {k: (round(v, 3) if isinstance(v, float) else v) for k, v in r['extra'].items()} }",
                file=sys.stderr,
            )
    if not a.keep:
        shutil.rmtree(a.scratch, ignore_errors=True)

"""What runs leave behind and what is asked of it: jobs without a database, decisions, lineage, reasons, differences.

A workload of `bunter_bench.py`; the reference system has no counterpart in one process.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PLR0917, PTH118

from __future__ import annotations

import os

import numpy as np
import spec

ASKED = 20


def measure(rec, a, here, ingest_repo):
    """Measure runs of N quanta; phases are told in workloads.md."""
    from bunter import Butler
    from bunter.execution import compare_runs, find_lineage, why_made

    N = {"100": 100, "1k": 1000, "10k": 10_000}[a.size]  # noqa: N806 - as everywhere here
    root = os.path.join(a.scratch, "repo")
    ingest_repo(root, N, n_det=100).close()
    butler = Butler(root, writeable=True)
    for name in ("first", "second"):
        one_run(rec, butler, here, a.scratch, name, N)
    measure_decisions(rec, 10 * N)
    step = N // ASKED
    made = list(butler.query_datasets("noop_out", "run/first"))[::step]
    read = list(butler.query_datasets("raw", "raw/all"))[::step]
    with rec.phase("lineage_up", n=ASKED) as r:
        found = [find_lineage(butler, ref) for ref in made]
    rec.check(r, quanta=(sum(len(one.quanta) for one in found), ASKED))
    with rec.phase("lineage_down", n=ASKED) as r:
        found = [find_lineage(butler, ref, down=True) for ref in read]
    rec.check(r, quanta=(sum(len(one.quanta) for one in found), 2 * ASKED))
    with rec.phase("why", n=ASKED) as r:
        told = [why_made(butler, ref) for ref in butler.query_datasets("noop_out", "run/second", limit=ASKED)]
    rec.check(r, n=(len(told), ASKED))
    with rec.phase("diff", n=N) as r:
        compared = compare_runs(butler, "run/first", "run/second")
    rec.check(r, equal=(sum(each.same for each in compared.outputs if each.dataset_type == "noop_out"), N))
    butler.close()


def one_run(rec, butler, here, scratch, name, count):
    """Plan a run, carry it out as one job without a database, and register what it made."""
    from bunter.execution import Job, merge_run, prepare_run, run_job
    from bunter.graph import build_graph
    from bunter.pipeline import Pipeline

    types = {kind.name: kind for kind in butler.dataset_types}
    pipeline = Pipeline.from_file(os.path.join(here, "bunter_noop.yaml")).resolve(butler.universe, types)
    where = f"instrument='{spec.INSTRUMENT}'"
    graph = build_graph(butler, pipeline, where=where, inputs=["raw/all"], output_run=f"run/{name}")
    path = os.path.join(scratch, f"{name}.bqg")
    graph.write(path)
    with rec.phase(f"job_prepare_{name}", n=count):
        directory = prepare_run(butler, path)
    with rec.phase(f"job_run_{name}", n=count) as r:
        summary = run_job(directory, Job("all", tuple(range(len(graph))), 0))
    rec.check(r, code=(summary.exit_code, 0))
    with rec.phase(f"job_merge_{name}", n=count) as r:
        merged = merge_run(butler, f"run/{name}", final=True)
    rec.check(r, failed=(merged.failed, 0), n=(len(list(butler.query_datasets("noop_out", f"run/{name}"))), count))


def measure_decisions(rec, size):
    """Let the scheduler decide on chains of ten quanta, sixteen of which run at a time; nothing is carried out."""
    from bunter.execution.scheduler import Scheduler
    from bunter.execution.scheduling import Committed, Finished

    numbers = np.arange(size, dtype=np.int32)
    parents = numbers[numbers % 10 < 9]
    with rec.phase("decisions", n=size) as r:
        scheduler = Scheduler(size, (parents, parents + 1))
        succeeded = 0
        while running := scheduler.take(16):
            for one in running:
                scheduler.tell(Finished(one.quantum))
            succeeded += len(scheduler.tell(Committed(tuple(one.quantum for one in running))))
    rec.check(r, n=(succeeded, size), over=(scheduler.is_over, True))

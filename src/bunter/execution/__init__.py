"""Running quantum graphs: scheduling, workers, commits, resumption, reports.

`run_pipeline` runs a pipeline on a repository, or goes on with it; `RunSummary` says how it ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.at_need import at_need

if TYPE_CHECKING:
    from bunter.execution.abandoned import abandoned_keys
    from bunter.execution.again import Again, plan_rerun, plan_retry
    from bunter.execution.claims import claimed_keys
    from bunter.execution.comparison import Comparison, compare_runs
    from bunter.execution.forecast import Forecast, forecast_run
    from bunter.execution.job import Job, run_job
    from bunter.execution.lineage import Lineage, find_lineage
    from bunter.execution.merging import Merged, merge_run
    from bunter.execution.planning import foresee
    from bunter.execution.precedents import find_precedents
    from bunter.execution.reasons import Reason, why_made
    from bunter.execution.run import run_graph
    from bunter.execution.run_directory import RunDirectory, RunRequest, run_directories
    from bunter.execution.run_options import RunOptions
    from bunter.execution.scheduler import Scheduler
    from bunter.execution.scheduling import State
    from bunter.execution.start import prepare_run, run_pipeline, run_stored_graph
    from bunter.execution.status import FailureGroup, RunStatus, run_status
    from bunter.execution.summary import FailedQuantum, RunSummary, TaskCounts
    from bunter.execution.watch import Watcher
    from bunter.execution.wish import Wish

_HOMES = {
    "abandoned": ["abandoned_keys"],
    "again": ["Again", "plan_rerun", "plan_retry"],
    "claims": ["claimed_keys"],
    "comparison": ["Comparison", "compare_runs"],
    "forecast": ["Forecast", "forecast_run"],
    "job": ["Job", "run_job"],
    "lineage": ["Lineage", "find_lineage"],
    "merging": ["Merged", "merge_run"],
    "planning": ["foresee"],
    "precedents": ["find_precedents"],
    "reasons": ["Reason", "why_made"],
    "run": ["run_graph"],
    "run_directory": ["RunDirectory", "RunRequest", "run_directories"],
    "run_options": ["RunOptions"],
    "scheduler": ["Scheduler"],
    "scheduling": ["State"],
    "start": ["prepare_run", "run_pipeline", "run_stored_graph"],
    "status": ["FailureGroup", "RunStatus", "run_status"],
    "summary": ["FailedQuantum", "RunSummary", "TaskCounts"],
    "watch": ["Watcher"],
    "wish": ["Wish"],
}

__all__ = [
    "Again",
    "Comparison",
    "FailedQuantum",
    "FailureGroup",
    "Forecast",
    "Job",
    "Lineage",
    "Merged",
    "Reason",
    "RunDirectory",
    "RunOptions",
    "RunRequest",
    "RunStatus",
    "RunSummary",
    "Scheduler",
    "State",
    "TaskCounts",
    "Watcher",
    "Wish",
    "abandoned_keys",
    "claimed_keys",
    "compare_runs",
    "find_lineage",
    "find_precedents",
    "forecast_run",
    "foresee",
    "merge_run",
    "plan_rerun",
    "plan_retry",
    "prepare_run",
    "run_directories",
    "run_graph",
    "run_job",
    "run_pipeline",
    "run_status",
    "run_stored_graph",
    "why_made",
]

__getattr__ = at_need(globals(), _HOMES)

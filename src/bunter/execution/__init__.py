"""Running quantum graphs: scheduling, workers, commits, resumption, reports.

`run_pipeline` runs a pipeline on a repository, or goes on with it; `RunSummary` says how it ended.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bunter.execution.abandoned import abandoned_keys
    from bunter.execution.again import Again, plan_rerun, plan_retry
    from bunter.execution.claims import claimed_keys
    from bunter.execution.comparison import Comparison, compare_runs
    from bunter.execution.forecast import Forecast, forecast_run
    from bunter.execution.job import Job, run_job
    from bunter.execution.lineage import Lineage, find_lineage
    from bunter.execution.merging import Merged, merge_run
    from bunter.execution.precedents import find_precedents
    from bunter.execution.reasons import Reason, why_made
    from bunter.execution.run import RunOptions, run_graph
    from bunter.execution.run_directory import RunDirectory, RunRequest, run_directories
    from bunter.execution.scheduler import Scheduler, State
    from bunter.execution.start import Wish, foresee, prepare_run, run_pipeline, run_stored_graph
    from bunter.execution.status import FailureGroup, RunStatus, run_status
    from bunter.execution.summary import FailedQuantum, RunSummary, TaskCounts
    from bunter.execution.watch import Watcher

_HOMES = {
    "foresee": "start",
    "abandoned_keys": "abandoned",
    "Again": "again",
    "plan_rerun": "again",
    "plan_retry": "again",
    "FailureGroup": "status",
    "RunStatus": "status",
    "run_status": "status",
    "claimed_keys": "claims",
    "RunOptions": "run",
    "run_graph": "run",
    "RunDirectory": "run_directory",
    "RunRequest": "run_directory",
    "run_directories": "run_directory",
    "Comparison": "comparison",
    "Reason": "reasons",
    "why_made": "reasons",
    "Forecast": "forecast",
    "forecast_run": "forecast",
    "compare_runs": "comparison",
    "Lineage": "lineage",
    "find_precedents": "precedents",
    "find_lineage": "lineage",
    "Scheduler": "scheduler",
    "State": "scheduler",
    "Wish": "start",
    "run_pipeline": "start",
    "run_stored_graph": "start",
    "Job": "job",
    "run_job": "job",
    "Merged": "merging",
    "merge_run": "merging",
    "prepare_run": "start",
    "FailedQuantum": "summary",
    "RunSummary": "summary",
    "TaskCounts": "summary",
    "Watcher": "watch",
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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value

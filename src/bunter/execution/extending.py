"""A run that is extended: what was planned later has a graph of its own, and writes into the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import RunError
from bunter.execution.initialise import recover, register
from bunter.execution.run_directory import EXTENDED, RunDirectory, runs_root
from bunter.graph.arrow import key_column
from bunter.graph.relation import Relation, joint_keys
from bunter.graph.sources import encode
from bunter.pipeline.task_node import AUTOMATIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler import Butler
    from bunter.graph import DatasetTable, QuantumGraph
    from bunter.graph.keys import Array

__all__ = ["earlier_parts", "hand_over", "refuse_clashes", "settle", "take_over"]


def earlier_parts(butler: Butler, directory: RunDirectory) -> list[RunDirectory]:
    """Return the parts of a run that were planned before this one."""
    parts = RunDirectory.parts(runs_root(butler), directory.run)
    return [part for part in parts if part.path != directory.path and part.has_graph()]


def settle(butler: Butler, part: RunDirectory) -> None:
    """Register what a part has committed, and remove what it published beyond that."""
    if not part.is_finished:
        graph = part.graph()
        register(butler, graph)
        recover(butler, graph, part.told())


def hand_over(part: RunDirectory) -> None:
    """Note that a later part goes on with what this one has left."""
    part.write_summary({**(part.summary() or {}), "status": EXTENDED})


def take_over(earlier: Sequence[RunDirectory]) -> None:
    """Let the earlier parts of a run know that there is a later one; a process may have died before it could."""
    for part in earlier:
        if (part.summary() or {}).get("status") != EXTENDED:
            hand_over(part)


def refuse_clashes(butler: Butler, graph: QuantumGraph, earlier: list[RunDirectory]) -> None:
    """Raise if an extension would configure a task anew, or make datasets that the run has.

    Raises
    ------
    RunError
        With the tasks, or the datasets and one of their data IDs.
    """
    run = graph.header.output_run
    now = _configurations(graph)
    others = {label for part in earlier for label, config in _configurations(part.graph()).items()
              if now.get(label, config) != config}  # fmt: skip
    if others:
        raise RunError(
            f"the run {run!r} has tasks with other configurations or classes: {', '.join(sorted(others))}; a run holds one of "
            f"each. Begin a new run with --skip-existing-in {run}"
        )
    known = {kind.name for kind in butler.dataset_types.query()}
    made = {edge.dataset_type: edge.connection for edge in graph.edges.values() if edge.kind == "output"}
    for name in sorted(made.keys() & known, key=lambda name: (made[name] in AUTOMATIC, name)):
        if found := _twice(butler, graph.datasets[name], run):
            raise RunError(
                f"the run {run!r} has {name!r} already where it would be made again, such as at {found}: what it is made from "
                f"has changed. A run holds one of each; begin a new one with --skip-existing-in {run}, or make it anew here "
                "with `bunter rerun`"
            )


def _configurations(graph: QuantumGraph) -> dict[str, Any]:
    return {one["label"]: (one.get("class"), one.get("config")) for one in graph.pipeline["tasks"]}


def _twice(butler: Butler, table: DatasetTable, run: str) -> str:
    """Return the data ID of a dataset that a run has and that would be made again; empty if there is none."""
    there = butler.query_datasets(table.name, run, find_first=False).to_arrow()
    planned = _predicted(table)
    if not there.num_rows or not len(planned):
        return ""
    keys, names = table.keys, table.keys.required
    columns = {name: keys.column(name)[planned].astype(np.int64) for name in names}
    mine = Relation(columns, len(planned))
    theirs = Relation(
        encode(keys.vocabulary, {name: key_column(there, name) for name in names}).columns, there.num_rows
    )
    joint = joint_keys(mine, theirs, names)
    common = np.isin(joint[: len(planned)], joint[len(planned) :])
    if not common.any():
        return ""
    data_id = keys.data_id(int(planned[common][0]))
    return str({name: data_id[name] for name in names})


def _predicted(table: DatasetTable) -> Array:
    if table.ids is None:
        return np.arange(len(table))
    return np.flatnonzero(~table.exists) if table.exists is not None else np.zeros(0, np.int64)

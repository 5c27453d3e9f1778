"""Some quanta of a run with all that is known of each, so that one can walk from results to what they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.execution.quantum_log import log_text
from bunter.execution.run_logs import read_logs
from bunter.execution.summary import required_data_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.butler import Butler
    from bunter.execution.receipt import Receipt
    from bunter.execution.run_directory import RunDirectory
    from bunter.graph import QuantumGraph, QuantumRef

__all__ = ["Specimen", "choose_quanta", "specimens"]

_MOST, _MOST_FAILED, _MOST_LOGS = 1000, 200, 300
_MOST_REFS, _MOST_PARENTS = 20, 20
_LOG, _FAILED_LOG = 800, 3000


@dataclass(frozen=True, slots=True)
class Specimen:
    """One quantum of a run.

    Parameters
    ----------
    quantum : int
        Its number in the graph.
    task : str
        Label of its task.
    data_id : str
        Values of its required dimensions.
    state : str
        ``succeeded``, ``no_work``, ``partial``, ``failed``, ``blocked`` or ``waiting``.
    wall_s, cpu_s : float
        Elapsed time and CPU time, in seconds.
    peak_memory : int
        Resident size of its process, in bytes.
    host : str
        Machine.
    inputs, outputs : list of dict
        Datasets, twenty at most: type, data ID, and the quantum that makes it, if there is one.
    more_inputs, more_outputs : int
        How many others there are.
    problem : str
        Why it failed, or had nothing to do.
    log : str
        The end of its log; empty for most.
    """

    quantum: int
    task: str
    data_id: str
    state: str
    wall_s: float
    cpu_s: float
    peak_memory: int
    host: str
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    more_inputs: int
    more_outputs: int
    problem: str
    log: str


def choose_quanta(graph: QuantumGraph, failed: Sequence[int], most: int = _MOST) -> list[int]:
    """Choose quanta to be shown: all of a small run; of a large one failures, results, and what these were made of.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    failed : sequence of int
        Quanta that failed.
    most : int, optional
        Most of them.
    """
    if len(graph) <= most:
        return list(range(len(graph)))
    roots = [*failed[:_MOST_FAILED], *_spread(graph, most)]
    chosen: dict[int, None] = {}
    for root in roots:
        stack = [root]
        while stack and len(chosen) < most:
            quantum = stack.pop()
            if quantum not in chosen:
                chosen[quantum] = None
                stack += graph.parents(quantum)[:_MOST_PARENTS]
    return sorted(chosen)


def _spread(graph: QuantumGraph, most: int) -> Iterator[int]:
    """Yield quanta of all tasks in turn, the last task first, from all parts of each."""
    tasks = [table for table in reversed(list(graph.tasks.values())) if len(table)]
    rows = [np.unique(np.linspace(0, len(table) - 1, min(most, len(table))).astype(int)) for table in tasks]
    orders = [np.random.default_rng(0).permutation(one) for one in rows]
    for number in range(max(map(len, orders), default=0)):
        yield from (
            int(table.first + one[number]) for table, one in zip(tasks, orders, strict=True) if number < len(one)
        )


def specimens(butler: Butler, directory: RunDirectory, most: int = _MOST) -> list[Specimen]:
    """Tell what is known of some quanta of a run.

    Parameters
    ----------
    butler : Butler
        The repository.
    directory : RunDirectory
        Folder of the run.
    most : int, optional
        Most of them.
    """
    graph, told = directory.graph(), directory.told()
    receipts = {one.quantum: one for one in (*told.receipts, *told.failures)}
    failed = sorted(one.quantum for one in told.failures if one.quantum >= 0)
    chosen = choose_quanta(graph, failed, most)
    makers = _makers(graph, chosen)
    logs = _logs(butler, directory, [*failed[:_MOST_FAILED], *chosen])
    unhappy = set(failed)
    return [
        _specimen(graph, quantum, receipts.get(quantum), makers, logs.get(quantum, ""), unhappy) for quantum in chosen
    ]


def _makers(graph: QuantumGraph, chosen: Iterable[int]) -> dict[int, int]:
    """Quantum that makes each output of the chosen ones, by row in the graph."""
    found: dict[int, int] = {}
    for quantum in chosen:
        for refs in graph.quantum(quantum).outputs.values():
            found.update(dict.fromkeys((ref.row for ref in refs), quantum))
    return found


def _logs(butler: Butler, directory: RunDirectory, wanted: Sequence[int]) -> dict[int, str]:
    """Return the ends of the logs of a few quanta."""
    some = list(dict.fromkeys(wanted))[:_MOST_LOGS]
    return {
        said.quantum: (said.text or log_text(said.records))[-(_FAILED_LOG if said.text else _LOG) :]
        for said in read_logs(directory, butler.datastore, some)
    }


def _specimen(  # noqa: PLR0917 - all that is known of it
    graph: QuantumGraph, number: int, receipt: Receipt | None, makers: dict[int, int], log: str, failed: set[int]
) -> Specimen:
    quantum = graph.quantum(number)
    label, own = graph.place(number)
    automatic = {f"{label}_log", f"{label}_metadata"}
    inputs = [ref for refs in quantum.inputs.values() for ref in refs]
    outputs = [ref for refs in quantum.outputs.values() for ref in refs if ref.dataset_type not in automatic]
    used = None if receipt is None else receipt.resources
    return Specimen(
        quantum=number,
        task=label,
        data_id=_shown(required_data_id(graph, label, own)),
        state=_state(graph, number, receipt, failed),
        wall_s=0.0 if used is None else used.wall_s,
        cpu_s=0.0 if used is None else used.cpu_s,
        peak_memory=0 if used is None else used.peak_memory,
        host="" if used is None else used.host,
        inputs=[_dataset(graph, ref, makers) for ref in inputs[:_MOST_REFS]],
        outputs=[_dataset(graph, ref, makers) for ref in outputs[:_MOST_REFS]],
        more_inputs=max(0, len(inputs) - _MOST_REFS),
        more_outputs=max(0, len(outputs) - _MOST_REFS),
        problem="" if receipt is None or receipt.problem is None else str(receipt.problem)[:_LOG],
        log=log,
    )


def _state(graph: QuantumGraph, quantum: int, receipt: Receipt | None, failed: set[int]) -> str:
    if receipt is not None:
        return receipt.end
    return "blocked" if failed.intersection(graph.parents(quantum)) else "waiting"


def _dataset(graph: QuantumGraph, ref: QuantumRef, makers: dict[int, int]) -> dict[str, Any]:
    required = graph.datasets[ref.dataset_type].keys.required
    data_id = {name: ref.data_id[name] for name in required}
    return {"type": ref.dataset_type, "data_id": _shown(data_id), "maker": makers.get(ref.row)}


def _shown(data_id: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in data_id.items())

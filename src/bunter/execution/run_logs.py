"""What the quanta of a run have said, and what they say as they run."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.errors import KeyMissingError
from bunter.execution.pulse import read_beats
from bunter.execution.spill import read_spill
from bunter.execution.summary import required_data_id
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from bunter.datastore import Datastore
    from bunter.execution.receipt import Receipt
    from bunter.execution.run_directory import RunDirectory
    from bunter.graph import QuantumGraph

__all__ = ["QuantumSaid", "follow_logs", "read_logs"]

_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class QuantumSaid:
    """What one quantum has said.

    Parameters
    ----------
    quantum : int
        Its number.
    label : str
        Label of its task.
    data_id : mapping
        Required dimensions.
    state : str
        ``succeeded``, ``no_work``, ``failed`` or ``running``.
    records : tuple of dict
        Log records, oldest first: ``time`` (s UTC since 1970), ``level``, ``name``, ``message`` and more.
    text : str
        The log as text, where there are no records: that of a failure.
    metadata : mapping
        What task and executor say about the quantum; empty while it runs.
    """

    quantum: int
    label: str
    data_id: dict[str, Any]
    state: str
    records: tuple[dict[str, Any], ...] = ()
    text: str = ""
    metadata: dict[str, Any] | None = None

    def lines(self) -> Iterator[dict[str, Any]]:
        """Return records that say for themselves where they come from, to be shipped elsewhere."""
        about = {"quantum": self.quantum, "label": self.label, "data_id": self.data_id, "state": self.state}
        for record in self.records:
            yield {**record, **about}
        if self.text:
            yield {"message": self.text, "level": "ERROR", **about}


def read_logs(directory: RunDirectory, datastore: Datastore, quanta: Iterable[int]) -> Iterator[QuantumSaid]:
    """Read what quanta of a run have said; those that have not begun are left out.

    Parameters
    ----------
    directory : RunDirectory
        Folder of the run.
    datastore : Datastore
        Where logs are.
    quanta : iterable of int
        Numbers of quanta.

    Yields
    ------
    QuantumSaid
        In the order of their numbers; a log that was removed is empty.
    """
    wanted, graph, told = set(quanta), directory.graph(), directory.told()
    running = _running(directory, graph, wanted)
    ended = {receipt.quantum: receipt for receipt in (*told.failures, *told.receipts) if receipt.quantum in wanted}
    documents = _documents(datastore, graph, told.artifacts, [one for one in ended.values() if one.is_success])
    for quantum in sorted({*ended, *running}):
        if quantum in running:
            yield running[quantum]
        else:
            yield _said(graph, ended[quantum], documents.get(quantum, {}))


def _said(graph: QuantumGraph, receipt: Receipt, documents: dict[str, Any]) -> QuantumSaid:
    label, own = graph.place(receipt.quantum)
    problem = receipt.problem
    text = ""
    if not documents and problem is not None:
        there = problem.log and effects.stat(problem.log) is not None
        text = effects.read_bytes(problem.log).decode(errors="replace").rstrip() if there else str(problem)
    return QuantumSaid(
        receipt.quantum,
        label,
        required_data_id(graph, label, own),
        receipt.end,
        tuple(documents.get("_log", ())),
        text,
        documents.get("_metadata"),
    )


def _documents(
    datastore: Datastore, graph: QuantumGraph, artifacts: dict[str, Any], receipts: list[Receipt]
) -> dict[int, dict[str, Any]]:
    """Read metadata and logs of quanta: each artifact that holds some once, and of it only these."""
    places: defaultdict[str, list[tuple[int, str, ByteRange]]] = defaultdict(list)
    for receipt in receipts:
        label, own = graph.place(receipt.quantum)
        for name in ("_metadata", "_log"):
            edge = graph.edges[label, name]
            row = graph.datasets[edge.dataset_type].number(edge.of_quantum(own)[0])
            for output in receipt.outputs:
                if output.row == row and output.nonce in artifacts:
                    begin, _, size = output.selector.partition(":")
                    places[output.nonce].append((receipt.quantum, name, ByteRange(int(begin), int(size))))
    found: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for nonce, parts in places.items():
        artifact = artifacts[nonce]
        try:
            pieces = datastore.stores[artifact.datastore].read(artifact.key, [part[2] for part in parts])
        except KeyMissingError:
            continue
        for (quantum, name, _), piece in zip(parts, pieces, strict=True):
            found[quantum][name] = json.loads(piece)
    return dict(found)


def _running(directory: RunDirectory, graph: QuantumGraph, wanted: set[int]) -> dict[int, QuantumSaid]:
    """Return what workers that are alive have said so far."""
    busy = {one.quantum for beat in read_beats(directory.path) if beat.is_alive for one in beat.running} & wanted
    found: dict[int, QuantumSaid] = {}
    if not busy:
        return found
    live = directory.path / "live"
    for attempt in effects.listdir(live):
        for name in effects.listdir(live / attempt):
            said = _live(live / attempt / name, graph)
            if said is not None and said.quantum in busy:
                found[said.quantum] = said
    return found


def _live(path: Path, graph: QuantumGraph) -> QuantumSaid | None:
    try:
        title = json.loads(effects.read_bytes(path).partition(b"\n")[0])
        quantum, attempt, retry = title["quantum"], title["attempt"], title["retry"]
    except (OSError, ValueError, KeyError, TypeError):  # it is about to begin, or was just replaced
        return None
    records, words = read_spill(path, quantum, attempt, retry)
    label, own = graph.place(quantum)
    return QuantumSaid(quantum, label, required_data_id(graph, label, own), "running", tuple(records), words)


def follow_logs(
    directory: RunDirectory,
    datastore: Datastore,
    quanta: Iterable[int],
    tell: Callable[[QuantumSaid], None],
    *,
    pause_s: float = _PAUSE_S,
) -> None:
    """Tell what quanta of a run say, each record once, until nothing works on the run any more.

    Parameters
    ----------
    directory, datastore, quanta
        As in `read_logs`.
    tell : callable
        Gets what is new.
    pause_s : float, optional
        Time between two looks, in seconds.
    """
    wanted = set(quanta)
    heard: defaultdict[int, int] = defaultdict(int)
    ended: set[int] = set()
    is_last = False
    while True:
        for said in read_logs(directory, datastore, wanted - ended):
            new = said.records[heard[said.quantum] :]
            heard[said.quantum] = len(said.records)
            is_over = said.state != "running"
            text = said.text if is_over and not heard[said.quantum] else ""
            if is_over:
                ended.add(said.quantum)
            if new or text:
                tell(QuantumSaid(said.quantum, said.label, said.data_id, said.state, new, text, said.metadata))
        if is_last or not wanted - ended:
            return
        is_last = not any(beat.is_alive for beat in read_beats(directory.path))
        if not is_last:
            effects.sleep(pause_s)

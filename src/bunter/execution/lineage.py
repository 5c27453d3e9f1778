"""What a dataset was made of, and what was made of it, through the quanta of all runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import RunError
from bunter.execution.run_directory import RunDirectory, run_directories, runs_root
from bunter.graph.decided import decision_sentence, overrides_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from uuid import UUID

    from bunter.butler import Butler
    from bunter.dataset import DatasetRef
    from bunter.dimensions import Universe
    from bunter.execution.receipt import Receipt
    from bunter.execution.receipt_index import ReceiptIndex
    from bunter.graph import QuantumGraph, QuantumRef

__all__ = ["History", "Lineage", "TracedDataset", "TracedQuantum", "Tracks", "find_lineage"]

_MOST = 100_000


@dataclass(frozen=True, slots=True)
class TracedDataset:
    """A dataset in a lineage.

    Parameters
    ----------
    id : UUID
        Its id.
    dataset_type : str
        Name of its type.
    data_id : mapping
        Values of the required dimensions.
    run : str
        The run that holds it.
    """

    id: UUID
    dataset_type: str
    data_id: Mapping[str, Any]
    run: str

    @classmethod
    def of(cls, ref: DatasetRef) -> TracedDataset:
        """Make it from a reference."""
        required = {name: ref.data_id[name] for name in ref.dataset_type.dimensions.required}
        return cls(ref.id, ref.dataset_type.name, required, ref.run)

    def __str__(self) -> str:
        return f"{self.dataset_type}@{{{_shown(self.data_id)}}}"


@dataclass(frozen=True, slots=True)
class TracedQuantum:
    """A quantum in a lineage.

    Parameters
    ----------
    run : str
        The run.
    quantum : int
        Its number in the graph of the run.
    task, class_name, version : str
        Label, class and version of the task.
    config_hash : str
        SHA-256 of the configuration.
    data_id : mapping
        Values of the required dimensions.
    facts : mapping
        Of its receipt: ``begin_ns`` (UTC since 1970), ``wall_s``, ``cpu_s``, ``peak_memory`` (bytes), ``host``.
    part : int
        Part of the run whose graph it is in; 1 unless the run was extended.
    decisions : tuple of str
        Overrides of operators that have decided what it read, in words.
    """

    run: str
    quantum: int
    task: str
    class_name: str
    version: str
    config_hash: str
    data_id: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    part: int = 1
    decisions: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"{self.run}#{self.quantum}" if self.part == 1 else f"{self.run}#{self.part}.{self.quantum}"

    def __str__(self) -> str:
        return f"{self.task}@{{{_shown(self.data_id)}}}"


def _shown(data_id: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value!r}" for name, value in data_id.items())


@dataclass(slots=True)
class Lineage:
    """Datasets and the quanta between them.

    Parameters
    ----------
    root : UUID
        The dataset that was asked about.
    down : bool
        Whether it tells what was made of that dataset, instead of what it was made of.
    datasets : dict of UUID to TracedDataset
        All datasets.
    quanta : dict of str to TracedQuantum
        All quanta, by key.
    used : list of (str, UUID)
        A quantum, and a dataset that it has read.
    made : list of (str, UUID)
        A quantum, and a dataset that it has written.
    """

    root: UUID
    down: bool
    datasets: dict[UUID, TracedDataset] = field(default_factory=dict)
    quanta: dict[str, TracedQuantum] = field(default_factory=dict)
    used: list[tuple[str, UUID]] = field(default_factory=list)
    made: list[tuple[str, UUID]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "root": str(self.root),
            "direction": "down" if self.down else "up",
            "datasets": [
                {"id": str(one.id), "dataset_type": one.dataset_type, "data_id": dict(one.data_id), "run": one.run}
                for one in self.datasets.values()
            ],
            "quanta": [
                {"key": one.key, "run": one.run, "quantum": one.quantum, "task": one.task, "class": one.class_name,
                 "version": one.version, "config_sha256": one.config_hash, "data_id": dict(one.data_id),
                 **one.facts, **({"decisions": list(one.decisions)} if one.decisions else {})}
                for one in self.quanta.values()
            ],
            "used": [[quantum, str(dataset)] for quantum, dataset in self.used],
            "made": [[quantum, str(dataset)] for quantum, dataset in self.made],
        }  # fmt: skip


def find_lineage(butler: Butler, ref: DatasetRef, *, down: bool = False, depth: int | None = None) -> Lineage:
    """Find what a dataset was made of, or what was made of it.

    Only what quanta have really read counts, as their receipts say.

    Parameters
    ----------
    butler : Butler
        The repository.
    ref : DatasetRef
        The dataset.
    down : bool
        Whether to look for what was made of it.
    depth : int, optional
        Most quanta between the dataset and the others; None for all.

    Raises
    ------
    RunError
        If there are more than 100,000 datasets; give a depth.
    """
    runs = Tracks(runs_root(butler), butler.universe)
    first = TracedDataset.of(ref)
    found = Lineage(ref.id, down, {ref.id: first})
    edge, level = [first], 0
    while edge and (depth is None or level < depth):
        edge, level = [new for one in edge for new in _step(runs, found, one)], level + 1
        if len(found.datasets) > _MOST:
            raise RunError(f"the lineage of {first} has more than {_MOST:,} datasets; limit it, as in --depth 3")
    return found


def _step(runs: Tracks, found: Lineage, one: TracedDataset) -> Iterator[TracedDataset]:
    """Go one quantum further; yield the datasets that are new."""
    works = runs.readers(one) if found.down else runs.maker(one)
    near, far = (found.used, found.made) if found.down else (found.made, found.used)
    for history, quantum in works:
        work = history.work(quantum)
        near.append((work.key, one.id))
        if work.key in found.quanta:
            continue
        found.quanta[work.key] = work
        for other in history.made(quantum) if found.down else history.used(quantum):
            far.append((work.key, other.id))
            if other.id not in found.datasets:
                found.datasets[other.id] = other
                yield other


class Tracks:
    """The runs of a repository, each read once.

    Parameters
    ----------
    root : Path
        Folder that holds the folders of runs.
    universe : Universe
        The dimensions.
    """

    def __init__(self, root: Path, universe: Universe) -> None:
        self._root, self._universe = root, universe
        self._read: dict[str, History] = {}

    def _history(self, directory: RunDirectory) -> History:
        name = str(directory.path)
        if name not in self._read:
            self._read[name] = History(directory, self._universe)
        return self._read[name]

    @cached_property
    def all(self) -> list[History]:
        """All runs that were planned, the newest first."""
        return [self._history(one) for one in run_directories(self._root) if one.has_graph()]

    def maker(self, one: TracedDataset) -> list[tuple[History, int]]:
        """Find the quantum that made a dataset: none for one that no pipeline has made here."""
        parts = [part for part in RunDirectory.parts(self._root, one.run) if part.has_graph()]
        histories = [self._history(part) for part in parts] or self.all
        for history in histories:
            row = history.row_of(one.id)
            if row is not None and (quantum := history.maker_of(row)) is not None:
                return [(history, quantum)]
        return []

    def readers(self, one: TracedDataset) -> list[tuple[History, int]]:
        """Find the quanta that have read a dataset."""
        return [(history, quantum) for history in self.all for quantum in history.readers_of(one)]


class History:
    """One run: its graph and receipts.

    Parameters
    ----------
    directory : RunDirectory
        Folder of the run.
    universe : Universe
        The dimensions.
    """

    def __init__(self, directory: RunDirectory, universe: Universe) -> None:
        self._universe = universe
        self.graph: QuantumGraph = directory.graph()
        self._directory = directory
        self._base = int.from_bytes(self.graph.header.base, "big")
        self._size = sum(map(len, self.graph.datasets.values()))
        self._tasks = {task["label"]: task for task in self.graph.pipeline["tasks"]}
        self._made: dict[int, TracedDataset] = {}

    @cached_property
    def _receipts(self) -> ReceiptIndex:
        return self._directory.receipts()

    @cached_property
    def _constructed(self) -> set[int]:
        """Rows of the datasets that constructions of tasks have written."""
        return {row for receipt in self._receipts.constructions() for row in _made_by(receipt)}

    def row_of(self, identity: UUID) -> int | None:
        """Row of a dataset that the graph predicted."""
        row = identity.int - self._base
        return row if 0 <= row < self._size else None

    def maker_of(self, row: int) -> int | None:
        """Quantum that has written a dataset; constructions of tasks count for none."""
        quantum = self.graph.producer(row)
        receipt = None if quantum is None else self._receipts.get(quantum)
        return quantum if receipt is not None and row in _made_by(receipt) else None

    def readers_of(self, one: TracedDataset) -> list[int]:
        """Quanta that have read a dataset."""
        table = self.graph.datasets.get(one.dataset_type)
        if table is None:
            return []
        row = self.row_of(one.id)
        own = row - table.first if row is not None else self._existing(one)
        if own is None:
            return []
        quanta = [
            int(quantum) + self.graph.tasks[edge.label].first
            for edge in self.graph.edges.values()
            if edge.is_read and edge.dataset_type == one.dataset_type
            for quantum in edge.quanta[edge.datasets == own]
        ]
        return [quantum for quantum in dict.fromkeys(quanta) if self._has_read(quantum, own + table.first)]

    def _existing(self, one: TracedDataset) -> int | None:
        ids = self.graph.datasets[one.dataset_type].ids
        if ids is None:
            return None
        rows = np.flatnonzero((np.asarray(ids) == np.frombuffer(one.id.bytes, np.uint8)).all(axis=1))
        return int(rows[0]) if len(rows) else None

    def _has_read(self, quantum: int, row: int) -> bool:
        receipt = self._receipts.get(quantum)
        return receipt is not None and row not in receipt.unread and row not in dict(receipt.rejected)

    def has_succeeded(self, quantum: int) -> bool:
        """Whether a quantum has a receipt of success."""
        return quantum in self._receipts

    def fingerprint(self, quantum: int) -> bytes | None:
        """Fingerprint of a quantum."""
        label, own = self.graph.place(quantum)
        prints = self.graph.tasks[label].fingerprints
        return None if prints is None else bytes(prints[own].tobytes())

    def config(self, label: str) -> dict[str, Any]:
        """Return the configuration of a task, as plain data."""
        found: dict[str, Any] = self._tasks[label]["config"]
        return found

    def inputs(self, quantum: int) -> dict[str, dict[str, object]]:
        """Return what stands for each input in a fingerprint, by connection and by type and data ID.

        It is the id of a dataset that was there, or the fingerprint of the quantum that makes it.
        """
        found: dict[str, dict[str, object]] = {}
        for name, refs in self.graph.quantum(quantum).inputs.items():
            for ref in refs:
                maker = self.maker_of(ref.row)
                content = ref.id if maker is None else self.fingerprint(maker)
                found.setdefault(name, {})[str(self._dataset(ref))] = content
        return found

    def used(self, quantum: int) -> list[TracedDataset]:
        """Datasets that a quantum has read."""
        refs = [ref for refs in self.graph.quantum(quantum).inputs.values() for ref in refs]
        there = [
            ref for ref in refs if ref.exists or self.maker_of(ref.row) is not None or ref.row in self._constructed
        ]
        return [self._dataset(ref) for ref in there if self._has_read(quantum, ref.row)]

    def made(self, quantum: int) -> list[TracedDataset]:
        """Datasets that a quantum has written, its log and metadata left out."""
        automatic = {f"{self.graph.place(quantum)[0]}_{word}" for word in ("log", "metadata")}
        receipt = self._receipts.get(quantum)
        refs = map(self.graph.ref, () if receipt is None else _made_by(receipt))
        return [self._dataset(ref) for ref in refs if ref.dataset_type not in automatic]

    def _dataset(self, ref: QuantumRef) -> TracedDataset:
        if ref.row not in self._made:
            required = self.graph.datasets[ref.dataset_type].keys.required
            data_id = {name: ref.data_id[name] for name in required}
            self._made[ref.row] = TracedDataset(ref.uuid, ref.dataset_type, data_id, ref.run)
        return self._made[ref.row]

    def work(self, quantum: int) -> TracedQuantum:
        """Say what a quantum was."""
        label, own = self.graph.place(quantum)
        keys, task = self.graph.tasks[label].keys, self._tasks[label]
        data_id = keys.data_id(own)
        receipt = self._receipts.get(quantum)
        spent = receipt.resources if receipt is not None else None
        names = ("begin_ns", "wall_s", "cpu_s", "peak_memory", "host")
        return TracedQuantum(
            self.graph.header.output_run,
            quantum,
            label,
            task["class"],
            task["version"],
            _config_hash(task["config"]),
            {name: data_id[name] for name in keys.required},
            {name: getattr(spent, name) for name in names} if spent is not None else {},
            self._directory.part,
            tuple(map(decision_sentence, overrides_of(self.graph, quantum, self._universe))),
        )


def _made_by(receipt: Receipt) -> tuple[int, ...]:
    """Rows of the datasets that a quantum has written or handed on."""
    return (*(output.row for output in receipt.outputs), *receipt.handed)


def _config_hash(config: Mapping[str, Any]) -> str:
    from bunter.pipeline.config import config_hash

    return config_hash(dict(config))

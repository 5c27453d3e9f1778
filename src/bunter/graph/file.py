"""The graph file: one zip of stored members, in which every column can be read alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError
from bunter.graph.artifacts import ArtifactTable
from bunter.graph.explanation import Absent
from bunter.graph.header import Header
from bunter.graph.keys import KeyTable, Vocabulary
from bunter.graph.members import Members
from bunter.graph.quantum_graph import QuantumGraph
from bunter.graph.tables import DatasetTable, Edges, QuantumTable

if TYPE_CHECKING:
    import os
    import zipfile
    from collections.abc import Callable

    from bunter.graph.keys import Array
    from bunter.graph.quantum import Quantum

__all__ = ["GraphFile", "read_graph", "write_graph"]

_FORMAT, _VERSION = "bunter-quantum-graph", 1
_EDGE_FIELDS = (
    "label", "connection", "kind", "dataset_type", "component", "storage_class", "size", "multiple", "deferred",
)  # fmt: skip
_DATASET_FIELDS = ("name", "first", "storage_class", "is_calibration")


class _Lazy(Mapping[str, Any]):
    """Values by name, each made when it is first asked for."""

    def __init__(self, names: list[str], make: Callable[[str], Any]) -> None:
        self._names, self._make = dict.fromkeys(names), make
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class GraphFile:
    """A graph file for a worker: quanta by row, read with NumPy alone.

    Parameters
    ----------
    path : path-like
        File that `QuantumGraph.write` made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.graph = read_graph(path)

    def __len__(self) -> int:
        return len(self.graph)

    def quantum(self, row: int) -> Quantum:
        """Return the quantum in a row of the graph."""
        return self.graph.quantum(row)


def write_graph(graph: QuantumGraph, path: str | os.PathLike[str]) -> int:
    """Write a graph into a new file or object, whole or not at all; return its size in bytes."""
    from pathlib import Path

    from bunter import effects
    from bunter.graph.far import is_far, sent
    from bunter.values import new_nonce

    content = _encode(graph)
    if is_far(path):
        sent(content, str(path))
        return len(content)
    target = Path(path)
    staged = target.with_name(f".{target.name}.{new_nonce()}")
    effects.write_new(staged, content, sync=True)
    try:
        effects.link(staged, target)
    finally:
        effects.unlink(staged)
    effects.sync_dir(target.parent)
    return len(content)


def _encode(graph: QuantumGraph) -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # The structure comes first, so that one ranged read from the start of the file has it.
        _put(archive, "graph.json", json.dumps(_structure(graph)).encode())
        for name, array in _columns(graph):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array) if array.ndim else array, version=(1, 0))
            _put(archive, f"{name}.npy", member.getvalue())
        for name, table in graph.datasets.items():
            if table.artifacts is not None:
                _put(archive, f"a/{name}/words.json", json.dumps(dict(table.artifacts.words)).encode())
        for name in ("pipeline", "explanation"):
            _put(archive, f"{name}.json", json.dumps(graph.documents[name]).encode())
    return buffer.getvalue()


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    from zipfile import ZipInfo

    archive.writestr(ZipInfo(name), content)  # without a date: equal graphs give equal bytes


def _keys_of(keys: KeyTable) -> dict[str, Any]:
    return {"required": keys.required, "implied": keys.implied, "size": keys.size}


def _twin(graph: QuantumGraph, table: DatasetTable) -> str | None:
    """Return the task whose data IDs are those of the datasets, row by row."""
    return next((label for label, task in graph.tasks.items() if task.keys is table.keys), None)


def _structure(graph: QuantumGraph) -> dict[str, Any]:
    datasets = [
        {name: getattr(table, name) for name in _DATASET_FIELDS}
        | {"runs": table.runs, "like": _twin(graph, table)}
        | _keys_of(table.keys)
        for table in graph.datasets.values()
    ]
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "header": graph.header.to_dict(),
        "tasks": [
            {"label": table.label, "first": table.first} | _keys_of(table.keys) for table in graph.tasks.values()
        ],
        "datasets": datasets,
        "absent": [
            {"label": label, "reasons": absent.reasons} | _keys_of(absent.keys)
            for label, absent in graph.absent.items()
        ],
        "edges": [{name: getattr(edge, name) for name in _EDGE_FIELDS} for edge in graph.edges.values()],
    }


def _columns(graph: QuantumGraph) -> Iterator[tuple[str, Array]]:
    keys = [table.keys for table in graph.tasks.values()] + [table.keys for table in graph.datasets.values()]
    for dimension, values in (keys[0].vocabulary.values if keys else {}).items():
        yield f"v/{dimension}", values
    for label, task in graph.tasks.items():
        yield from ((f"q/{label}/{dimension}", codes) for dimension, codes in task.keys.codes.items())
        facts = {"fingerprints": task.fingerprints, "roles": task.roles}
        yield from ((f"f/{label}/{key}", column) for key, column in facts.items() if column is not None)
    for label, absent in graph.absent.items():
        yield from ((f"x/{label}/{dimension}", codes) for dimension, codes in absent.keys.codes.items())
        yield f"y/{label}", absent.reason
    for name, table in graph.datasets.items():
        if _twin(graph, table) is None:
            yield from ((f"d/{name}/{dimension}", codes) for dimension, codes in table.keys.codes.items())
        columns = {"run": table.run, "ids": table.ids, "exists": table.exists}
        yield from ((f"s/{name}/{key}", column) for key, column in columns.items() if column is not None)
        if table.artifacts is not None:
            yield from ((f"a/{name}/{key}", column) for key, column in table.artifacts.columns.items())
    for edge in graph.edges.values():
        columns = {"begin": edge.begin, "dataset": edge.dataset}
        place = f"e/{edge.label}/{edge.connection}"
        yield from ((f"{place}/{key}", column) for key, column in columns.items() if column is not None)


def read_graph(path: str | os.PathLike[str]) -> QuantumGraph:
    """Open a graph file; columns are read when they are used.

    Raises
    ------
    GraphError
        If there is no such file, or it is not a graph file of a version that is known here.
    """
    members = Members(path)
    structure = members.document("graph.json") if "graph.json" in members else {}
    if structure.get("format") != _FORMAT:
        raise GraphError(f"{str(path)!r} is no quantum graph")
    if structure["version"] > _VERSION:
        raise GraphError(
            f"{str(path)!r} has version {structure['version']}; this Bunter reads up to {_VERSION}: update it"
        )
    vocabulary = Vocabulary(_Lazy(members.names("v/"), lambda name: members.array(f"v/{name}")))
    tasks = {plain["label"]: _read_task(members, plain, vocabulary) for plain in structure["tasks"]}
    datasets = {plain["name"]: _read_datasets(members, plain, vocabulary, tasks) for plain in structure["datasets"]}
    edges = {(plain["label"], plain["connection"]): _read_edges(members, plain) for plain in structure["edges"]}
    documents = _Lazy(["pipeline", "explanation"], lambda name: members.document(f"{name}.json"))
    header = Header.from_dict(structure["header"])
    candidates = {plain["label"]: plain for plain in structure["absent"]}
    absent = _Lazy(list(candidates), lambda label: _read_absent(members, candidates[label], vocabulary))
    return QuantumGraph(header, tasks=tasks, datasets=datasets, edges=edges, documents=documents, absent=absent)


def _read_keys(members: Members, prefix: str, plain: Mapping[str, Any], vocabulary: Vocabulary) -> KeyTable:
    codes = _Lazy(members.names(prefix), lambda name: members.array(f"{prefix}{name}"))
    return KeyTable(tuple(plain["required"]), tuple(plain["implied"]), plain["size"], codes, vocabulary)


def _read_task(members: Members, plain: Mapping[str, Any], vocabulary: Vocabulary) -> QuantumTable:
    keys = _read_keys(members, f"q/{plain['label']}/", plain, vocabulary)
    facts = f"f/{plain['label']}"
    fingerprints, roles = members.maybe(f"{facts}/fingerprints"), members.maybe(f"{facts}/roles")
    return QuantumTable(plain["label"], plain["first"], keys, fingerprints, roles)


def _read_absent(members: Members, plain: Mapping[str, Any], vocabulary: Vocabulary) -> Absent:
    label = plain["label"]
    return Absent(
        _read_keys(members, f"x/{label}/", plain, vocabulary), members.array(f"y/{label}"), tuple(plain["reasons"])
    )


def _read_datasets(
    members: Members, plain: Mapping[str, Any], vocabulary: Vocabulary, tasks: Mapping[str, QuantumTable]
) -> DatasetTable:
    name = plain["name"]
    like = plain["like"]
    keys = _read_keys(members, f"d/{name}/", plain, vocabulary) if like is None else tasks[like].keys
    artifacts = None
    if f"a/{name}/words.json" in members:
        columns = _Lazy(members.names(f"a/{name}/"), lambda key: members.array(f"a/{name}/{key}"))
        words = _Lazy(
            ["directory", "datastore", "format", "component", "selector"], _words_of(members, f"a/{name}/words.json")
        )
        artifacts = ArtifactTable(words, columns)
    return DatasetTable(
        **{field: plain[field] for field in _DATASET_FIELDS},
        keys=keys,
        runs=tuple(plain["runs"]),
        run=members.maybe(f"s/{name}/run"),
        ids=members.maybe(f"s/{name}/ids"),
        exists=members.maybe(f"s/{name}/exists"),
        artifacts=artifacts,
    )


def _words_of(members: Members, name: str) -> Callable[[str], Any]:
    read: dict[str, Any] = {}

    def words(column: str) -> Any:
        if not read:
            read.update(members.document(name))
        return read[column]

    return words


def _read_edges(members: Members, plain: Mapping[str, Any]) -> Edges:
    place = f"e/{plain['label']}/{plain['connection']}"
    begin, dataset = members.maybe(f"{place}/begin"), members.maybe(f"{place}/dataset")
    return Edges(**{field: plain[field] for field in _EDGE_FIELDS}, begin=begin, dataset=dataset)

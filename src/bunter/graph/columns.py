"""A graph as a structure of plain values and named columns, and back; columns are read when they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bunter.graph.artifacts import ArtifactTable
from bunter.graph.explanation import Absent
from bunter.graph.keys import KeyTable, Vocabulary
from bunter.graph.quantum_graph import QuantumGraph
from bunter.graph.tables import DatasetTable, Edges, QuantumTable
from bunter.graph.unique import Units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bunter.graph.header import Header
    from bunter.graph.keys import Array
    from bunter.graph.unique import Zone

__all__ = ["Columns", "Lazy", "columns_of", "graph_of", "structure_of"]

_EDGE_FIELDS = (
    "label", "connection", "kind", "dataset_type", "component", "storage_class", "size", "multiple", "deferred",
)  # fmt: skip
_DATASET_FIELDS = ("name", "first", "storage_class", "is_calibration")
_DIGESTS = ("sha256", "xxh3")


class Columns(Protocol):
    """Where columns are read from."""

    def names(self, prefix: str) -> list[str]:
        """Names of the columns below a prefix, without it."""

    def array(self, name: str) -> Array:
        """Return a column."""

    def maybe(self, name: str) -> Array | None:
        """Return a column, or None if there is none of that name."""

    def document(self, name: str) -> Any:
        """Read a structured member; raises KeyError if there is none."""


class Lazy(Mapping[str, Any]):
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


# ---------------------------------------------------------------------- to columns


def structure_of(graph: QuantumGraph) -> dict[str, Any]:
    """Return all but the columns and the header, as plain values."""
    datasets = [
        {name: getattr(table, name) for name in _DATASET_FIELDS}
        | {"runs": table.runs, "like": _twin(graph, table)}
        | _keys_of(table.keys)
        for table in graph.datasets.values()
    ]
    tasks = [{"label": table.label, "first": table.first} | _keys_of(table.keys) for table in graph.tasks.values()]
    absent = [
        {"label": label, "reasons": absent.reasons} | _keys_of(absent.keys) for label, absent in graph.absent.items()
    ]
    edges = [{name: getattr(edge, name) for name in _EDGE_FIELDS} for edge in graph.edges.values()]
    found = {"tasks": tasks, "datasets": datasets, "absent": absent, "edges": edges}
    return found | ({"totals": graph.totals} if graph.is_part else {})


def _keys_of(keys: KeyTable) -> dict[str, Any]:
    return {"required": keys.required, "implied": keys.implied, "size": keys.size}


def _twin(graph: QuantumGraph, table: DatasetTable) -> str | None:
    """Return the task whose data IDs are those of the datasets, row by row."""
    return next((label for label, task in graph.tasks.items() if task.keys is table.keys), None)


def columns_of(graph: QuantumGraph) -> Iterator[tuple[str, Array]]:
    """Return names and contents of the columns; ids and digests as their places in the zone of a `Layout`."""
    keys = [table.keys for table in graph.tasks.values()] + [table.keys for table in graph.datasets.values()]
    for dimension, values in (keys[0].vocabulary.values if keys else {}).items():
        yield f"v/{dimension}", values
    for label, task in graph.tasks.items():
        yield from ((f"q/{label}/{dimension}", codes) for dimension, codes in task.keys.codes.items())
        facts = {"fingerprints": task.fingerprints, "roles": task.roles, "rows": task.rows}
        yield from ((f"f/{label}/{key}", column) for key, column in facts.items() if column is not None)
    for label, absent in graph.absent.items():
        yield from ((f"x/{label}/{dimension}", codes) for dimension, codes in absent.keys.codes.items())
        yield f"y/{label}", absent.reason
    for name, table in graph.datasets.items():
        if _twin(graph, table) is None:
            yield from ((f"d/{name}/{dimension}", codes) for dimension, codes in table.keys.codes.items())
        yield from _dataset_columns(name, table)
    for edge in graph.edges.values():
        columns = {"begin": edge.begin, "dataset": edge.dataset}
        place = f"e/{edge.label}/{edge.connection}"
        yield from ((f"{place}/{key}", column) for key, column in columns.items() if column is not None)


def _dataset_columns(name: str, table: DatasetTable) -> Iterator[tuple[str, Array]]:
    assert table.ids is None or isinstance(table.ids, Units), "laid out before"
    columns = {
        "run": table.run,
        "unique": None if table.ids is None else table.ids.at,
        "exists": table.exists,
        "rows": table.rows,
        "makers": table.makers,
    }
    yield from ((f"s/{name}/{key}", column) for key, column in columns.items() if column is not None)
    if table.artifacts is not None:
        columns = {key: column for key, column in table.artifacts.columns.items() if key not in _DIGESTS}
        digests = table.artifacts.columns["sha256"].at
        if table.ids is None or len(digests) != len(table) or (digests != table.ids.at + digests.dtype.type(1)).any():
            columns["unique"] = digests  # else each file has its digests behind the id of its dataset
        yield from ((f"a/{name}/{key}", column) for key, column in columns.items() if column is not None)


# ---------------------------------------------------------------------- and back


def graph_of(structure: Mapping[str, Any], members: Columns, header: Header, zone: Zone | None) -> QuantumGraph:
    """Make the graph that a structure and columns describe.

    Parameters
    ----------
    structure : mapping
        What `structure_of` returned.
    members : Columns
        The columns.
    header : Header
        The header.
    zone : Zone or None
        The zone of ids and digests; None if these are columns of their own, as in files of version 1.
    """
    vocabulary = Vocabulary(Lazy(members.names("v/"), lambda name: members.array(f"v/{name}")))
    tasks = {plain["label"]: _read_task(members, plain, vocabulary) for plain in structure["tasks"]}
    datasets = {
        plain["name"]: _read_datasets(members, plain, vocabulary, tasks, zone) for plain in structure["datasets"]
    }
    edges = {(plain["label"], plain["connection"]): _read_edges(members, plain) for plain in structure["edges"]}
    documents = Lazy(["pipeline", "explanation"], lambda name: members.document(f"{name}.json"))
    candidates = {plain["label"]: plain for plain in structure["absent"]}
    absent = Lazy(list(candidates), lambda label: _read_absent(members, candidates[label], vocabulary))
    totals = structure.get("totals")
    return QuantumGraph(
        header,
        tasks=tasks,
        datasets=datasets,
        edges=edges,
        documents=documents,
        absent=absent,
        totals=None if totals is None else (totals[0], totals[1]),
    )


def _read_keys(members: Columns, prefix: str, plain: Mapping[str, Any], vocabulary: Vocabulary) -> KeyTable:
    codes = Lazy(members.names(prefix), lambda name: members.array(f"{prefix}{name}"))
    return KeyTable(tuple(plain["required"]), tuple(plain["implied"]), plain["size"], codes, vocabulary)


def _read_task(members: Columns, plain: Mapping[str, Any], vocabulary: Vocabulary) -> QuantumTable:
    keys = _read_keys(members, f"q/{plain['label']}/", plain, vocabulary)
    facts = {name: members.maybe(f"f/{plain['label']}/{name}") for name in ("fingerprints", "roles", "rows")}
    return QuantumTable(plain["label"], plain["first"], keys, **facts)


def _read_absent(members: Columns, plain: Mapping[str, Any], vocabulary: Vocabulary) -> Absent:
    label = plain["label"]
    return Absent(
        _read_keys(members, f"x/{label}/", plain, vocabulary), members.array(f"y/{label}"), tuple(plain["reasons"])
    )


def _read_datasets(
    members: Columns,
    plain: Mapping[str, Any],
    vocabulary: Vocabulary,
    tasks: Mapping[str, QuantumTable],
    zone: Zone | None,
) -> DatasetTable:
    name, like = plain["name"], plain["like"]
    keys = _read_keys(members, f"d/{name}/", plain, vocabulary) if like is None else tasks[like].keys
    places = None if zone is None else members.maybe(f"s/{name}/unique")
    return DatasetTable(
        **{field: plain[field] for field in _DATASET_FIELDS},
        keys=keys,
        runs=tuple(plain["runs"]),
        ids=members.maybe(f"s/{name}/ids") if zone is None or places is None else Units(zone, places),
        artifacts=_read_artifacts(members, name, zone),
        run=members.maybe(f"s/{name}/run"),
        exists=members.maybe(f"s/{name}/exists"),
        rows=members.maybe(f"s/{name}/rows"),
        makers=members.maybe(f"s/{name}/makers"),
    )


def _read_artifacts(members: Columns, name: str, zone: Zone | None) -> ArtifactTable | None:
    place = f"a/{name}/"
    names = members.names(place)
    if "size" not in names:
        return None
    known: dict[str, Any] = {}

    def words(column: str) -> Any:
        if not known:
            known.update({"frame": ("", "")} | members.document(f"{place}words.json"))
        return known[column]

    def column(key: str) -> Any:
        if key in _DIGESTS and zone is not None:
            at = members.maybe(f"{place}unique")
            if at is None:
                at = members.array(f"s/{name}/unique") + np.uint32(1)
            return Units(zone, at, 2) if key == "sha256" else Units(zone, at + at.dtype.type(2), 1)
        return members.array(f"{place}{key}")

    columns = [*(key for key in names if key != "unique"), *_DIGESTS]
    texts = ["directory", "datastore", "format", "component", "selector", "frame"]
    return ArtifactTable(Lazy(texts, words), Lazy(columns, column))


def _read_edges(members: Columns, plain: Mapping[str, Any]) -> Edges:
    place = f"e/{plain['label']}/{plain['connection']}"
    begin, dataset = members.maybe(f"{place}/begin"), members.maybe(f"{place}/dataset")
    return Edges(**{field: plain[field] for field in _EDGE_FIELDS}, begin=begin, dataset=dataset)

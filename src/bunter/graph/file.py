"""The graph file: one zip of stored members, in which every column can be read alone, and slices for those who fetch."""

from __future__ import annotations

import io
import json
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError
from bunter.graph.columns import columns_of, graph_of, structure_of
from bunter.graph.far import is_far
from bunter.graph.header import Header
from bunter.graph.members import Members
from bunter.graph.quantum_graph import QuantumGraph
from bunter.graph.unique import UNIT, lay_out

if TYPE_CHECKING:
    import os
    import zipfile
    from collections.abc import Mapping

    from bunter.graph.quantum import Quantum
    from bunter.graph.ranged import RangedGraph

__all__ = ["GraphFile", "check_version", "read_graph", "write_graph"]

_FORMAT, _VERSION = "bunter-quantum-graph", 2


class GraphFile:
    """A graph file for a worker: quanta by row, read with NumPy alone.

    From a storage service, a quantum takes at most six ranged reads, and the graph as a whole is fetched when it is asked for.

    Parameters
    ----------
    path : path-like or str
        File that `QuantumGraph.write` made, or its address.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._ranged: RangedGraph | None = None
        if is_far(path):
            from bunter.graph.ranged import RangedGraph

            ranged = RangedGraph.open(str(path))
            self._ranged = ranged if ranged.has_slices else None

    @cached_property
    def graph(self) -> QuantumGraph:
        """The whole graph."""
        return read_graph(self._path)

    @property
    def header(self) -> Header:
        """What the graph says about itself."""
        return self.graph.header if self._ranged is None else self._ranged.header

    def __len__(self) -> int:
        return len(self.graph) if self._ranged is None else self._ranged.size

    def quantum(self, row: int) -> Quantum:
        """Return the quantum in a row of the graph."""
        return self.graph.quantum(row) if self._ranged is None else self._ranged.quantum(row)


def write_graph(graph: QuantumGraph, path: str | os.PathLike[str]) -> int:
    """Write a graph into a new file or object, whole or not at all; return its size in bytes."""
    from pathlib import Path

    from bunter import effects
    from bunter.graph.far import sent
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

    graph, zone = _laid_out(graph)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # What tells where a quantum is comes first, so that one ranged read from the start of the file has it.
        slices, index = _slices(graph)
        common = {"format": _FORMAT, "version": _VERSION, "header": graph.header.to_dict()}
        _put(archive, "start.json", json.dumps(common | index).encode())
        _put(archive, "slices.bin", b"".join([*slices, zone]))
        structure = {} if graph.is_part else structure_of(graph)
        _put(archive, "graph.json", json.dumps(common | structure | {"zone": index["zone"]}).encode())
        if not graph.is_part:
            _put_columns(archive, graph)
        for name in ("pipeline", "explanation"):
            _put(archive, f"{name}.json", json.dumps(graph.documents[name]).encode())
    return buffer.getvalue()


def _put_columns(archive: zipfile.ZipFile, graph: QuantumGraph) -> None:
    for name, array in columns_of(graph):
        member = io.BytesIO()
        np.lib.format.write_array(member, np.ascontiguousarray(array) if array.ndim else array, version=(1, 0))
        _put(archive, f"{name}.npy", member.getvalue())
    for name, table in graph.datasets.items():
        if table.artifacts is not None:
            _put(archive, f"a/{name}/words.json", json.dumps(dict(table.artifacts.words)).encode())


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    from zipfile import ZipInfo

    archive.writestr(ZipInfo(name), content)  # without a date: equal graphs give equal bytes


def _laid_out(graph: QuantumGraph) -> tuple[QuantumGraph, bytes]:
    """Return the graph with ids and digests in a zone of their own, and the zone."""
    from dataclasses import replace

    layout = lay_out(graph)
    tables = {
        name: table
        if table.ids is None
        else replace(
            table,
            ids=layout.ids[name],
            artifacts=None if table.artifacts is None else table.artifacts.in_zone(layout.zone, layout.files[name]),
        )
        for name, table in graph.datasets.items()
    }
    laid = QuantumGraph(
        graph.header,
        tasks=graph.tasks,
        datasets=tables,
        edges=graph.edges,
        documents=graph.documents,
        absent=graph.absent,
        totals=graph.totals if graph.is_part else None,
    )
    return laid, layout.zone.tobytes()


def _slices(graph: QuantumGraph) -> tuple[list[bytes], dict[str, Any]]:
    """Return slices of all tasks, and where they are: for each task the rows and the bytes at which they end.

    A part of a graph is small, and is one piece alone.
    """
    from bunter.graph.slices import encode_slice, packed, slice_bounds

    if graph.is_part:
        piece = packed(graph)
        return [piece], {"size": graph.totals[0], "tasks": [], "zone": len(piece)}
    slices: list[bytes] = []
    tasks: list[dict[str, Any]] = []
    size = 0
    for label, table in graph.tasks.items():
        bounds = slice_bounds(graph, label)
        ends: list[int] = []
        begin = size
        for first, last in pairwise(bounds):
            slices.append(encode_slice(graph, label, first, last))
            size += len(slices[-1])
            ends.append(size)
        tasks.append({"label": label, "first": table.first, "begin": begin, "rows": bounds[1:], "ends": ends})
    return slices, {"size": graph.totals[0], "tasks": tasks, "zone": size}


def check_version(structure: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Raise GraphError for what is no graph, or was written by a newer version."""
    if structure.get("format") != _FORMAT:
        raise GraphError(f"{str(path)!r} is no quantum graph")
    if structure["version"] > _VERSION:
        raise GraphError(
            f"{str(path)!r} has version {structure['version']}; this Bunter reads up to {_VERSION}: update it"
        )


def read_graph(path: str | os.PathLike[str]) -> QuantumGraph:
    """Open a graph file; columns are read when they are used.

    Raises
    ------
    GraphError
        If there is no such file, or it is not a graph file of a version that is known here.
    """
    members = Members(path)
    structure = members.document("graph.json") if "graph.json" in members else {}
    check_version(structure, path)
    header = Header.from_dict(structure["header"])
    if "zone" not in structure:  # version 1
        return graph_of(structure, members, header, None)
    content, begin = members.content("slices.bin"), structure["zone"]
    zone = np.frombuffer(content[begin:], np.uint8).reshape(-1, UNIT)
    if "tasks" in structure:
        return graph_of(structure, members, header, zone)
    from bunter.graph.slices import read_slice

    return read_slice(content[:begin], header, zone, members.document)

"""Fingerprints of quanta: equal where the same task, version and configuration read the same inputs.

A fingerprint is a hash of the task and of the set of its inputs: the id of a dataset that existed, or the fingerprint of the
quantum that makes it. Sets are hashed by adding up the mixed hashes of their members modulo 2**64, in two lanes, so that
no order matters and everything is done in columns. The mixing function is the finalizer of SplitMix64 (Steele, Lea &
Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA, doi:10.1145/2660193.2660195).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.graph.frontier import Frontier
    from bunter.graph.keys import Array, Vocabulary
    from bunter.graph.rows import DatasetRows, TaskRows
    from bunter.pipeline import Connection, TaskNode

__all__ = ["fingerprints"]


def fingerprints(frontier: Frontier) -> dict[str, Array]:
    """Work out the fingerprint of each candidate.

    Parameters
    ----------
    frontier : Frontier
        Candidates, datasets and edges.

    Returns
    -------
    dict of str to array
        By label ``(n, 16) uint8``, one row per candidate.
    """
    found: dict[str, Array] = {}
    seeds = _seeds(frontier)
    makers = {c.dataset_type: rows.task.label for rows in frontier.tasks.values() for c in rows.task.outputs}
    values = _ValueHashes(frontier.joins.sources.vocabulary)
    for label, rows in frontier.tasks.items():
        total = _data_ids(rows, values)
        for connection in (*rows.task.inputs, *rows.task.prerequisites):
            datasets = frontier.datasets[connection.dataset_type]
            producer = found.get(makers.get(connection.dataset_type, ""))
            total = total + _read(rows, connection, _contents(datasets, producer))
        found[label] = _mixed(total, _constant(seeds[label]))
    return {label: lanes.view(np.uint8).reshape(len(lanes), 16) for label, lanes in found.items()}


def _seeds(frontier: Frontier) -> dict[str, bytes]:
    """Hash what tells the tasks apart, and what each was constructed from."""
    seeds: dict[str, bytes] = {}
    written: dict[str, str] = {}
    for label, rows in frontier.tasks.items():
        given = {}
        for connection in rows.task.of_kind("init_input"):
            existing = frontier.joins.sources.datasets.get(connection.dataset_type)
            if connection.dataset_type in written:
                given[connection.name] = written[connection.dataset_type]
            elif existing is not None and len(existing.ids):
                given[connection.name] = existing.ids[0].tobytes().hex()
        seeds[label] = _seed(rows.task, given)
        written |= {c.dataset_type: f"{seeds[label].hex()} {c.name}" for c in rows.task.of_kind("init_output")}
    return seeds


def _seed(task: TaskNode, given: Mapping[str, str]) -> bytes:
    shape = [
        (c.name, c.kind, c.dataset_type, c.component, c.storage_class, c.dimensions.required) for c in task.connections
    ]
    plain = [task.label, task.class_name, task.version, task.config_hash, shape, sorted(given.items())]
    return hashlib.sha256(json.dumps(plain).encode()).digest()


def _constant(content: bytes) -> Array:
    """Two lanes from any bytes."""
    return np.frombuffer(hashlib.blake2b(content, digest_size=16).digest(), np.uint64)


def _finalized(lane: Array) -> Array:
    lane = (lane ^ (lane >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    lane = (lane ^ (lane >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Array = lane ^ (lane >> np.uint64(31))
    return found


def _mixed(lanes: Array, constant: Array) -> Array:
    """Hash rows of two lanes together with a constant; each lane of the result depends on both."""
    first, second = lanes[:, 0], lanes[:, 1]
    one = _finalized(_finalized(second + constant[0]) ^ first)
    other = _finalized(_finalized(first + constant[1]) ^ ~second)
    return np.stack([one, other], axis=1)


class _ValueHashes:
    """Hashes of the values of dimensions, which unlike their codes are the same in every graph.

    Parameters
    ----------
    vocabulary : Vocabulary
        The values.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._made: dict[str, Array] = {}

    def of(self, name: str) -> Array:
        """Hash each value of a dimension; the row after the last is null's."""
        if name not in self._made:
            self._made[name] = np.array(list(self._lanes(name)), np.uint64).reshape(-1, 2)
        return self._made[name]

    def _lanes(self, name: str) -> Iterator[Array]:
        for value in self._vocabulary.values[name].tolist():
            content = value if isinstance(value, bytes) else str(value).encode()
            yield _constant(name.encode() + b"\0" + content)
        yield _constant(name.encode())


def _data_ids(rows: TaskRows, values: _ValueHashes) -> Array:
    total = np.zeros((len(rows.keys), 2), np.uint64)
    for name in rows.task.dimensions.required:
        total += values.of(name)[rows.keys.columns[name]]
    return total


def _contents(datasets: DatasetRows, producer: Array | None) -> Array:
    """Two lanes for each dataset: its id, or the fingerprint of what makes it."""
    if datasets.maker is not None and producer is not None:
        return producer[datasets.maker]
    if datasets.existing is None or datasets.source is None:
        return np.zeros((len(datasets.keys), 2), np.uint64)
    ids = np.ascontiguousarray(datasets.existing.ids[datasets.source])
    return ids.view(np.uint64).reshape(-1, 2)


def _read(rows: TaskRows, connection: Connection, contents: Array) -> Array:
    """Add up what each candidate reads through a connection."""
    pairs = rows.edges[connection.name]
    constant = _constant(json.dumps([connection.name, connection.dataset_type]).encode())
    items = _mixed(contents, constant)[pairs.right]
    return _sums(pairs.left, items, len(rows.keys))


def _sums(groups: Array, items: Array, size: int) -> Array:
    """Add up the items of each of ``size`` groups, modulo 2**64."""
    total = np.zeros((size, 2), np.uint64)
    if len(groups):
        order: Array | slice = slice(None) if (groups[1:] >= groups[:-1]).all() else np.argsort(groups, kind="stable")
        ordered = groups[order]
        begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        total[ordered[begins]] = np.add.reduceat(items[order], begins, axis=0)
    return total

"""Parts of a graph in folders: the inputs of some quanta go in; see `bunter.execution.bringing` for what comes out."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import xxhash

from bunter import effects
from bunter.datastore.config import CacheConfig
from bunter.errors import FileIntegrityError, RunError
from bunter.execution.journal import seal
from bunter.execution.needed import input_rows, made_by, needed_artifacts
from bunter.execution.other_jobs import kin_of, told_of
from bunter.execution.receipt import Shared, encode_lines
from bunter.execution.record_fields import FIELDS
from bunter.execution.run_directory import RunDirectory
from bunter.execution.site import Site, staged_copy
from bunter.execution.stored import stored_artifacts
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bunter.dataset import StoredArtifact
    from bunter.datastore import Datastore
    from bunter.execution.message import Made
    from bunter.execution.receipt import Told
    from bunter.graph import QuantumGraph

__all__ = ["StagedFile", "replace_file", "stage_in", "staged_quanta"]

STAGED = "staged"
"""Job whose journal in a staged folder tells of what other jobs have made."""

_SLICE = "slice.json"
_THREADS = 8


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that a folder of staged quanta needs, or has made.

    Parameters
    ----------
    path : str
        Where it is in the folder, relative to it.
    source : str
        Where it comes from, or goes to.
    size : int
        Bytes.
    is_new : bool
        Whether it was, or has to be, copied.
    """

    path: str
    source: str
    size: int
    is_new: bool


def stage_in(
    directory: RunDirectory, quanta: Sequence[int], target: Path, *, files: bool = True, site: Site | None = None
) -> list[StagedFile]:
    """Make a folder in which some quanta can run far from the repository, or complete one.

    Parameters
    ----------
    directory : RunDirectory
        Folder of a run that is prepared for jobs.
    quanta : sequence of int
        Numbers of quanta.
    target : Path
        The folder; files that are there, whole, stay as they are.
    files : bool, optional
        Whether inputs are copied; if not, somebody else brings them to the places that are returned.
    site : Site, optional
        The repository, where the run is not prepared for jobs.

    Returns
    -------
    list of StagedFile
        Every input, those that were there among them.

    Raises
    ------
    RunError
        If the folder belongs to another graph, or quanta wait for others that no job has done.
    FileIntegrityError
        If an input is not what was recorded.
    """
    graph, site = directory.graph().part(quanta), site or Site.read(directory.path)
    told = told_of(directory, kin_of(graph))
    made = made_by(told)
    _refuse_waiting(directory.graph(), quanta, {receipt.quantum for receipt in told.receipts})
    with site.datastore(directory.path) as datastore:
        init = [item for one in site.init for item in stored_artifacts(graph.ref(one.row).id, one)]
        wanted = [*needed_artifacts(graph, quanta, made), *init]
        _lay_out(directory, graph, site, target)
        copies = [_planned(datastore, one, target) for one in wanted]
        if files:
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(lambda one, copy: _fetch(datastore, one, copy, target), wanted, copies))
    _tell_parents(graph, quanta, told, made, RunDirectory(target))
    replace_file(target / _SLICE, json.dumps({"quanta": sorted(quanta)}).encode())
    return copies


def _refuse_waiting(graph: QuantumGraph, quanta: Sequence[int], done: set[int]) -> None:
    here = {*quanta, *done}
    for quantum in quanta:
        if missing := [parent for parent in graph.parents(quantum) if parent not in here]:
            raise RunError(
                f"{graph.quantum(quantum)} reads what {graph.quantum(missing[0])} makes, which no job has done;"
                " stage that one too, or wait for it"
            )


def _lay_out(directory: RunDirectory, part: QuantumGraph, site: Site, target: Path) -> None:
    effects.mkdirs(target / "data")
    effects.mkdirs(target / "logs")
    _keep_part(directory, part, RunDirectory(target))
    if effects.stat(directory.path / FIELDS) is not None and effects.stat(target / FIELDS) is None:
        effects.copy_new(directory.path / FIELDS, target / FIELDS, sync=True)
    alone = {"root": "data", "stores": {}, "order": (), "sinks": {}, "cache": CacheConfig.model_validate({})}
    Site(site.universe, site.config.model_copy(update=alone), ".", site.init, is_staged=True).write(target)


def _keep_part(directory: RunDirectory, part: QuantumGraph, there: RunDirectory) -> None:
    """Put the part of the graph into a folder, together with that which is there from before."""
    if there.has_graph():
        before = there.graph()
        if before.header.graph_id != part.header.graph_id:
            raise RunError(f"{there.path} holds quanta of another graph; choose another folder")
        if all(map(before.holds, part.numbers.tolist())):
            return
        part = directory.graph().part(np.union1d(before.numbers, part.numbers))
    staged = there.path / f".graph-{new_nonce()}"
    part.write(staged)
    effects.rename(staged, there.graph_path)
    effects.sync_dir(there.path)


def _planned(datastore: Datastore, stored: StoredArtifact, target: Path) -> StagedFile:
    path = f"data/{staged_copy(stored).key}"
    found = effects.stat(target / path)
    return StagedFile(path, str(datastore.uri(stored)), stored.size, found is None or found.st_size != stored.size)


def _fetch(datastore: Datastore, stored: StoredArtifact, copy: StagedFile, target: Path) -> None:
    if not copy.is_new:
        return
    content = datastore.store_of(stored).read(stored.key)[0]
    if stored.xxh3 is not None and xxhash.xxh3_128_digest(content) != stored.xxh3:
        raise FileIntegrityError(f"{copy.source} is not what was recorded; `bunter check --deep` says more")
    effects.mkdirs((target / copy.path).parent)
    replace_file(target / copy.path, content)


def replace_file(path: Path, content: bytes) -> None:
    """Put content in the place of a file, whole or not at all."""
    staged = path.with_name(f".{new_nonce()}")
    effects.write_new(staged, content, sync=True)
    effects.rename(staged, path)


def _tell_parents(
    graph: QuantumGraph, quanta: Sequence[int], told: Told, made: Mapping[int, Made], there: RunDirectory
) -> None:
    """Write a journal of what others have made and these quanta read."""
    rows = set(input_rows(graph, quanta)) & set(made)
    parents = {parent for quantum in quanta for parent in graph.parents(quantum)} - set(quanta)
    lines: list[Any] = []
    for receipt in told.receipts:
        if receipt.quantum in parents:
            outputs = tuple(output for output in receipt.outputs if output.row in rows)
            lines += [Shared(told.artifacts[output.nonce]) for output in outputs]
            lines.append(msgspec.structs.replace(receipt, outputs=outputs, artifacts=()))
    replace_file(there.journal_path(STAGED, 0), b"".join(map(seal, encode_lines(lines))))


def staged_quanta(folder: Path) -> tuple[int, ...]:
    """Return the quanta that a folder was made for.

    Raises
    ------
    RunError
        If it was made for none, or was not completed.
    """
    if effects.stat(folder / _SLICE) is None:
        raise RunError(f"{folder} was not staged to the end; `bunter stage in` again completes it")
    return tuple(json.loads(effects.read_bytes(folder / _SLICE))["quanta"])

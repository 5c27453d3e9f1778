"""Parts of a graph in folders: the inputs of some quanta go in, what they make comes out."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import xxhash

from bunter import effects
from bunter.datastore import MAIN
from bunter.datastore.config import CacheConfig
from bunter.datastore.store import LocalPaths
from bunter.errors import FileIntegrityError, RunError
from bunter.execution.journal import Journal, read_lines, seal
from bunter.execution.kin import kin_of, told_of
from bunter.execution.message import made_from
from bunter.execution.quantum_butler import stored_artifacts
from bunter.execution.receipt import Receipt, Shared, decode_line, encode_lines
from bunter.execution.record_fields import FIELDS
from bunter.execution.run_directory import RunDirectory
from bunter.execution.site import Site, staged_copy
from bunter.values import Durability, new_nonce

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bunter.dataset import StoredArtifact
    from bunter.datastore import Datastore, PublishingStore, Staged
    from bunter.execution.message import Made
    from bunter.execution.receipt import Artifact, Told
    from bunter.graph import QuantumGraph

__all__ = ["StagedFile", "made_by", "needed_artifacts", "stage_in", "stage_out", "staged_quanta"]

STAGED = "staged"
"""Job whose journal in a staged folder tells of what other jobs have made."""

_SLICE = "slice.json"
_READ = {"input", "prerequisite"}
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


# ---------------------------------------------------------------------- what quanta read


def made_by(told: Told) -> dict[int, Made]:
    """Return what the jobs of a run have made, by number of the dataset."""
    outputs = [output for receipt in told.receipts for output in receipt.outputs]
    return {one.row: one for one in made_from(outputs, told.artifacts)}


def needed_artifacts(graph: QuantumGraph, quanta: Iterable[int], made: Mapping[int, Made]) -> list[StoredArtifact]:
    """Return the artifacts that quanta read and that are there before they begin, each once.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    quanta : iterable of int
        Numbers of quanta.
    made : mapping of int to Made
        What other quanta have made, by number of the dataset.
    """
    found: dict[tuple[str, str], StoredArtifact] = {}
    for row in _input_rows(graph, quanta):
        if (one := made.get(row)) is not None:
            stored = stored_artifacts(graph.ref(row).id, one)
        else:
            stored = list(graph.ref(row).artifacts)
        found.update(((item.datastore, item.key), item) for item in stored)
    return list(found.values())


def _input_rows(graph: QuantumGraph, quanta: Iterable[int]) -> list[int]:
    rows: set[int] = set()
    for quantum in quanta:
        label, own = graph.place(quantum)
        for edge in graph.connections(label):
            if edge.kind in _READ:
                table = graph.datasets[edge.dataset_type]
                rows.update(table.number(row) for row in edge.of_quantum(own))
    return sorted(rows)


# ---------------------------------------------------------------------- in


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
    _replace(target / _SLICE, json.dumps({"quanta": sorted(quanta)}).encode())
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
    _replace(target / copy.path, content)


def _replace(path: Path, content: bytes) -> None:
    staged = path.with_name(f".{new_nonce()}")
    effects.write_new(staged, content, sync=True)
    effects.rename(staged, path)


def _tell_parents(
    graph: QuantumGraph, quanta: Sequence[int], told: Told, made: Mapping[int, Made], there: RunDirectory
) -> None:
    """Write a journal of what others have made and these quanta read."""
    rows = set(_input_rows(graph, quanta)) & set(made)
    parents = {parent for quantum in quanta for parent in graph.parents(quantum)} - set(quanta)
    lines: list[Any] = []
    for receipt in told.receipts:
        if receipt.quantum in parents:
            outputs = tuple(output for output in receipt.outputs if output.row in rows)
            lines += [Shared(told.artifacts[output.nonce]) for output in outputs]
            lines.append(msgspec.structs.replace(receipt, outputs=outputs, artifacts=()))
    _replace(there.journal_path(STAGED, 0), b"".join(map(seal, encode_lines(lines))))


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


# ---------------------------------------------------------------------- out


def stage_out(folder: RunDirectory, directory: RunDirectory) -> list[StagedFile]:
    """Bring what jobs have made in a staged folder, and what they tell of it, to the run that it belongs to.

    May be repeated: what has come before is left as it is. Afterwards `merge_run` registers it.

    Parameters
    ----------
    folder : RunDirectory
        The staged folder.
    directory : RunDirectory
        Folder of the run in the repository.

    Returns
    -------
    list of StagedFile
        Every artifact that was made.

    Raises
    ------
    RunError
        If the folder belongs to another graph, or others have made something else under the same name.
    """
    if folder.graph().header.graph_id != directory.graph().header.graph_id:
        raise RunError(f"{folder.path} holds quanta of another graph than {directory.path}")
    here = Site.read(folder.path)
    journals = [found for found in folder.journals() if found[1] != STAGED]
    made = list({one.nonce: one for _, _, path in journals for one in _published(path)}.values())
    with (
        directory.share(),
        here.datastore(folder.path) as source,
        Site.read(directory.path).datastore(directory.path) as to,
    ):
        files = _bring(source, to, made)
        for attempt, job, path in journals:
            _bring_journal(path, directory, job, attempt)
    return files


def _published(path: Path) -> list[Artifact]:
    found: list[Artifact] = []
    for line in map(decode_line, read_lines(path)):
        if isinstance(line, Shared):
            found.append(line.artifact)
        elif isinstance(line, Receipt) and line.is_success:
            found += line.artifacts
    return found


def _bring(source: Datastore, target: Datastore, made: Sequence[Artifact]) -> list[StagedFile]:
    files, store = source.stores[MAIN], target.stores[MAIN]
    assert isinstance(files, LocalPaths), "a staged folder is on this machine"
    _take_back(store, {one.key for one in made})
    there = store.stat_many([one.key for one in made])
    new = [one for one, stat in zip(made, there, strict=True) if stat is None]
    for one, stat in zip(made, there, strict=True):
        if stat is not None and _differs(store.read(one.key)[0], one):
            raise RunError(f"{one.key} was made by another job too, and differs; give each job its own quanta")
    staged = [target.stage(one.key, str(files.path(one.key))) for one in new]
    try:
        _refuse_torn(staged, new)
        target.publish(staged, Durability.full)
    except BaseException:
        target.discard(staged)
        raise
    target.settle(staged)
    fresh = {one.key for one in new}
    return [StagedFile(f"data/{one.key}", one.key, one.size, one.key in fresh) for one in made]


def _take_back(store: PublishingStore, keys: set[str]) -> None:
    """Remove what a stage out that died has brought: whoever opens the repository next would remove it under our hands."""
    dead = {key for key, alive in store.staged() if not alive}
    store.delete_many(sorted(dead & keys))


def _refuse_torn(staged: Sequence[Staged], made: Sequence[Artifact]) -> None:
    for item, one in zip(staged, made, strict=True):
        if item.digests is None or item.digests.xxh3 != one.xxh3:
            raise FileIntegrityError(f"{one.key} in the staged folder is not what its job has written")


def _differs(content: bytes, artifact: Artifact) -> bool:
    return len(content) != artifact.size or xxhash.xxh3_128_digest(content) != artifact.xxh3


def _bring_journal(path: Path, directory: RunDirectory, job: str, attempt: int) -> None:
    """Copy a journal; one that came before was shorter, or the same."""
    content = effects.read_bytes(path)
    target = directory.path / path.name
    if effects.stat(target) is None:
        Journal(target).close()
    if not content.startswith(effects.read_bytes(target)):
        raise RunError(f"attempt {attempt} of job {job!r} was made elsewhere too; give each job a name of its own")
    _replace(target, content)
    effects.sync_dir(directory.path)

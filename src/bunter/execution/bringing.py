"""What jobs have made in a staged folder comes to the run that it belongs to, into the stores where it is to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import xxhash

from bunter import effects
from bunter.datastore import MAIN
from bunter.datastore.store import LocalPaths
from bunter.errors import FileIntegrityError, RunError
from bunter.execution.journal import Journal, read_lines, seal
from bunter.execution.outlet import Outlet
from bunter.execution.place import Place
from bunter.execution.receipt import Receipt, Shared, decode_line, encode_lines
from bunter.execution.site import Site
from bunter.execution.staging import STAGED, StagedFile, replace_file
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.datastore import Datastore, PublishingStore, Staged
    from bunter.datastore.chain import Route
    from bunter.execution.receipt import Artifact, Line
    from bunter.execution.run_directory import RunDirectory

__all__ = ["stage_out"]


def stage_out(folder: RunDirectory, directory: RunDirectory) -> list[StagedFile]:
    """Bring what jobs have made in a staged folder, and what they tell of it, to the run that it belongs to.

    Each artifact goes to the store, and the stores of copies, that the repository has for its dataset. May be repeated: what
    has come before is left as it is. Afterwards `merge_run` registers it.

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
    here, there = Site.read(folder.path), Site.read(directory.path)
    journals = [found for found in folder.journals() if found[1] != STAGED]
    with directory.share(), here.datastore(folder.path) as source, there.datastore(directory.path) as to:
        address = _Address(Place(Outlet(to, {}), there.universe, directory.graph()))
        told = [[address.line(decode_line(line)) for line in read_lines(path)] for _, _, path in journals]
        made = {one.nonce: one for lines in told for one in _published(lines)}
        files = _bring(source, to, list(made.values()), address)
        for (attempt, job, path), lines in zip(journals, told, strict=True):
            _bring_journal(path.name, lines, directory, job, attempt)
    return files


class _Address:
    """Says in which stores of the repository artifacts of a folder are to be."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._routes: dict[str, Route | None] = {}

    def line(self, line: Line) -> Line:
        """Return what a line of a journal says when its artifacts are where they are to be."""
        if isinstance(line, Shared):
            return Shared(self._artifact(line.artifact, self._place.shared_route()))
        if isinstance(line, Receipt) and line.artifacts:
            rows = {output.nonce: output.row for output in line.outputs}
            refs = {nonce: self._place.graph.ref(row) for nonce, row in rows.items()}
            artifacts = (self._artifact(one, self._place.route(refs[one.nonce])) for one in line.artifacts)
            return msgspec.structs.replace(line, artifacts=tuple(artifacts))
        return line

    def _artifact(self, artifact: Artifact, route: Route | None) -> Artifact:
        self._routes[artifact.nonce] = route
        if route is None:
            return artifact
        return msgspec.structs.replace(artifact, datastore=route.store, copies=route.copies)

    def route(self, artifact: Artifact) -> Route | None:
        """Return the stores of an artifact; None for ``main`` alone."""
        return self._routes[artifact.nonce]


def _published(lines: Iterable[Line]) -> list[Artifact]:
    found: list[Artifact] = []
    for line in lines:
        if isinstance(line, Shared):
            found.append(line.artifact)
        elif isinstance(line, Receipt) and line.is_success:
            found += line.artifacts
    return found


def _bring(source: Datastore, target: Datastore, made: Sequence[Artifact], address: _Address) -> list[StagedFile]:
    files = source.stores[MAIN]
    assert isinstance(files, LocalPaths), "a staged folder is on this machine"
    new: list[Artifact] = []
    for name in sorted({store for one in made for store in (one.datastore, *one.copies)}):
        mine = [one for one in made if name in (one.datastore, *one.copies)]
        _take_back(target.stores[name], {one.key for one in mine})
    for name in sorted({one.datastore for one in made}):
        new += _lacking(target.stores[name], [one for one in made if one.datastore == name])
    staged: list[Staged] = []
    try:
        for one in new:
            staged.append(target.stage(one.key, str(files.path(one.key)), route=address.route(one)))
            _refuse_torn(staged[-1], one)
        target.publish(staged, Durability.full)
    except BaseException:
        target.discard(staged)
        raise
    target.settle(staged)
    fresh = {one.key for one in new}
    return [StagedFile(f"data/{one.key}", one.key, one.size, one.key in fresh) for one in made]


def _lacking(store: PublishingStore, made: Sequence[Artifact]) -> list[Artifact]:
    """Return those that are not there; what is there must be the same."""
    there = store.stat_many([one.key for one in made])
    for one, stat in zip(made, there, strict=True):
        if stat is not None and _differs(store.read(one.key)[0], one):
            raise RunError(f"{one.key} was made by another job too, and differs; give each job its own quanta")
    return [one for one, stat in zip(made, there, strict=True) if stat is None]


def _take_back(store: PublishingStore, keys: set[str]) -> None:
    """Remove what a stage out that died has brought: whoever opens the repository next would remove it under our hands."""
    dead = {key for key, alive in store.staged() if not alive}
    store.delete_many(sorted(dead & keys))


def _refuse_torn(staged: Staged, made: Artifact) -> None:
    if staged.digests is None or staged.digests.xxh3 != made.xxh3:
        raise FileIntegrityError(f"{made.key} in the staged folder is not what its job has written")


def _differs(content: bytes, artifact: Artifact) -> bool:
    return len(content) != artifact.size or xxhash.xxh3_128_digest(content) != artifact.xxh3


def _bring_journal(name: str, lines: Iterable[Line], directory: RunDirectory, job: str, attempt: int) -> None:
    """Write a journal; one that came before was shorter, or the same."""
    content = b"".join(map(seal, encode_lines(lines)))
    target = directory.path / name
    if effects.stat(target) is None:
        Journal(target).close()
    if not content.startswith(effects.read_bytes(target)):
        raise RunError(f"attempt {attempt} of job {job!r} was made elsewhere too; give each job a name of its own")
    replace_file(target, content)
    effects.sync_dir(directory.path)

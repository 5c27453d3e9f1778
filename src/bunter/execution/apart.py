"""What sinks alone are to have, in files of the folder of a run until it is registered: quanta have no database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.dataset.changes import AddContents
from bunter.datastore import Datastore
from bunter.datastore.carriage import Cargo, carry_into
from bunter.datastore.local import LocalStore
from bunter.errors import KeyMissingError
from bunter.execution.needed import needed_artifacts
from bunter.execution.run_directory import RunDirectory, runs_root
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.datastore.store import Stat
    from bunter.execution.receipt import Artifact
    from bunter.graph import QuantumGraph

__all__ = ["ApartStore", "apart", "apart_stores", "bring_inputs", "clear", "contents_of"]

_FOLDER = "alone"


def apart(datastore: Datastore, folder: Path, *, is_backed: bool = False) -> Datastore:
    """Return a datastore as the quanta of a run see it: of what sinks alone have, they read and write files of the run.

    Parameters
    ----------
    datastore : Datastore
        That of the repository.
    folder : Path
        Folder of the run.
    is_backed : bool
        Whether the database is asked as well, by this process alone.
    """
    if not datastore.alone:
        return datastore
    known = datastore.chain.children
    children = [replace(each, store=LocalStore(folder / _FOLDER / each.name)) if each.alone else each for each in known]
    if is_backed:
        children += [replace(each, name=f"{each.name} in the database", read_only=True) for each in known if each.alone]
    return Datastore(datastore.config, children)


class ApartStore:
    """The files of all parts of a run that stand for a sink.

    Parameters
    ----------
    stores : sequence of LocalStore
        One for each part.
    """

    def __init__(self, stores: Sequence[LocalStore]) -> None:
        self._stores = stores

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each file, None where no part has it."""
        found = [store.stat_many(keys) for store in self._stores]
        return [next((stat for stat in each if stat is not None), None) for each in zip(*found, strict=True)]

    def read(self, key: str) -> bytes:
        """Return a file; KeyMissingError if no part has it."""
        for store in self._stores:
            if store.stat_many([key]) != [None]:
                return store.read(key)[0]
        raise KeyMissingError(f"no part of the run has {key!r}; run it again, which makes it anew")


def apart_stores(butler: Butler, run: str) -> dict[str, ApartStore]:
    """Return what stands for each sink that alone has datasets."""
    if not butler.datastore.alone:
        return {}
    folders = [part.path / _FOLDER for part in RunDirectory.parts(runs_root(butler), run)]
    return {name: ApartStore([LocalStore(each / name) for each in folders]) for name in butler.datastore.alone}


def contents_of(butler: Butler, run: str, artifacts: Iterable[Artifact]) -> list[AddContents]:
    """Return the changes that bring what quanta have made to the sinks that alone have it."""
    stores = apart_stores(butler, run)
    found: dict[str, list[tuple[str, bytes]]] = {}
    for artifact in artifacts if stores else ():
        if artifact.datastore in stores:
            content = stores[artifact.datastore].read(artifact.key)
            found.setdefault(artifact.datastore, []).append((artifact.key, content))
    return [AddContents(name, tuple(contents)) for name, contents in found.items()]


def bring_inputs(butler: Butler, graph: QuantumGraph, directory: RunDirectory) -> None:
    """Write what quanta read of such sinks to the folder of their run, unless it is there."""
    datastore = butler.datastore
    if not datastore.alone:
        return
    needed = needed_artifacts(graph, range(len(graph)), {})
    for name in datastore.alone:
        mine = [stored for stored in needed if stored.datastore == name]
        target = LocalStore(directory.path / _FOLDER / name)
        there = target.stat_many([stored.key for stored in mine])
        cargo = [
            Cargo(datastore.stores[name], stored, stored.key)
            for stored, stat in zip(mine, there, strict=True)
            if stat is None
        ]
        carry_into(target, cargo, transfer="copy", durability=Durability.batch)


def clear(butler: Butler, directory: RunDirectory) -> None:
    """Remove the files of a run that is done: the database has what they hold."""
    for name in butler.datastore.alone:
        store = LocalStore(directory.path / _FOLDER / name)
        store.delete_many([key for key, _ in store.walk()])

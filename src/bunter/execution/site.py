"""What a job needs to know of a repository beside the graph, so that it needs no database: a file in the folder of the run."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec
from msgspec.structs import replace

from bunter import effects
from bunter.datastore import MAIN, Datastore
from bunter.datastore.config import DatastoreConfig
from bunter.datastore.key import escape, is_direct, shorten
from bunter.datastore.store_address import StoreAddress, is_store_address
from bunter.dimensions import Universe
from bunter.errors import RunError
from bunter.execution.apart import apart
from bunter.execution.message import Made
from bunter.execution.needed import made_by
from bunter.values import Principal, new_nonce

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.dataset import StoredArtifact
    from bunter.execution.run_directory import RunDirectory

__all__ = ["Site", "staged_copy"]

_NAME, _VERSION = "site.json", 1


@dataclass(frozen=True, slots=True)
class Site:
    """Where the jobs of a run read and write.

    Parameters
    ----------
    universe : Universe
        The dimensions.
    config : DatastoreConfig
        How artifacts are named and written.
    root : str
        Folder that the datastore's root is relative to, itself relative to the folder of the run; or an address.
    init : tuple of Made
        Datasets that were written once for the run.
    is_staged : bool
        Whether inputs were copied here under names of their own, and nothing else may be read.
    """

    universe: Universe
    config: DatastoreConfig
    root: str
    init: tuple[Made, ...] = ()
    is_staged: bool = False

    @classmethod
    def of(cls, butler: Butler, folder: Path, init: tuple[Made, ...]) -> Self:
        """Describe a repository for jobs whose run has its folder there.

        Raises
        ------
        RunError
            If the repository is in the memory of a process.
        """
        if butler.datastore.config is None or getattr(butler.repository, "runs", None) is None:
            raise RunError("jobs need a repository in a folder or a store, not one in the memory of a process")
        location = butler.repository.facts(Principal.current()).location
        place = location if butler.root is None else os.path.relpath(butler.root, folder)
        return cls(butler.universe, butler.datastore.config, place, init)

    @classmethod
    def of_run(cls, butler: Butler, directory: RunDirectory) -> Self:
        """Describe a repository for quanta of a run that was begun there in any way."""
        graph, made = directory.graph(), made_by(directory.told())
        rows = {
            edge.datasets[0] + graph.datasets[edge.dataset_type].first
            for edge in graph.edges.values()
            if edge.kind == "init_input"
        }
        return cls.of(butler, directory.path, tuple(item for row, item in made.items() if row in rows))

    def write(self, folder: Path) -> None:
        """Put it into the folder of a run, in place of an earlier one."""
        document = {
            "version": _VERSION,
            "universe": self.universe.to_dict(),
            "datastore": self.config.model_dump(mode="json"),
            "root": self.root,
            "init": json.loads(msgspec.json.encode(self.init)),
            "staged": self.is_staged,
        }
        staged = folder / f".site-{new_nonce()}"
        effects.write_new(staged, json.dumps(document).encode(), sync=True)
        effects.rename(staged, folder / _NAME)
        effects.sync_dir(folder)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read it from the folder of a run.

        Raises
        ------
        RunError
            If the run was not prepared for jobs.
        """
        if effects.stat(folder / _NAME) is None:
            raise RunError(
                f"{folder} is not prepared for jobs: `bunter pre-exec-init REPO GRAPH` prepares the run in its repository,"
                " `bunter stage in GRAPH -b REPO --to DIR` a folder that needs none"
            )
        document = json.loads(effects.read_bytes(folder / _NAME))
        if document["version"] > _VERSION:
            raise RunError(f"{folder} was prepared by a newer Bunter (version {document['version']}); update this one")
        return cls(
            Universe.load(document["universe"]),
            DatastoreConfig.model_validate(document["datastore"]),
            document["root"],
            tuple(msgspec.convert(document["init"], list[Made], strict=False)),
            document["staged"],
        )

    def datastore(self, folder: Path) -> Datastore:
        """Open the datastore, without any database."""
        place = StoreAddress.of(self.root) if is_store_address(self.root) else (folder / self.root).resolve()
        return apart(Datastore.open(place, self.config), folder)


def staged_copy(stored: StoredArtifact) -> StoredArtifact:
    """Say where an artifact is in a folder that was filled for a job.

    An artifact of the main store keeps its key, one of another store gets that store's name in front, one that was ingested
    where it lies is named by its place.
    """
    if is_direct(stored.key):
        digest = hashlib.sha256(stored.key.encode()).hexdigest()[:16]
        name = shorten(escape(stored.key.rpartition("/")[2]))
        return replace(stored, key=f"direct/{digest}/{name}", datastore=MAIN)
    if stored.datastore == MAIN:
        return stored
    return replace(stored, key=f"stores/{escape(stored.datastore)}/{stored.key}", datastore=MAIN)

"""A dump made a repository again, with any database and any store; ids, histories and numbers of changes are the same."""

from __future__ import annotations

import hashlib
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bunter import effects, safe_yaml
from bunter.butler.claims import claim_on
from bunter.butler.cloning import make_views
from bunter.butler.config import CONFIG_NAME, load_configuration
from bunter.butler.registry_place import folder_and_database, make_folder_of, options_of, place_of
from bunter.butler.remote_root import with_database
from bunter.butler.runs_place import runs_place
from bunter.butler.transfers.dump_manifest import DUMP_MANIFEST, DumpManifest
from bunter.butler.transfers.dumping import ARTIFACTS
from bunter.butler.transfers.export_place import FolderFiles
from bunter.butler.transfers.manifest import MANIFEST
from bunter.butler.transfers.new_root import new_root
from bunter.butler.transfers.recorded_artifacts import kept_artifacts, open_table, recorded_artifacts
from bunter.butler.transfers.run_folders import PIECES_TOGETHER, pieces_in, write_runs
from bunter.butler.transfers.table_files import batches_of, check_table
from bunter.database import Database
from bunter.database.cloning import fingerprint, make_tables
from bunter.database.making import making
from bunter.database.table_rows import copy_rows
from bunter.datastore import Datastore
from bunter.datastore.carriage import Cargo, Progress, carry_into
from bunter.datastore.local_place import local_place
from bunter.errors import ConfigurationError, DatabaseDamagedError, ExportFileError, RepositoryExistsError
from bunter.registry import Registry
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.butler.config import Configuration
    from bunter.butler.transfers.dump_manifest import DumpedTable
    from bunter.butler.transfers.new_root import NewRoot
    from bunter.database import Transaction
    from bunter.dataset import StoredArtifact

__all__ = ["load_dump"]

_MARK = ".bunter-load"


def load_dump(
    folder: str | Path,
    root: str | Path,
    *,
    database: str | None = None,
    seed_config: str | Path | None = None,
    transfer: str = "auto",
    dry_run: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> DumpManifest:
    """Make a repository out of a dump; what an interrupted load of the same dump has brought is used.

    Parameters
    ----------
    folder : str or Path
        The dump.
    root : str or Path
        Where the new repository is to be, a folder or the address of a store: empty, or what a load of this dump has begun.
    database : str, optional
        Where its registry is to be, as for `Butler.create`.
    seed_config : str or Path, optional
        A partial configuration file, as for `Butler.create`; what it says of the datastore is above what the dump says.
    transfer : str
        How artifacts come in: "copy", "hardlink", "link", or "auto" (link, or copy where links do not reach).
    dry_run : bool
        Whether only to read and compare the tables.
    progress : callable, optional
        Is told how far it has come.

    Raises
    ------
    ExportFileError
        If it is no dump, or not as it was written.
    RepositoryExistsError
        If there is something at the root, or in the database.
    """
    dump = local_place(folder, "a dump")
    try:
        text = effects.read_bytes(dump / DUMP_MANIFEST)
    except (FileNotFoundError, NotADirectoryError) as exc:
        if effects.stat(dump / MANIFEST) is not None:
            said = f"{dump} is an export, not a dump; `bunter import REPO {dump}` takes it into a repository"
            raise ExportFileError(said) from exc
        raise ExportFileError(
            f"{dump} has no {DUMP_MANIFEST}, so it is no dump, or an unfinished one; dump once more"
        ) from exc
    manifest = DumpManifest.from_json(text, str(dump / DUMP_MANIFEST))
    files = [table.file for table in manifest.tables] + ([manifest.runs] if manifest.runs is not None else [])
    for file in files:
        check_table(file, effects.read_chunks(dump / file.file), str(dump))
    place, database = folder_and_database(root, database)
    settings = _settings(manifest, place, database, seed_config)
    loading = _Loading(dump, manifest, new_root(place), settings, hashlib.sha256(text).hexdigest())
    loading.check()
    if not dry_run:
        loading.run(transfer, progress)
    return manifest


def _settings(
    manifest: DumpManifest, root: str | Path, database: str | None, seed: str | Path | None
) -> dict[str, Any]:
    """Return what the file of the new repository says: of the dump, above it of the seed, and where the registry is."""
    seeded = {} if seed is None else safe_yaml.load(effects.read_bytes(seed)) or {}
    if not isinstance(seeded, dict):
        raise ConfigurationError(f"{seed} must hold a mapping such as 'datastore: ...'")
    said = seeded.get("datastore") or {}
    if isinstance(said, dict) and (datastore := {**manifest.datastore, **said}):
        seeded = {**seeded, "datastore": datastore}
    return {**seeded, **with_database(root, {}, database)}


class _Loading:
    """One load: places and settings."""

    def __init__(self, dump: Path, manifest: DumpManifest, root: NewRoot, kept: dict[str, Any], digest: str) -> None:
        self._dump, self._manifest, self._root, self._kept = dump, manifest, root, kept
        self._configuration: Configuration = load_configuration(argument=kept)
        registry = self._configuration.model.registry
        self._place, self._options = place_of(root.place, registry), options_of(registry)
        self._claim = claim_on(self._place, root.place)
        self._mark = f"{digest}\n{registry.database} {registry.server.schema_name or ''}".rstrip()

    def check(self) -> None:
        if not self._is_ours():
            self._root.refuse_unless_empty()
        elif self._claim is None or self._root.read(CONFIG_NAME) is not None:
            return
        Database.check_absent(self._place, self._options, claim=self._claim)

    def _is_ours(self) -> bool:
        """Whether a load of this dump has begun here, and not ended; it may have died while it wrote the mark."""
        if (written := self._written_mark()) is None:
            return False
        (digest, _, there), (ours, _, here) = written.partition("\n"), self._mark.partition("\n")
        if digest == ours and not here.startswith(there):  # what is at the other place is not this load's to overwrite
            raise RepositoryExistsError(
                f"a load into {self._root.place} has begun with its registry at {there}, not at {here}; "
                "give that place again, or another root"
            )
        return self._mark.startswith(written)

    def _written_mark(self) -> str | None:
        mark = self._root.read(_MARK)
        return None if mark is None else mark.decode("ascii", "replace")

    def run(self, transfer: str, progress: Callable[[Progress], None] | None) -> None:
        root, model = self._root, self._configuration.model
        root.prepare()
        if isinstance(self._place, Path):
            make_folder_of(self._place)
        if self._written_mark() != self._mark:
            root.write(_MARK, self._mark.encode())
        if root.read(CONFIG_NAME) is None:
            if self._manifest.has_artifacts:
                self._bring_artifacts(transfer, progress)
            if self._claim is None:
                Database.discard(self._place)
            with making(self._place, self._options, claim=self._claim) as filling:
                with filling() as database:
                    self._fill(database)
                self._write_runs()
                text = yaml.safe_dump({"format": model.format, **self._kept}, sort_keys=False)
                root.publish(CONFIG_NAME, text.encode())
        root.remove(_MARK)

    def _write_runs(self) -> None:
        if self._manifest.runs is not None:
            batches = batches_of(partial(open_table, self._dump / self._manifest.runs.file), PIECES_TOGETHER)
            place = runs_place(self._root.place, self._configuration.model)
            write_runs(place, pieces_in(batches, str(self._dump)))

    def _bring_artifacts(self, transfer: str, progress: Callable[[Progress], None] | None) -> None:
        done = Progress(0, 0)
        with Datastore.open(self._root.place, self._configuration.model.datastore) as datastore:
            outside = [store for name, store in datastore.stores.items() if name not in datastore.alone]
            for store in outside:
                store.recover(set)
            kept = (self._there(some) for some in kept_artifacts(self._dump, self._manifest.tables))
            for some in chain(recorded_artifacts(self._dump, self._manifest.tables), kept):
                by_store: dict[str, list[StoredArtifact]] = {}
                for stored in some:
                    by_store.setdefault(stored.datastore, []).append(stored)
                for name, items in by_store.items():
                    self._bring(datastore, name, items, transfer)
                done = Progress(done.artifacts + len(some), done.done + sum(max(s.size, 0) for s in some))
                if progress is not None:
                    progress(done)

    def _there(self, items: Sequence[StoredArtifact]) -> list[StoredArtifact]:
        """Leave out files of removals that somebody had taken away before the dump was written."""
        folder = self._dump / ARTIFACTS
        return [item for item in items if effects.stat(folder / item.datastore / item.key) is not None]

    def _bring(self, datastore: Datastore, name: str, items: Sequence[StoredArtifact], transfer: str) -> None:
        if name not in datastore.stores:
            raise ConfigurationError(
                f"the dump has artifacts of a store {name!r}; give load a seed configuration that has it (datastore.stores, or datastore.sinks)"
            )
        if name in datastore.alone:  # they come with the tables
            return
        store = datastore.stores[name]
        origin = FolderFiles(f"{self._dump}/{ARTIFACTS}/{name}")
        there = store.stat_many([item.key for item in items])
        # A key is used once, so what is there under it came from an earlier attempt; a power cut may have torn it.
        torn = [i.key for i, stat in zip(items, there, strict=True) if stat is not None and stat.size != i.size >= 0]
        if torn:
            store.delete_many(torn)
        gone = set(torn)
        missing = [i for i, stat in zip(items, there, strict=True) if stat is None or i.key in gone]
        cargo = [Cargo(origin, item, item.key) for item in missing]
        carry_into(store, cargo, transfer=transfer, durability=Durability.full)

    def _fill(self, database: Database) -> None:
        tables = self._manifest.tables
        with database.write() as transaction:
            make_tables([table.shape for table in tables], transaction)
            for table in tables:
                _fill_table(transaction, table, self._dump)
            transaction.settle_tables([table.shape for table in tables])
            make_views(Registry.open(database))(transaction)


def _fill_table(transaction: Transaction, table: DumpedTable, dump: Path) -> None:
    copied = copy_rows(transaction, table.shape, batches_of(partial(open_table, dump / table.file.file)))
    if copied != table.copied or fingerprint(transaction, table.shape) != copied:
        raise DatabaseDamagedError(f"the rows of table {table.shape.name} are not those of the dump")

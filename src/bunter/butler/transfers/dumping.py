"""Everything that is in a repository, written to a folder: each table as it stands, and the artifacts."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from bunter import effects
from bunter.butler.transfers.dump_manifest import DUMP_MANIFEST, DumpedTable, DumpManifest, kept_settings
from bunter.butler.transfers.recorded_artifacts import kept_artifacts, recorded_artifacts
from bunter.butler.transfers.run_folders import all_runs, read_runs, runs_schema, write_pieces
from bunter.butler.transfers.table_files import TableWriter
from bunter.database.cloning import Copied, survey_tables
from bunter.database.table_rows import arrow_schema, rows_of
from bunter.datastore import Transfer
from bunter.datastore.carriage import Progress
from bunter.datastore.local_place import local_place
from bunter.datastore.outward import Outgoing, send
from bunter.datastore.stored_counts import stored_counts
from bunter.errors import ExportFileError
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bunter.database import Connection, Database
    from bunter.dataset import StoredArtifact
    from bunter.datastore import Datastore

__all__ = ["ARTIFACTS", "dump_database"]

ARTIFACTS = "artifacts"
"""Folder of the artifacts, by store and key."""

_UNFINISHED = ".bunter-dump-unfinished"


def dump_database(
    database: Database,
    datastore: Datastore,
    folder: str | Path,
    *,
    runs: Path | None = None,
    artifacts: bool = True,
    transfer: str = "auto",
    dry_run: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> DumpManifest:
    """Write all tables as one moment has them, and then the artifacts that they name; memory is bounded.

    What an interrupted dump has written to the folder is used. Files that stay where they are (``direct``) are not copied; those of
    removals that can be undone are.

    Parameters
    ----------
    database : Database
        The registry.
    datastore : Datastore
        The artifacts.
    folder : str or Path
        Empty, or a dump already, which is brought up to date.
    runs : Path, optional
        Where the folders of runs lie.
    artifacts : bool
        Whether artifacts are written as well.
    transfer : str
        How they get there: "copy" (also "auto") or a kind of link.
    dry_run : bool
        Whether only to count.
    progress : callable, optional
        Is told how far it has come.

    Raises
    ------
    ExportFileError
        If the folder holds anything else.
    """
    folder = local_place(folder, "a dump")
    _check_folder(folder)
    settings = kept_settings({} if datastore.config is None else datastore.config.model_dump(mode="json"))
    if dry_run:
        with database.read(snapshot=True) as connection:
            rows = survey_tables(connection)
            shapes = {shape.name: shape for shape in connection.tables()}
            counts = stored_counts(connection) if artifacts else {}
        from bunter.butler.transfers.table_files import TableFile

        counted = tuple(
            DumpedTable(shapes[name], TableFile("", number, ""), Copied(name, number, "")) for name, number in rows
        )
        outside = [counts[name] for name in counts if name not in datastore.alone]
        number, size = sum(number for number, _ in outside), sum(size for _, size in outside)
        return DumpManifest(database.location, counted, artifacts, number, size, settings)
    effects.mkdirs(folder)
    if effects.stat(folder / _UNFINISHED) is None:
        effects.write_new(folder / _UNFINISHED, b"", sync=True)
    nonce = new_nonce()
    with database.read(snapshot=True) as connection:
        tables = _write_tables(connection, folder, nonce)
    number, size = _write_artifacts(datastore, folder, tables, Transfer(transfer), progress) if artifacts else (0, 0)
    pieces = TableWriter(folder, f"tables-{nonce}/runs_of_pipelines.parquet", runs_schema())
    write_pieces(pieces, read_runs(runs, all_runs(runs)))
    manifest = DumpManifest(database.location, tables, artifacts, number, size, settings, pieces.close())
    new = folder / f".{new_nonce()}.json"
    effects.write_new(new, manifest.to_json(), sync=True)
    effects.rename(new, folder / DUMP_MANIFEST)
    effects.sync_dir(folder)
    _sweep(folder, f"tables-{nonce}")
    return manifest


def _write_tables(connection: Connection, folder: Path, nonce: str) -> tuple[DumpedTable, ...]:
    written = []
    for shape in connection.tables():
        copied: list[Copied] = []
        writer = TableWriter(folder, f"tables-{nonce}/{shape.name}.parquet", arrow_schema(shape))
        for batch in rows_of(connection, shape, copied.append):
            writer.add_batch(batch)
        written.append(DumpedTable(shape, writer.close(), copied[0]))
    return tuple(written)


def _write_artifacts(
    datastore: Datastore,
    folder: Path,
    tables: tuple[DumpedTable, ...],
    transfer: Transfer,
    progress: Callable[[Progress], None] | None,
) -> tuple[int, int]:
    number = size = 0
    kept = (_still_there(datastore, some) for some in kept_artifacts(folder, tables))
    for some in chain(recorded_artifacts(folder, tables), kept):
        before = Progress(number, size)

        def told(now: Progress, before: Progress = before) -> None:
            if progress is not None:
                progress(Progress(before.artifacts + now.artifacts, before.done + now.done))

        outside = [stored for stored in some if stored.datastore not in datastore.alone]  # those are in the tables
        items = [
            Outgoing(store, stored, f"{folder}/{ARTIFACTS}/{stored.datastore}/{stored.key}")
            for store, stored in zip(datastore.stores_of(outside), outside, strict=True)
        ]
        send(items, transfer=transfer, sync=True, progress=told)
        number, size = number + len(items), size + sum(max(stored.size, 0) for stored in outside)
    return number, size


def _still_there(datastore: Datastore, items: Sequence[StoredArtifact]) -> list[StoredArtifact]:
    """Leave out files of removals that somebody took away: nothing that is registered needs them."""
    found = []
    for name in {item.datastore for item in items if item.datastore in datastore.stores}:
        mine = [item for item in items if item.datastore == name]
        stats = datastore.stores[name].stat_many([item.key for item in mine])
        found += [item for item, stat in zip(mine, stats, strict=True) if stat is not None]
    return found


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ExportFileError(f"{folder} is a file; choose a folder that is empty or does not exist")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not any((folder / name).is_file() for name in (DUMP_MANIFEST, _UNFINISHED)):
        raise ExportFileError(f"{folder} is no dump and is not empty; choose another folder")


def _sweep(folder: Path, kept: str) -> None:
    """Remove tables of earlier attempts, and the mark of an unfinished dump."""
    for tables in folder.glob("tables-*"):
        if tables.name != kept:
            for path in tables.iterdir():
                effects.unlink(path, missing_ok=True)
            effects.rmdir(tables)
    effects.unlink(folder / _UNFINISHED, missing_ok=True)

"""A parcel written to a folder: tables as Parquet files, artifacts below ``files``, and the manifest last."""

from __future__ import annotations

import hashlib
import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.butler.transfers.makers import ACTIVITY_NAMES, activity_schema, maker_schema
from bunter.butler.transfers.manifest import BESIDE, FILES, MANIFEST, Manifest
from bunter.butler.transfers.run_folders import runs_schema, write_pieces
from bunter.butler.transfers.table_files import TableWriter
from bunter.datastore import Transfer
from bunter.datastore.carriage import Progress
from bunter.datastore.file_paths import names_of
from bunter.datastore.key import escape, is_direct
from bunter.datastore.local_place import local_place
from bunter.datastore.outward import Outgoing, send
from bunter.datastore.store import LocalPaths
from bunter.errors import ExportFileError
from bunter.values import new_nonce, pyarrow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from bunter.butler.transfers.parcel import Batch, Parcel
    from bunter.butler.transfers.table_files import TableFile
    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore
    from bunter.dimensions import DimensionGroup

__all__ = ["Export", "artifact_schema"]

_UNFINISHED = ".bunter-export-unfinished"
_TABLES = re.compile(r"tables-[a-z2-7]{13}")
_DRAFT = re.compile(r"\.[a-z2-7]{13}\.json")


class Export:
    """Writes a parcel to a folder; what an interrupted one has written there is used.

    Parameters
    ----------
    parcel : Parcel
        What to write.
    folder : str or Path
        Empty, or an export already, which is brought up to date.
    transfer : str, optional
        How artifacts get there: "copy" (also "auto"), "hardlink", "link", "symlink", "relsymlink"; "direct" leaves them
        where they are and names their places; None leaves them out.
    about : mapping, optional
        Title, licence, citation, and what else readers should know.
    progress : callable, optional
        Is told how far it has come.
    sink : callable, optional
        Takes the artifacts instead of the folder, given the root of their targets.
    files : str
        Folder of the artifacts, see `Manifest`; where they lie beside the manifest the folder may hold anything else.

    Raises
    ------
    ExportFileError
        If the folder holds anything else.
    """

    def __init__(
        self,
        parcel: Parcel,
        folder: str | Path,
        *,
        transfer: str | None = "auto",
        about: Mapping[str, str] | None = None,
        progress: Callable[[Progress], None] | None = None,
        sink: Callable[[str, Sequence[Outgoing]], None] | None = None,
        files: str = FILES,
    ) -> None:
        self._sink = sink
        self._files = files
        self._parcel = parcel
        self._folder = local_place(folder, "an export")
        self._transfer = None if transfer is None else Transfer(transfer)
        self._about = dict(about or {})
        self._progress = progress
        self._tables: dict[str, TableFile] = {}
        self._nonce = new_nonce()
        self._datasets = self._artifacts = self._size = 0
        self._names: dict[tuple[str, str], str] = {}
        if files == FILES:
            _check_folder(self._folder)

    def survey(self) -> Manifest:
        """Say what would be written."""
        for batch in self._parcel.batches():
            self._count(batch)
        return self._manifest()

    def write(self) -> Manifest:
        """Write everything."""
        effects.mkdirs(self._folder)
        if effects.stat(self._folder / _UNFINISHED) is None:
            effects.write_new(self._folder / _UNFINISHED, b"", sync=True)
        self._write_records()
        self._write_datasets()
        self._write_memberships()
        self._write_annotations()
        self._write_runs()
        manifest = self._manifest()
        new = self._folder / f".{new_nonce()}.json"
        effects.write_new(new, manifest.to_json(), sync=True)
        effects.rename(new, self._folder / MANIFEST)
        effects.sync_dir(self._folder)
        self._sweep()
        return manifest

    def _manifest(self) -> Manifest:
        parcel = self._parcel
        return Manifest(
            parcel.source,
            parcel.universe,
            tuple(parcel.dataset_types()),
            tuple(parcel.collections()),
            self._tables,
            self._transfer is not None,
            self._datasets,
            self._artifacts,
            self._size,
            self._about,
            self._files,
        )

    def _writer(self, name: str, schema: pa.Schema) -> TableWriter:
        return TableWriter(self._folder, f"tables-{self._nonce}/{name.replace('/', '-')}.parquet", schema)

    def _write_records(self) -> None:
        writers: dict[str, TableWriter] = {}
        for records in self._parcel.records():
            table = records.to_arrow()
            name = f"records/{records.element.name}"
            if name not in writers:
                writers[name] = self._writer(name, table.schema)
            writers[name].add_table(table)
        self._close(writers)

    def _write_datasets(self) -> None:
        pa = pyarrow()
        writers: dict[str, tuple[TableWriter, TableWriter]] = {}
        rows: dict[str, int] = {}
        for batch in self._parcel.batches():
            self._send(batch)
            for columns in batch.columns:
                kind = columns.dataset_type
                if kind.name not in writers:
                    writers[kind.name] = (
                        self._writer(f"datasets/{kind.name}", dataset_schema(kind.dimensions)),
                        self._writer(f"artifacts/{kind.name}", artifact_schema()),
                    )
                datasets, artifacts = writers[kind.name]
                run = pa.array([columns.run] * len(columns), pa.string())
                datasets.add({"id": columns.ids, "run": run, **columns.values})
                first = rows.get(kind.name, 0)
                rows[kind.name] = first + len(columns)
                artifacts.add(self._artifact_columns(batch, columns.ids, first))
        for name, pair in writers.items():
            self._tables[f"datasets/{name}"], self._tables[f"artifacts/{name}"] = (each.close() for each in pair)

    def _artifact_columns(self, batch: Batch, ids: list[bytes], first: int) -> dict[str, list[Any]]:
        stored, none = batch.stored, ()
        items = [item for id_ in ids for item in stored.get(id_, none)]
        rows = [row for row, id_ in enumerate(ids, first) for _ in stored.get(id_, none)]
        names = ("component", "size", "sha256", "xxh3", "format", "format_version", "selector")
        columns: dict[str, list[Any]] = {name: list(map(attrgetter(name), items)) for name in names}
        return {"row": rows, "path": self._paths(items), **columns}

    def _paths(self, stored: Sequence[StoredArtifact]) -> list[str]:
        """Paths of artifacts below the folder of artifacts; absolute where they stay where they are."""
        if self._transfer is not Transfer.DIRECT:
            return [self._path(item) for item in stored]
        if all(is_direct(item.key) for item in stored):
            return [item.key for item in stored]
        return _staying_paths(stored, self._parcel.stores_of(stored))

    def _path(self, stored: StoredArtifact) -> str:
        """Path of an artifact below the folder of artifacts."""
        if not is_direct(stored.key) and stored.datastore in {"main", ""}:
            return stored.key
        return self._named(stored)

    def _named(self, stored: StoredArtifact) -> str:
        place = stored.datastore, stored.key
        if place not in self._names:
            mark = hashlib.sha256("\n".join(place).encode()).hexdigest()[:16]
            self._names[place] = f"other/{mark}/{escape(stored.key.rpartition('/')[2])}"
        return self._names[place]

    def _send(self, batch: Batch) -> None:
        artifacts = self._count(batch)
        if self._transfer is None or self._transfer is Transfer.DIRECT:
            return
        before = Progress(self._artifacts - len(artifacts), self._size - sum(max(a.size, 0) for a in artifacts))

        def told(now: Progress) -> None:
            if self._progress is not None:
                self._progress(Progress(before.artifacts + now.artifacts, before.done + now.done))

        root = self._folder / self._files
        stores = self._parcel.stores_of(artifacts)
        items = [
            Outgoing(store, item, f"{root}/{self._path(item)}") for store, item in zip(stores, artifacts, strict=True)
        ]
        if self._sink is not None:
            self._sink(str(root), items)
            return
        send(items, transfer=self._transfer, sync=True, progress=told)

    def _count(self, batch: Batch) -> list[StoredArtifact]:
        artifacts = list({(i.datastore, i.key): i for items in batch.stored.values() for i in items}.values())
        self._datasets += sum(map(len, batch.columns))
        self._artifacts += len(artifacts)
        self._size += sum(max(item.size, 0) for item in artifacts)
        return artifacts

    def _write_memberships(self) -> None:
        pa = pyarrow()
        kinds = {
            "collection": pa.string(),
            "dataset_type": pa.string(),
            "id": pa.binary(16),
            "begin": pa.int64(),
            "end": pa.int64(),
        }
        writer = self._writer("memberships", pa.schema(list(kinds.items())))
        for each in self._parcel.memberships():
            number = len(each.ids)
            begin, end = (None, None) if each.timespan is None else each.timespan.bounds
            writer.add(
                {
                    "collection": [each.collection] * number,
                    "dataset_type": [each.dataset_type] * number,
                    "id": list(each.ids),
                    "begin": [begin] * number,
                    "end": [end] * number,
                }
            )
        self._close({"memberships": writer})

    def _write_annotations(self) -> None:
        pa = pyarrow()
        id_, text, number, content = pa.binary(16), pa.string(), pa.int64(), pa.large_binary()
        headers = self._writer("headers", pa.schema([("id", id_), ("primary", content), ("own", content)]))
        metadata = self._writer("metadata", pa.schema([("id", id_), ("document", text)]))
        origins = self._writer(
            "origins",
            pa.schema([("id", id_), ("directory", text), ("name", text), ("size", number), ("modified", number)]),
        )
        makers, activities = self._writer("makers", maker_schema()), self._writer("activities", activity_schema())
        for each in self._parcel.annotations():
            makers.add(_transposed(each.makers, ("id", "activity")))
            activities.add(_transposed(each.activities, ACTIVITY_NAMES))
            headers.add(_transposed(each.headers, ("id", "primary", "own")))
            metadata.add(_transposed(each.metadata, ("id", "document")))
            origins.add(
                {n: list(map(attrgetter(n), each.origins)) for n in ("id", "directory", "name", "size", "modified")}
            )
        told = {
            "headers": headers,
            "metadata": metadata,
            "origins": origins,
            "makers": makers,
            "activities": activities,
        }
        self._close(told)

    def _close(self, writers: Mapping[str, TableWriter]) -> None:
        """Finish tables; those without rows are left out, as each costs a file here and there."""
        self._tables |= {name: writer.close() for name, writer in writers.items() if writer.rows}

    def _write_runs(self) -> None:
        writer = self._writer("runs", runs_schema())
        write_pieces(writer, self._parcel.run_pieces())
        self._close({"runs": writer})

    def _sweep(self) -> None:
        """Remove tables of earlier attempts, and the mark of an unfinished export; a user's files may lie beside them."""
        for name in effects.listdir(self._folder):
            if _DRAFT.fullmatch(name):
                effects.unlink(self._folder / name, missing_ok=True)
            elif _TABLES.fullmatch(name) and name != f"tables-{self._nonce}":
                folder = self._folder / name
                for table in effects.listdir(folder):
                    if table.endswith(".parquet"):
                        effects.unlink(folder / table, missing_ok=True)
                effects.rmdir(folder)
        effects.unlink(self._folder / _UNFINISHED, missing_ok=True)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ExportFileError(f"{folder} is a file; choose a folder that is empty or does not exist")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not any((folder / name).is_file() for name in (MANIFEST, _UNFINISHED)):
        raise ExportFileError(f"{folder} is no export and is not empty; choose another folder")
    manifest = folder / MANIFEST
    if manifest.is_file() and Manifest.from_json(effects.read_bytes(manifest), str(manifest)).files == BESIDE:
        raise ExportFileError(f"{folder} holds retrieved files, not an export; choose another folder")


def dataset_schema(group: DimensionGroup) -> pa.Schema:
    """Columns of a table of datasets."""
    pa = pyarrow()
    kinds = {name: group.universe.key_column(name).kind for name in group.required}
    fields = [(name, pa.int64() if kind == "int" else pa.string()) for name, kind in kinds.items()]
    return pa.schema([("id", pa.binary(16)), ("run", pa.string()), *fields])


def artifact_schema() -> pa.Schema:
    """Columns of a table of artifacts; ``row`` is the place of the dataset in the table of datasets of the same type."""
    pa = pyarrow()
    return pa.schema(
        [
            ("row", pa.int64()),
            ("path", pa.string()),
            ("component", pa.string()),
            ("size", pa.int64()),
            ("sha256", pa.binary()),
            ("xxh3", pa.binary()),
            ("format", pa.string()),
            ("format_version", pa.int64()),
            ("selector", pa.string()),
        ]
    )


def _transposed(rows: Any, names: tuple[str, ...]) -> dict[str, list[Any]]:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: list(values) for name, values in zip(names, columns, strict=True)}


def _staying_paths(stored: Sequence[StoredArtifact], stores: Sequence[ArtifactStore]) -> list[str]:
    """Return the absolute paths of artifacts that stay where they are."""
    paths = [item.key for item in stored]
    groups: dict[int, list[int]] = {}
    for place, (key, store) in enumerate(zip(paths, stores, strict=True)):
        if not is_direct(key):
            groups.setdefault(id(store), []).append(place)
    for places in groups.values():
        store, keys = stores[places[0]], [paths[place] for place in places]
        if not isinstance(store, LocalPaths):
            raise ExportFileError(f"{keys[0]} is no file of this machine, so it cannot stay where it is")
        for place, path in zip(places, names_of(store, keys), strict=True):
            paths[place] = path
    return paths

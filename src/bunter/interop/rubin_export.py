"""Datasets written to a folder that `Butler.import_` of the Rubin Butler takes in."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter import effects
from bunter.datastore import Transfer
from bunter.datastore.key import is_direct
from bunter.datastore.local_place import local_place
from bunter.datastore.members import is_member, member_of
from bunter.datastore.outward import Outgoing, send
from bunter.dimensions import Universe
from bunter.dimensions.records import stored_columns
from bunter.errors import ExportFileError
from bunter.interop.export_text import (
    association_lines,
    collection_lines,
    dataset_line,
    dataset_lines,
    dataset_type_lines,
    head_lines,
    record_lines,
)
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bunter.butler.transfers import Batch, Parcel
    from bunter.dataset import DatasetColumns, StoredArtifact
    from bunter.datastore.carriage import Progress
    from bunter.dimensions import Records
    from bunter.values import Timespan

__all__ = ["EXPORT_NAME", "FORMATTERS", "RubinExport", "export_rubin"]

EXPORT_NAME = "export.yaml"
"""Name of the file in the folder."""

_THEIRS = "lsst.daf.butler.formatters"
FORMATTERS: Mapping[str, str] = {
    "json": f"{_THEIRS}.json.JsonFormatter",
    "yaml": f"{_THEIRS}.yaml.YamlFormatter",
    "parquet": f"{_THEIRS}.parquet.ParquetFormatter",
    "ecsv": f"{_THEIRS}.astropyTable.AstropyTableFormatter",
    "pickle": f"{_THEIRS}.pickle.PickleFormatter",
}
"""What reads our formats there."""


@dataclass(slots=True)
class RubinExport:
    """What was written.

    Parameters
    ----------
    path : Path
        The export file.
    records, dataset_types, collections, datasets, files, size, memberships : int
        How many of each, and the bytes of the files.
    left_out : Counter of str
        Datasets that are not in it, by reason.
    dry_run : bool
        Whether nothing was written.
    """

    path: Path
    records: int = 0
    dataset_types: int = 0
    collections: int = 0
    datasets: int = 0
    files: int = 0
    size: int = 0
    memberships: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    dry_run: bool = False

    def as_row(self) -> dict[str, Any]:
        """Return it as plain values."""
        names = ("records", "dataset_types", "collections", "datasets", "files", "size", "memberships", "dry_run")
        return {
            "path": str(self.path),
            **{name: getattr(self, name) for name in names},
            "left_out": dict(self.left_out),
        }

    def __str__(self) -> str:
        from bunter.values import counted, sized

        verb = "would export" if self.dry_run else "exported"
        said = (
            f"{verb} {counted(self.datasets, 'dataset')} ({counted(self.files, 'file')}, {sized(self.size)}), "
            f"{counted(self.records, 'dimension record')}, {counted(self.memberships, 'membership')} to {self.path}"
        )
        return said + "".join(f"; left out {count}: {why}" for why, count in sorted(self.left_out.items()))


def export_rubin(
    parcel: Parcel,
    folder: str | Path,
    *,
    transfer: str | None = "auto",
    formatters: Mapping[str, str] | None = None,
    dry_run: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> RubinExport:
    """Write a parcel as ``export.yaml`` and files, for ``Butler.import_(directory=folder, filename=...)`` of the Rubin Butler.

    The file is written in pieces and appears when it is whole; files that are there with the same content are taken as done.

    Parameters
    ----------
    parcel : Parcel
        What to write, see `Butler.transfers.parcel`; its dimensions are those of ``daf_butler``.
    folder : str or Path
        The folder; made if need be.
    transfer : str, optional
        How files get there, as for `Butler.retrieve_artifacts`; None for the registry only.
    formatters : mapping of str to str, optional
        Classes that read our formats there, in addition to `FORMATTERS`.
    dry_run : bool
        Whether only to count.
    progress : callable, optional
        Is told how far it has come.

    Returns
    -------
    RubinExport
        What was written, and what was left out: datasets without a file, in several, or in a format that nothing reads there.

    Raises
    ------
    ExportFileError
        If the dimensions are others, or the folder has an export already.
    """
    writing = _Writing(
        parcel, local_place(folder, "an export"), transfer, {**FORMATTERS, **(formatters or {})}, progress
    )
    return writing.survey() if dry_run else writing.write()


class _Writing:
    def __init__(
        self,
        parcel: Parcel,
        folder: Path,
        transfer: str | None,
        formatters: Mapping[str, str],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._parcel, self._folder, self._formatters, self._progress = parcel, folder, formatters, progress
        self._transfer = None if transfer is None else Transfer(transfer)
        self._theirs = Universe.default()
        self._known: set[bytes] = set()
        self._sent: set[str] = set()
        self._done = RubinExport(folder / EXPORT_NAME)
        if parcel.universe.namespace != self._theirs.namespace:
            raise ExportFileError(
                f"{parcel.source} has the dimensions of {parcel.universe.namespace!r}; the Rubin Butler takes those of "
                f"{self._theirs.namespace!r} only"
            )
        if effects.stat(self._done.path) is not None:
            raise ExportFileError(f"{self._done.path} is there already; choose another folder")

    def survey(self) -> RubinExport:
        """Count what would be written."""
        self._done.dry_run = True
        for _ in self._lines():
            pass
        return self._done

    def write(self) -> RubinExport:
        """Write the files, and then the export file."""
        effects.mkdirs(self._folder)
        part = self._folder / f".{new_nonce()}.yaml"
        try:
            effects.write_new(part, (f"{line}\n".encode() for line in self._lines()), sync=True)
            effects.rename(part, self._done.path)
            effects.sync_dir(self._folder)
        finally:
            effects.unlink(part, missing_ok=True)
        return self._done

    def _lines(self) -> Iterator[str]:
        done, parcel = self._done, self._parcel
        yield from head_lines(self._theirs)
        for records in parcel.records():
            fitting = self._fitting(records)
            done.records += len(fitting)
            if len(fitting):
                yield from record_lines(fitting)
        for info in parcel.collections():
            done.collections += 1
            yield from collection_lines(info)
        for kind in parcel.dataset_types():
            done.dataset_types += 1
            yield from dataset_type_lines(kind)
        for batch in parcel.batches():
            yield from self._datasets(batch)
        yield from self._associations()

    def _fitting(self, records: Records) -> Records:
        """Return records without the facts that only our universe has."""
        name = records.element.name
        if name not in self._theirs:
            raise ExportFileError(f"the Rubin Butler has no dimension {name!r}; leave out datasets that have it")
        element = self._theirs[name]
        return type(records)(element, {column: records.columns[column] for column in stored_columns(element)})

    def _datasets(self, batch: Batch) -> Iterator[str]:
        files: dict[str, Outgoing] = {}
        sections = [(columns, self._rows(columns, batch, files)) for columns in batch.columns]
        if self._transfer is not None and not self._done.dry_run:
            send(list(files.values()), transfer=self._transfer, sync=True, progress=self._progress)
        for columns, rows in sections:
            if rows:
                yield from dataset_lines(columns.dataset_type.name, columns.run)
                yield from rows

    def _rows(self, columns: DatasetColumns, batch: Batch, files: dict[str, Outgoing]) -> list[str]:
        """Return a line for each file and note what is to be sent; the datasets of one file stand together."""
        together: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row, id_ in enumerate(columns.ids):
            place = self._place(list(batch.stored.get(id_, ())), files)
            if place is not None:
                together[place if place != ("", "") else ("", str(row))].append(row)
        required = columns.dataset_type.dimensions.required
        values = list(columns.required_rows())
        lines = []
        for (path, formatter), rows in together.items():
            self._known.update(columns.ids[row] for row in rows)
            self._done.datasets += len(rows)
            data_ids = [dict(zip(required, values[row], strict=True)) for row in rows]
            ids = [UUID(bytes=columns.ids[row]) for row in rows]
            lines.append(dataset_line(ids, data_ids, path, formatter if path else None))
        return lines

    def _place(self, stored: Sequence[StoredArtifact], files: dict[str, Outgoing]) -> tuple[str, str] | None:
        """Return path and formatter of a dataset, empty where files are not wanted; None if it has to be left out."""
        if self._transfer is None:
            return "", ""
        if len(stored) != 1 or stored[0].component:
            self._done.left_out["no file" if not stored else "kept in several files"] += 1
            return None
        [item] = stored
        formatter = self._formatters.get(item.format)
        if formatter is None:
            self._done.left_out[f"nothing there reads {item.format}; see --formatter"] += 1
            return None
        [store] = self._parcel.stores_of([item])
        if is_member(item):
            store, item = member_of(store, item)
        path = f"files/{item.key.rpartition('/')[2] if is_direct(item.key) else item.key}"
        if path not in self._sent:
            self._sent.add(path)
            self._done.files += 1
            self._done.size += max(item.size, 0)
            files[path] = Outgoing(store, item, f"{self._folder}/{path}")
        return path, formatter

    def _associations(self) -> Iterator[str]:
        """Yield tags and validity ranges, those of one collection and time together: later ones would replace them."""
        found: dict[str, dict[Timespan | None, list[UUID]]] = defaultdict(lambda: defaultdict(list))
        for each in self._parcel.memberships():
            ids = [UUID(bytes=id_) for id_ in each.ids if id_ in self._known]
            found[each.collection][each.timespan] += ids
            self._done.memberships += len(ids)
        for collection, members in found.items():
            yield from association_lines(collection, {span: ids for span, ids in members.items() if ids})

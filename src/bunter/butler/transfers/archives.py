"""Exports in one zip file: written member by member, and taken into a store whole, where members are read in place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bunter import effects
from bunter.butler.activities import performed
from bunter.butler.transfers.arrivals import arrivals
from bunter.butler.transfers.definitions import Definitions
from bunter.butler.transfers.export_place import ZipPlace
from bunter.butler.transfers.exports import Export
from bunter.butler.transfers.imports import ExportParcel
from bunter.butler.transfers.manifest import FILES, MANIFEST
from bunter.butler.transfers.member_changes import MemberChanges
from bunter.butler.transfers.receiving import Receiving
from bunter.butler.transfers.run_folders import write_runs
from bunter.butler.transfers.terms import Terms
from bunter.dataset import ArtifactLink, StoredArtifact
from bunter.dataset.changes import AddArtifacts, AddDatasets, ChangesAsRead
from bunter.datastore import MAIN, Transfer
from bunter.datastore.carriage import Progress, checked_pieces
from bunter.datastore.local_place import local_place
from bunter.datastore.members import member_selector
from bunter.datastore.store import has_paths
from bunter.datastore.zip_members import ZipMembers
from bunter.datastore.zip_writer import ZipWriter
from bunter.errors import ButlerError, FormatError, KeyTakenError
from bunter.values import Pieces, new_nonce, quick_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bunter.butler.session import Session
    from bunter.butler.transfers.arrivals import Arrivals
    from bunter.butler.transfers.manifest import Manifest
    from bunter.butler.transfers.parcel import Parcel
    from bunter.butler.transfers.report import TransferReport
    from bunter.dataset import DatasetRef
    from bunter.dataset.changes import Change
    from bunter.datastore import Datastore, Staged
    from bunter.datastore.outward import Outgoing

__all__ = ["adopt_archive", "ingest_archive", "write_archive"]


def write_archive(
    parcel: Parcel,
    path: str | Path,
    *,
    about: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Manifest:
    """Write an export as one zip file; it appears when it is whole. One that is there and holds just this stays as it is.

    Members are stored as they are, so that ranges of them can be read in place.

    Parameters
    ----------
    parcel : Parcel
        What to write.
    path : str or Path
        The file.
    about, progress
        As for `Export`.
    texts : mapping of str to str, optional
        Further files, by name.

    Raises
    ------
    KeyTakenError
        If there is such a file with other content.
    FileIntegrityError
        If an artifact is not what was recorded of it; there is no file then.
    """
    path = local_place(path, "an archive")
    if effects.stat(path) is not None:
        return _unchanged(parcel, path, about)
    effects.mkdirs(path.parent)
    tables, part = path.parent / f".{path.name}.tables", path.parent / f".{path.name}.part"
    _clear(tables, part)
    try:
        effects.checkpoint(f"write {part}")
        with part.open("xb") as file, ZipWriter(file) as archive:
            manifest = Export(parcel, tables, about=about, progress=progress, sink=_Sink(archive)).write()
            for table in manifest.tables.values():
                archive.add(table.file, effects.read_chunks(tables / table.file))
            for name, text in (texts or {}).items():
                archive.add(name, [text.encode()])
            archive.add(MANIFEST, effects.read_chunks(tables / MANIFEST))
        effects.sync_file(part)
        effects.rename(part, path)
        effects.sync_dir(path.parent)
    finally:
        _clear(tables, part)
    return manifest


def _unchanged(parcel: Parcel, path: Path, about: Mapping[str, str] | None) -> Manifest:
    """Return the manifest of an archive that holds just this parcel; KeyTakenError if it holds anything else."""
    try:
        there = ExportParcel(ZipPlace(ZipMembers.of_file(path), str(path))).manifest
    except (ButlerError, OSError) as exc:
        raise KeyTakenError(f"{path} is there already, and is no bundle; choose another name") from exc
    tables = path.parent / f".{path.name}.{new_nonce()}.tables"
    try:
        manifest = Export(parcel, tables, about=about, sink=lambda _root, _items: None).write()
    finally:
        _clear(tables, tables.with_suffix(".part"))
    if differing := manifest.differences(there):
        raise KeyTakenError(
            f"{path} is there already with other content: {', '.join(differing)}; remove it, or choose another name"
        )
    return there


class _Sink:
    """Adds artifacts to an archive."""

    def __init__(self, archive: ZipWriter) -> None:
        self._archive = archive
        self._known: set[bytes] = set()  # digests of names: a file of several datasets comes again with another one

    def __call__(self, root: str, items: Sequence[Outgoing]) -> None:
        for item in items:
            name = f"{FILES}/{item.target.removeprefix(f'{root}/')}"
            if (mark := quick_digest(name.encode())) not in self._known:
                self._known.add(mark)
                self._archive.add(name, checked_pieces(item.store, item.stored))


def _clear(tables: Path, part: Path) -> None:
    effects.unlink(part, missing_ok=True)
    if tables.is_dir():
        for name, _ in list(effects.walk(tables)):
            effects.unlink(tables / name, missing_ok=True)
        for folder in sorted((each for each in tables.rglob("*") if each.is_dir()), reverse=True):
            effects.rmdir(folder)
        effects.rmdir(tables)


def ingest_archive(
    session: Session,
    path: str | Path,
    *,
    transfer: str = "auto",
    keep_records: bool = False,
    dry_run: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> TransferReport:
    """Take the export in a zip file in without unpacking it: the file becomes one artifact, whose members are the datasets.

    Parameters
    ----------
    session : Session
        Where it goes.
    path : str or Path
        The zip file.
    transfer : str
        How it comes in, as for `Butler.ingest`.
    keep_records, dry_run
        As for `Transfers.take`.
    progress : callable, optional
        Is told how many bytes of the file were carried, where it is carried.

    Raises
    ------
    ExportFileError
        If it holds no export, or not as it was written.
    TransferConflictError
        If anything contradicts what is there; nothing has changed.
    """
    path = local_place(path, "a zip file that is taken in")
    parcel = ExportParcel(ZipPlace(ZipMembers.of_file(path), str(path)))
    terms = Terms(keep_records=keep_records, kind="ingest")
    report = Receiving(session, parcel, terms).survey()
    if report.artifacts:  # its members come as one file
        report = replace(report, artifacts=1, size=path.stat().st_size)
    if dry_run:
        return report
    report.refuse()
    write_runs(getattr(session.repository, "runs", None), parcel.run_pieces())  # before: a move leaves no archive
    facts = {"source": str(path), "transfer": transfer}
    with performed(session, "ingest-zip", kind="ingest", facts=facts, only_outermost=True):
        staged: list[Staged] = []
        adoption = _Adoption(session, parcel, terms)
        first: list[Change] = []
        if report.artifacts:
            datastore, nonce = session.repository.datastore, adoption.nonce
            key = f"zips/{nonce[:4]}/{path.stem[:80]}-{nonce}.zip".replace(" ", "_")
            staged = [_staged(datastore, path, key, Transfer(transfer), progress)]
            first.append(AddArtifacts([datastore.row(staged[0], nonce, "zip")], []))
        if staged or next(iter(adoption.changes()), None) is not None:
            session.commit(
                [*first, ChangesAsRead(adoption.changes)], staged
            )  # in one step: a move leaves nothing to read
    return replace(report, dry_run=False)


def _staged(
    datastore: Datastore, path: Path, key: str, transfer: Transfer, progress: Callable[[Progress], None] | None
) -> Staged:
    """Bring an archive in; where somebody looks and it is carried, piece by piece."""
    is_carried = transfer is Transfer.COPY or (transfer is Transfer.AUTO and not has_paths(datastore.stores[MAIN]))
    if progress is None or not is_carried:
        return datastore.ingest_stage([path], transfer=transfer, keys=[key])[0]
    return datastore.stage(key, Pieces(lambda: _told(path, progress)))


def _told(path: Path, progress: Callable[[Progress], None]) -> Iterator[bytes]:
    done = 0
    for piece in effects.read_chunks(path):
        yield piece
        done += len(piece)
        progress(Progress(0, done))
    progress(Progress(1, done))


class _Adoption:
    """What registers the members of an archive, read from it batch by batch while the change is made."""

    def __init__(self, session: Session, parcel: ExportParcel, terms: Terms) -> None:
        self.nonce = new_nonce()
        self._session, self._parcel, self._terms = session, parcel, terms

    def changes(self) -> Iterator[Change]:
        """Yield the changes; each batch is compared with what is there when its turn comes."""
        session, parcel = self._session, self._parcel
        definitions = Definitions(session, parcel, keep_records=self._terms.keep_records)
        yield from definitions.insertions()
        yield from definitions.registrations()
        for batch in parcel.batches():
            yield from self._arriving(arrivals(session, batch, definitions.types))
        yield from (change for change, _ in MemberChanges(session, parcel, definitions.types).walk([]))
        receiving = Receiving(session, parcel, self._terms)
        for each in parcel.annotations():
            yield from receiving.annotations(each)

    def _arriving(self, found: Arrivals) -> Iterator[Change]:
        for columns in found.new:
            yield AddDatasets(columns, on_conflict="skip")
        folder = f"{files}/" if (files := self._parcel.manifest.files) else ""
        links = [
            ArtifactLink(columns.ids[row], item.component, self.nonce, member_selector(item, f"{folder}{item.key}"))
            for columns, row, item in found.stored
        ]
        if links:
            yield AddArtifacts([], links)


def adopt_archive(
    session: Session,
    path: str | Path,
    changes: Sequence[Change],
    parts: Sequence[tuple[DatasetRef, str, str, str]],
    *,
    transfer: str,
) -> None:
    """Take in a zip file of another system, whose members are datasets.

    Parameters
    ----------
    session : Session
        Where it goes.
    path : str or Path
        The zip file.
    changes : sequence of Change
        What registers the datasets, committed together with the file.
    parts : sequence of (DatasetRef, str, str, str)
        Dataset, component, ending of the name with its dot, and member.
    transfer : str
        How it comes in, as for `Butler.ingest`.

    Raises
    ------
    FormatError
        If datasets of a type are written in another format here.
    """
    path, nonce = local_place(path, "a zip file that is taken in"), new_nonce()
    datastore = session.repository.datastore
    links = []
    for ref, component, extension, member in parts:
        form = datastore.choice(ref.dataset_type).format
        if form.extension != extension:
            raise FormatError(
                f"{member} of {path} ends in {extension}, and {ref.dataset_type.name!r} is {form.name} here; "
                "set its format in bunter.yaml (datastore.formats)"
            )
        stored = StoredArtifact(
            ref.id.bytes, component, member, "", -1, None, None, form.name, form.version, owned=True, selector=""
        )
        links.append(ArtifactLink(ref.id.bytes, component, nonce, member_selector(stored, member)))
    facts = {"source": str(path), "transfer": transfer}
    with performed(session, "ingest-zip", kind="ingest", facts=facts, only_outermost=True):
        key = f"zips/{nonce[:4]}/{path.stem[:80]}-{nonce}.zip".replace(" ", "_")
        staged = datastore.ingest_stage([path], transfer=transfer, keys=[key])
        session.commit([*changes, AddArtifacts([datastore.row(staged[0], nonce, "zip")], links)], staged)

"""Artifacts of datasets as files of one's own: in one folder, under names of one's choice, or as the store names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.butler.data_ids import DataIds
from bunter.butler.queries import Queries
from bunter.butler.template_fields import TemplateFields
from bunter.butler.transfers.parcel import Selection
from bunter.butler.transfers.retrieved import RetrievedFolder, RetrievedParcel, place_in_store
from bunter.datastore import Template, Transfer
from bunter.datastore.key import is_direct
from bunter.datastore.local import LocalStore
from bunter.datastore.local_place import local_place
from bunter.datastore.members import is_member, member_of
from bunter.datastore.outward import Outgoing, send
from bunter.datastore.template_checks import refuse_useless
from bunter.errors import ConfigurationError, DatasetNotFoundError, KeyTakenError, TemplateError
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from uuid import UUID

    from bunter.butler.session import Session
    from bunter.butler.transfers.retrieved import Place
    from bunter.dataset import DatasetRef, StoredArtifact
    from bunter.datastore import ArtifactStore
    from bunter.datastore.carriage import Progress

__all__ = ["planned_files", "retrieve"]


def retrieve(
    session: Session,
    refs: Sequence[DatasetRef],
    destination: str | Path,
    *,
    transfer: str = "auto",
    manifest: bool = True,
    collections: str | Sequence[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    **names: Any,
) -> list[Path]:
    """Copy or link artifacts to a folder, in parallel, compared with what is recorded; nothing there is overwritten.

    A file that is there with the same content is taken as done, so that the same call again completes.
    With a manifest the folder opens as a repository, which holds all that was ever retrieved into it.

    Parameters
    ----------
    session : Session
        The repository.
    refs : sequence of DatasetRef
        Which datasets.
    destination : str or Path
        The folder; made if need be.
    transfer : str
        "copy" (also "auto"), "hardlink", "link", "symlink" or "relsymlink".
    manifest : bool
        Whether tables go along by which the folder opens as a repository.
    collections : str or sequence of str, optional
        Which collections these tell of, beside the runs.
    progress : callable, optional
        Is told how far it has come.
    **names
        ``template``: names below the folder, with fields as in `bunter.datastore.Template`, such as
        ``{dataset_type}/{visit}_{detector}``; ``preserve_path``: whether files keep the folders that they have in their
        store.

    Returns
    -------
    list of Path
        The files, each artifact once.

    Raises
    ------
    DatasetNotFoundError
        If a dataset has no artifact.
    KeyTakenError
        If two artifacts would be one file, or a file is there with other content.
    TransferConflictError
        If datasets contradict those that were retrieved into the folder before; nothing is written.
    ExportFileError
        If the folder is a repository or an export.
    """
    planned = _planned(session, refs, destination, **names)
    items = list(planned.values())
    if not manifest or not items:
        send(items, transfer=Transfer(transfer), progress=progress)
        return [Path(item.target) for item in items]
    folder = RetrievedFolder(local_place(destination, "what is retrieved"))
    selection = Selection.of_refs(refs, collections)
    parcel = RetrievedParcel(session, Queries(session, DataIds(session)), selection, planned, folder)
    folder.refuse_names(items)
    folder.refuse_conflicts(parcel)
    send(items, transfer=Transfer(transfer), progress=progress)
    folder.record(parcel)
    return [Path(item.target) for item in items]


def planned_files(
    session: Session,
    refs: Sequence[DatasetRef],
    destination: str | Path,
    **names: Any,
) -> list[Outgoing]:
    """Say which artifact becomes which file; see `retrieve`."""
    return list(_planned(session, refs, destination, **names).values())


def _planned(
    session: Session,
    refs: Sequence[DatasetRef],
    destination: str | Path,
    *,
    template: str | None = None,
    preserve_path: bool = False,
) -> dict[Place, Outgoing]:
    located = session.repository.locate(session.principal, [ref.id.bytes for ref in refs])
    if missing := [ref for ref, stored in zip(refs, located, strict=True) if not stored]:
        raise DatasetNotFoundError(f"{len(missing)} of {len(refs)} datasets have no artifact, first {missing[0]}")
    datastore = session.repository.datastore
    root = local_place(destination, "what is retrieved")
    _refuse_place(session, root)
    names = None if template is None else _Names(template, session, refs)
    planned: dict[Place, Outgoing] = {}
    stores = iter(datastore.stores_of([item for stored in located for item in stored]))
    for ref, stored in zip(refs, located, strict=True):
        for item in stored:
            store: ArtifactStore = next(stores)
            place = place_in_store(item)
            if place in planned:
                continue
            if is_member(item):
                store, item = member_of(store, item)  # noqa: PLW2901 - the member stands for the archive from here on
            name = _own_name(item, preserve_path=preserve_path) if names is None else names.of(ref, item)
            planned[place] = Outgoing(store, item, f"{root}/{name}")
    _refuse_equal(list(planned.values()))
    return planned


def _own_name(stored: StoredArtifact, *, preserve_path: bool) -> str:
    return stored.key if preserve_path and not is_direct(stored.key) else stored.key.rpartition("/")[2]


class _Names:
    """Names of files by a template; without the marks that make names in a store unique."""

    def __init__(self, text: str, session: Session, refs: Sequence[DatasetRef]) -> None:
        if text.startswith("/") or ".." in text:
            raise TemplateError(f"template {text!r} must be a path below the destination, without '..'")
        self._template = Template(f"{{run}}/{text}")
        self._nonce = new_nonce()
        for dataset_type in {ref.dataset_type for ref in refs}:
            refuse_useless(self._template, dataset_type)
        self._more = _looked_up(session, refs, self._template.sought)

    def of(self, ref: DatasetRef, stored: StoredArtifact) -> str:
        mapping = ref.data_id.mapping
        shown = "_".join(map(str, ref.data_id.required_values))
        values = {
            **mapping,
            **self._more.get(ref.id, {}),
            "run": ref.run,
            "dataset_type": ref.dataset_type.name,
            "data_id": shown or None,
            "id": str(ref.id),
            "component": stored.component or None,
        }
        name = stored.key.rpartition("/")[2]
        stem, dot, suffix = name.partition(".")
        key = self._template.key(values, self._nonce, f"{dot}{suffix}" if stem else "")
        return key.partition("/")[2].replace(f"-{self._nonce}", "")


def _looked_up(session: Session, refs: Sequence[DatasetRef], names: Collection[str]) -> dict[UUID, dict[str, object]]:
    """Look up what names need beside the data IDs."""
    if not names:
        return {}
    fields, groups = TemplateFields(Queries(session, DataIds(session))), {ref.data_id.group for ref in refs}
    found: dict[UUID, dict[str, object]] = {}
    for group in groups:
        some = [ref for ref in refs if ref.data_id.group == group]
        rows = fields.of_many(names, group, [ref.data_id.mapping for ref in some])
        found |= {ref.id: row for ref, row in zip(some, rows, strict=True)}
    return found


def _refuse_place(session: Session, place: Path) -> None:
    """Refuse a file, and a folder in which the repository keeps its own files: there others would be taken for leftovers."""
    if place.exists() and not place.is_dir():
        raise ConfigurationError(f"{place} is a file; name a folder for what is retrieved")
    for store in session.repository.datastore.stores.values():
        if isinstance(store, LocalStore) and place.is_relative_to(store.root):
            raise ConfigurationError(
                f"{place} lies among the files of the repository, in {store.root}; name another folder"
            )


def _refuse_equal(items: Sequence[Outgoing]) -> None:
    seen: dict[str, StoredArtifact] = {}
    for item in items:
        if (other := seen.setdefault(item.target, item.stored)) is not item.stored:
            raise KeyTakenError(
                f"{other.key} and {item.stored.key} would both become {item.target}; keep their folders "
                "(preserve_path, --preserve-path), or give a template that tells them apart"
            )

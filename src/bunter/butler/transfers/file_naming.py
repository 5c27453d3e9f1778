"""Names of retrieved files below their folder: those of the store, with its folders or without, or by a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bunter.butler.data_ids import DataIds
from bunter.butler.queries import Queries
from bunter.butler.template_fields import TemplateFields
from bunter.datastore import Template
from bunter.datastore.key import is_direct
from bunter.datastore.members import is_member, member_name
from bunter.datastore.template_checks import refuse_useless
from bunter.errors import TemplateError
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.butler.transfers.parcel import Batch
    from bunter.dataset import DatasetColumns, DatasetRef, DatasetType, StoredArtifact

__all__ = ["FileNaming", "NamesByTemplate", "OwnNames"]


class FileNaming(Protocol):
    """Names files; the same artifact of the same dataset gets the same name each time."""

    def names(self, batch: Batch, stored: Sequence[StoredArtifact]) -> list[str]:
        """Return the name of each artifact of a batch."""


class OwnNames:
    """Names as they are in the store.

    Parameters
    ----------
    preserve_path : bool
        Whether with their folders, where the store has made them.
    """

    def __init__(self, *, preserve_path: bool) -> None:
        self._preserve = preserve_path

    def names(self, batch: Batch, stored: Sequence[StoredArtifact]) -> list[str]:
        """See `FileNaming`."""
        del batch
        keys = map(_key, stored)
        return [key if self._preserve and not is_direct(key) else key.rpartition("/")[2] for key in keys]


class NamesByTemplate:
    """Names by a template; without the marks that make names in a store unique.

    Parameters
    ----------
    text : str
        Path below the folder, with fields as in `bunter.datastore.Template`.
    session : Session
        The repository.

    Raises
    ------
    TemplateError
        If it leads out of the folder.
    """

    def __init__(self, text: str, session: Session) -> None:
        if text.startswith("/") or ".." in text:
            raise TemplateError(f"template {text!r} must be a path below the destination, without '..'")
        self._template = Template(f"{{run}}/{text}")
        self._session = session
        self._nonce = new_nonce()
        self._checked: set[DatasetType] = set()

    def names(self, batch: Batch, stored: Sequence[StoredArtifact]) -> list[str]:
        """See `FileNaming`."""
        known: dict[bytes, tuple[DatasetRef, Mapping[str, object]]] = {}
        for columns in batch.columns:
            if columns.dataset_type not in self._checked:
                refuse_useless(self._template, columns.dataset_type)
                self._checked.add(columns.dataset_type)
            refs = list(columns.refs())
            known |= zip(columns.ids, zip(refs, self._looked_up(columns, refs), strict=True), strict=True)
        return [self._name(*known[item.dataset_id], item) for item in stored]

    def _looked_up(self, columns: DatasetColumns, refs: Sequence[DatasetRef]) -> list[dict[str, object]]:
        """Look up what names need beside the data IDs; records are kept no longer than for a batch."""
        if not (sought := self._template.sought):
            return [{} for _ in refs]
        fields = TemplateFields(Queries(self._session, DataIds(self._session)))
        return fields.of_many(sought, columns.dataset_type.dimensions, [ref.data_id.mapping for ref in refs])

    def _name(self, ref: DatasetRef, more: Mapping[str, object], stored: StoredArtifact) -> str:
        shown = "_".join(map(str, ref.data_id.required_values))
        values = {
            **ref.data_id.mapping,
            **more,
            "run": ref.run,
            "dataset_type": ref.dataset_type.name,
            "data_id": shown or None,
            "id": str(ref.id),
            "component": stored.component or None,
        }
        stem, dot, suffix = _key(stored).rpartition("/")[2].partition(".")
        key = self._template.key(values, self._nonce, f"{dot}{suffix}" if stem else "")
        return key.partition("/")[2].replace(f"-{self._nonce}", "")


def _key(stored: StoredArtifact) -> str:
    return member_name(stored) if is_member(stored) else stored.key

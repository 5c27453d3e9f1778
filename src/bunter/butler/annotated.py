"""The part of the butler's face that is about what is kept beside datasets: headers, metadata, origin, activities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.butler.activities import performed
from bunter.butler.annotations import Annotations, field_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from astropy.table import Table

    from bunter.butler.annotations import ActivityRecord, Origin
    from bunter.butler.session import Session
    from bunter.dataset import DatasetRef
    from bunter.dataset.activity import Activity
    from bunter.dataset.annotations import IndexedField

__all__ = ["AnnotatedButler"]


class AnnotatedButler:
    """What `bunter.Butler` offers about headers, user metadata, origins and activities."""

    _session: Session

    @property
    def _annotations(self) -> Annotations:
        return Annotations(self._session)

    def headers(self, refs: Iterable[DatasetRef], cards: Sequence[str]) -> Table:
        """Return chosen header cards of many datasets as a table, from the stored headers, without opening files.

        Parameters
        ----------
        refs : iterable of DatasetRef
            Datasets, such as the results of a query; all of the same dimensions.
        cards : sequence of str
            Names of cards, such as ``"AIRMASS"`` or ``"ESO TEL AIRM START"``.

        Returns
        -------
        Table
            Data-ID values, then one column per card; masked where a dataset has no such card.
        """
        return self._annotations.headers(refs, [cards] if isinstance(cards, str) else cards)

    def set_metadata(
        self,
        refs: DatasetRef | Iterable[DatasetRef],
        metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        replace: bool = False,
    ) -> None:
        """Give datasets metadata of your own, to be asked for as ``raw.metadata.quality.flag``.

        Parameters
        ----------
        refs : DatasetRef or iterable of DatasetRef
            The datasets.
        metadata : mapping, or sequence of mapping
            For all of them, or for each. Keys replace those that are there, mappings are merged, None takes a key away.
        replace : bool
            Whether it takes the place of all that is there.

        Raises
        ------
        MetadataError
            If a key or value is nothing that JSON can keep; nothing has changed.
        DatasetNotFoundError
            If a dataset is not registered; nothing has changed.
        """
        self._annotations.set_metadata(refs, metadata, replace=replace)

    def metadata(self, ref: DatasetRef) -> dict[str, Any]:
        """Return the metadata that users gave a dataset, empty if there is none."""
        return self._annotations.metadata([ref])[0]

    def metadata_many(self, refs: Sequence[DatasetRef]) -> list[dict[str, Any]]:
        """Return the metadata of each dataset, in bulk."""
        return self._annotations.metadata(refs)

    def metadata_history(self, ref: DatasetRef) -> list[dict[str, Any]]:
        """Return all metadata that a dataset has had: ``document``, ``change``, ``time`` (ns TAI), ``user``, ``retired``."""
        return self._annotations.metadata_history(ref)

    def origin(self, ref: DatasetRef) -> Origin:
        """Return who registered a dataset, when, where, with which code, and from which file.

        Raises
        ------
        DatasetNotFoundError
            If it is not registered.
        """
        return self._annotations.origins([ref])[0]

    def origins(self, refs: Sequence[DatasetRef]) -> list[Origin]:
        """Return where datasets come from, in bulk."""
        return self._annotations.origins(refs)

    def activity(
        self, label: str, *, kind: str = "work", key: str = "", **facts: Any
    ) -> AbstractContextManager[Activity]:
        """Let what this thread writes in the block belong to an activity of this name.

        Parameters
        ----------
        label : str
            Its name, such as ``"reduce night 3"``.
        kind : str
            A word: "work" by default.
        key : str, optional
            What tells it from all others; the same key again goes on with the same activity, also in another process.
        **facts
            What else is worth knowing: text, numbers, lists, mappings.
        """
        return performed(self._session, label, kind=kind, facts=facts, key=key)

    def within_activity(
        self, label: str, *, kind: str = "work", key: str = "", **facts: Any
    ) -> AbstractContextManager[Activity]:
        """Like `activity`, where this thread has none open; no end is noted, it is that of the last change."""
        return performed(self._session, label, kind=kind, facts=facts, key=key, only_outermost=True)

    def activities(self, **filters: Any) -> list[ActivityRecord]:
        """Return what was done, the newest first.

        Parameters
        ----------
        **filters
            ``numbers``, ``kinds`` (tuples); ``label``, ``user``, ``host``, ``command`` (patterns with ``*`` and ``?``);
            ``after``, ``before`` (ns TAI); ``limit``.
        """
        return self._annotations.activities(**filters)

    def index_metadata(self, name: str) -> IndexedField:
        """Index a header card or metadata, such as ``raw.header.AIRMASS``, so that questions about it are fast.

        No change if it is indexed; return the field.
        """
        field = field_named(name)
        self._annotations.index(field)
        return field

    def drop_metadata_index(self, name: str) -> None:
        """Drop such an index; MissingIndexError if there is none."""
        self._annotations.drop_index(field_named(name))

    def metadata_indexes(self) -> list[tuple[IndexedField, int]]:
        """Return what is indexed, and how many datasets have a value in each."""
        return self._annotations.indexes()

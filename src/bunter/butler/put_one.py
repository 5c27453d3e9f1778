"""One object put by the names of its type and run: by the facts as they were seen last, if the commit finds them so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.butler.publishing import new_refs
from bunter.butler.question import dataset_type_of
from bunter.dataset import DatasetType
from bunter.errors import ButlerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.butler.data_ids import DataIds
    from bunter.butler.notes import Notes
    from bunter.butler.publishing import Publishing
    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.session import Session
    from bunter.dataset import DatasetRef
    from bunter.dataset.id_mode import IdMode
    from bunter.dimensions import DataCoordinate

__all__ = ["PutOne"]


class PutOne:
    """Puts one object, without asking first whether collections and dataset types are still as they were.

    The transaction that registers the dataset compares the number of their state, which it has to read anyway. Where that
    grew meanwhile, and where anything else was wrong by then, the same is done again by facts that are new.

    Parameters
    ----------
    session : Session
        The repository and the defaults.
    data_ids : DataIds
        Resolves data IDs.
    publishing : Publishing
        Stores the object.
    """

    def __init__(self, session: Session, data_ids: DataIds, publishing: Publishing) -> None:
        self._session, self._data_ids, self._publishing = session, data_ids, publishing

    def __call__(
        self,
        obj: Any,
        dataset_type: str | DatasetType,
        data_id: Mapping[str, object] | DataCoordinate | None,
        key: Mapping[str, object],
        *,
        run: str | None,
        notes: Notes | None,
        id_mode: IdMode,
    ) -> DatasetRef:
        """Store an object and return its ref; see `Butler.put`."""

        def ref(facts: RepositoryFacts) -> DatasetRef:
            kind = dataset_type if isinstance(dataset_type, DatasetType) else dataset_type_of(facts, dataset_type)
            coordinate = self._data_ids.standardize(data_id, kind.dimensions, **key)
            return new_refs(kind, [coordinate], self._publishing.run(run, facts), id_mode)[0]

        seen = self._session.facts_seen
        if seen is not None:
            try:
                return self._publishing.put(obj, ref(seen), notes, generation=seen.generation)
            except ButlerError:
                if self._session.facts.generation == seen.generation:
                    raise
        return self._publishing.put(obj, ref(self._session.facts), notes)

"""Collections and dataset types of a repository, as a user handles them."""

from __future__ import annotations

from fnmatch import filter as filter_names
from typing import TYPE_CHECKING, Any, overload

from bunter.butler.chosen_ids import chosen_ids
from bunter.butler.question import dataset_type_of
from bunter.butler.search import collections_of
from bunter.dataset import CollectionType, DatasetType, is_glob
from bunter.dataset.changes import (
    Associate,
    Certify,
    Decertify,
    Disassociate,
    EditChain,
    RegisterCollection,
    RemoveCollection,
    RenameCollection,
    SetChain,
    SetCollectionDoc,
)
from bunter.errors import CollectionTypeError, MissingCollectionError, near

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.butler.summaries import CollectionEvent, CollectionSummary
    from bunter.dataset import CollectionInfo, DatasetRef
    from bunter.registry import CollectionCatalog
    from bunter.values import Timespan
    from bunter.values.packed_ids import PackedIds

__all__ = ["Collections"]


def _type_of(kind: CollectionType | str) -> CollectionType:
    return _collection_type(kind) if isinstance(kind, str) else kind


def _collection_type(name: str) -> CollectionType:
    try:
        return CollectionType[name.upper()]
    except KeyError:
        known = [kind.name for kind in CollectionType]
        hint = near(name, known) or f"; there are {', '.join(known)}"
        raise CollectionTypeError(f"there is no collection type {name!r}{hint}") from None


class Collections:
    """RUN, TAGGED, CHAINED and CALIBRATION collections.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, name: str, type: CollectionType | str = CollectionType.RUN, doc: str | None = None) -> bool:  # noqa: A002 - the field's word
        """Make a collection if it is not there; say whether it was made."""
        kind = _type_of(type)
        catalog = self._session.facts.collections
        new = name not in catalog
        if new or catalog.info(name).type is not kind:
            self._session.commit([RegisterCollection(name, kind, doc or "")])
        return new

    def info(self, name: str) -> CollectionInfo:
        """Return type, documentation, children and parents of a collection."""
        return self._session.facts.collections.info(name)

    @property
    def defaults(self) -> tuple[str, ...]:
        """Collections that are searched where a call names none; if there are none, all are, the newest first."""
        return self._session.defaults.collections

    def query(
        self,
        pattern: str | Iterable[str] = "*",
        *,
        types: Iterable[CollectionType | str] | None = None,
        flatten_chains: bool = False,
        include_chains: bool | None = None,
    ) -> list[str]:
        """Return names of collections.

        Parameters
        ----------
        pattern : str or iterable of str
            Names and globs (``*``, ``?``, ``[...]``).
        types : iterable of CollectionType or str, optional
            Only collections of these types.
        flatten_chains : bool
            Return what is searched, in search order: chains replaced by their members.
        include_chains : bool, optional
            Whether chains themselves are among the names; by default unless they are flattened.

        Returns
        -------
        list of str
            Sorted by name, unless flattened; names that do not exist are left out, unless flattened.
        """
        catalog = self._session.facts.collections
        wanted = {_type_of(kind) for kind in types} if types is not None else set(CollectionType)
        if flatten_chains:
            names: Sequence[str] = (
                catalog.reached(collections_of(pattern)) if include_chains else catalog.flatten(collections_of(pattern))
            )
        else:
            names = sorted({name for glob in collections_of(pattern) for name in catalog.match(glob)})
        left_out = {CollectionType.CHAINED} if include_chains is False else set()
        return [name for name in names if catalog.row(name).type in wanted - left_out]

    def query_info(self, pattern: str | Iterable[str] = "*", **options: Any) -> list[CollectionInfo]:
        """Return what is known of collections; options are those of `query`."""
        catalog = self._session.facts.collections
        return [catalog.info(name) for name in self.query(pattern, **options)]

    @overload
    def summary(self, name: str, *, sizes: bool = True) -> CollectionSummary: ...  # type: ignore[overload-overlap]

    @overload
    def summary(self, name: Iterable[str], *, sizes: bool = True) -> dict[str, CollectionSummary]: ...

    def summary(
        self, name: str | Iterable[str], *, sizes: bool = True
    ) -> CollectionSummary | dict[str, CollectionSummary]:
        """Count what a collection holds: exact numbers of datasets and bytes by type, and values of governor dimensions.

        Parameters
        ----------
        name : str or iterable of str
            A collection; or several, or globs in a list, for a dictionary by name. Chains are flattened, and each dataset
            in one counts once.
        sizes : bool
            Whether to add up bytes as well.
        """
        from bunter.butler.summaries import summarize

        if isinstance(name, str):
            return summarize(self._session, [name], sizes=sizes)[0]
        found = summarize(self._session, self._expanded(name), sizes=sizes)
        return {each.name: each for each in found}

    def history(self, name: str) -> list[CollectionEvent]:
        """Return what became of a collection, oldest first: also of one that was renamed or removed."""
        from bunter.butler.summaries import history_of

        return history_of(self._session, name)

    def set_doc(self, name: str, doc: str) -> None:
        """Say what a collection is for."""
        self._session.commit([SetCollectionDoc(name, doc)])

    def rename(self, name: str, new_name: str) -> None:
        """Give a collection another name; it stays in its chains, and files of its datasets keep their names.

        Raises
        ------
        ConflictingDefinitionError
            If the new name is taken or not allowed.
        """
        self._session.commit([RenameCollection(name, new_name)])

    def _expanded(self, names: str | Iterable[str]) -> tuple[str, ...]:
        """Replace globs by what they match.

        Raises
        ------
        MissingCollectionError
            If a glob matches nothing.
        """
        catalog = self._session.facts.collections
        return tuple(dict.fromkeys(name for pattern in collections_of(names) for name in self._meant(pattern, catalog)))

    def expand(self, pattern: str) -> tuple[str, ...]:
        """Return the collections that a name or glob means, sorted.

        Raises
        ------
        MissingCollectionError
            If there are none.
        """
        return self._meant(pattern, self._session.facts.collections)

    def _meant(self, pattern: str, catalog: CollectionCatalog) -> tuple[str, ...]:
        if not is_glob(pattern):
            return (self._made(pattern) or catalog.row(pattern).name,)
        if not (matched := catalog.match(pattern)):
            raise MissingCollectionError(
                f"no collection matches {pattern!r}; `bunter query-collections REPO` lists all"
            )
        return matched

    def _made(self, name: str) -> str | None:
        """Return the name if the open unit of work makes such a collection."""
        unit = self._session.unit
        changes = () if unit is None else unit.changes
        return next((c.name for c in changes if isinstance(c, RegisterCollection) and c.name == name), None)

    def redefine_chain(self, name: str, children: str | Iterable[str]) -> None:
        """Set the members of a chain, in search order; the chain is made if it is not there."""
        new = name not in self._session.facts.collections
        made = [RegisterCollection(name, CollectionType.CHAINED, "")] if new else []
        self._session.commit([*made, SetChain(name, self._expanded(children))])

    def prepend_chain(self, name: str, children: str | Iterable[str]) -> None:
        """Put collections in front of a chain; those that are in it move."""
        self._session.commit([EditChain(name, self._expanded(children), "prepend")])

    def extend_chain(self, name: str, children: str | Iterable[str]) -> None:
        """Put collections at the end of a chain; those that are in it move."""
        self._session.commit([EditChain(name, self._expanded(children), "extend")])

    def remove_from_chain(self, name: str, children: str | Iterable[str]) -> None:
        """Take collections out of a chain; one that is not in it is an error."""
        catalog = self._session.facts.collections
        members = catalog.row(name).children if name in catalog else ()
        taken = [
            one
            for glob in collections_of(children)
            for one in (filter_names(members, glob) if is_glob(glob) else (glob,))
        ]
        self._session.commit([EditChain(name, tuple(taken), "remove")])

    def associate(self, name: str, refs: Iterable[DatasetRef] | PackedIds) -> None:
        """Put datasets into a TAGGED collection."""
        self._session.commit([Associate(name, chosen_ids(refs))])

    def disassociate(self, name: str, refs: Iterable[DatasetRef] | PackedIds) -> None:
        """Take datasets out of a TAGGED collection; one that is not in it is no error."""
        self._session.commit([Disassociate(name, chosen_ids(refs))])

    def certify(self, name: str, refs: Iterable[DatasetRef] | PackedIds, timespan: Timespan) -> None:
        """Give calibrations a validity range in a CALIBRATION collection; overlaps are refused."""
        self._session.commit([Certify(name, chosen_ids(refs), timespan)])

    def decertify(
        self,
        name: str,
        dataset_type: DatasetType | str,
        timespan: Timespan,
        data_ids: Iterable[Mapping[str, object]] | None = None,
    ) -> None:
        """Take a range of time out of the validity of calibrations; ranges are cut or split."""
        kind = dataset_type_of(
            self._session.facts, dataset_type if isinstance(dataset_type, str) else dataset_type.name
        )
        from bunter.dimensions import DataCoordinate

        rows = (
            None
            if data_ids is None
            else [DataCoordinate.standardize(d, group=kind.dimensions).required_values for d in data_ids]
        )
        self._session.commit([Decertify(name, kind.name, timespan, rows)])

    def remove(self, name: str, *, unlink_from_chains: bool = False) -> None:
        """Remove a collection that holds no datasets of its own; an empty RUN may go too."""
        self._session.commit([RemoveCollection(name, unlink_from_chains=unlink_from_chains)])

    def __repr__(self) -> str:
        infos = [self.info(name) for name in self.query()]
        lines = [f"  {i.name} ({i.type.name}{': ' + ', '.join(i.children) if i.children else ''})" for i in infos]
        return "\n".join([f"{len(infos)} collections", *lines])

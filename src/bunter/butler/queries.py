"""Questions to the repository: names resolved, collections flattened, defaults applied, one query path."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bunter.butler.data_ids import check_keys
from bunter.butler.question import Question, dataset_type_of
from bunter.butler.results import DataIdResults, DatasetResults, JoinedResults, RecordResults
from bunter.butler.search import Search, Searched, check_comparable, collections_of
from bunter.dataset import CollectionType, DatasetType
from bunter.dataset.inquiries import Certifications
from bunter.errors import MissingDatasetTypeError, near
from bunter.query.expression import Order, Term

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from bunter.butler.data_ids import DataIds
    from bunter.butler.question import QueryKind
    from bunter.butler.reasons import Explanation
    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.search import Names
    from bunter.butler.session import Session
    from bunter.dimensions import DimensionGroup, Element, Universe
    from bunter.registry import ResultStream

__all__ = ["Queries"]

_WILD = frozenset("*?[")
_OPTIONS = (
    "where", "bind", "order_by", "limit", "offset", "data_id", "collections", "find_first", "datasets", "data_ids",
    "with_dimension_records",
)  # fmt: skip


class Queries:
    """What can be asked of a repository.

    Parameters
    ----------
    session : Session
        The repository and the defaults.
    data_ids : DataIds
        Resolves what users write for data IDs.
    """

    def __init__(self, session: Session, data_ids: DataIds) -> None:
        self._session = session
        self._data_ids = data_ids

    def dataset_type(self, name: str | DatasetType, facts: RepositoryFacts | None = None) -> DatasetType:
        """Return a registered dataset type by name; a dataset type is returned as it is."""
        return name if isinstance(name, DatasetType) else dataset_type_of(facts or self._session.facts, name)

    def collections(self, names: Names, facts: RepositoryFacts | None = None) -> tuple[str, ...]:
        """Flatten collections to search: names, chains and globs; the defaults for None.

        Where there are no defaults either, every collection is searched, the newest first.
        """
        catalog = (facts or self._session.facts).collections
        chosen = self._session.defaults.collections if names is None else collections_of(names)
        if not chosen and names is None:
            return catalog.newest_first()
        return catalog.flatten(chosen)

    def search(
        self,
        what: str | DatasetType | Search,
        collections: Names,
        *,
        find_first: bool | None = True,
        facts: RepositoryFacts | None = None,
    ) -> Searched:
        """Look up the dataset type and the collections of a search.

        Of collections that nobody chose, only those count for a calibration that say when it is valid, if there are any.
        """
        facts = facts or self._session.facts
        search = what if isinstance(what, Search) else Search(what)
        kind = self.dataset_type(search.dataset_type, facts)
        names = collections if search.collections is None else search.collections
        given = collections_of(names)
        first = not any(_WILD & set(name) for name in given) if find_first is None else find_first and search.find_first
        flat = self.collections(given or None, facts)
        if kind.is_calibration and not given and not self._session.defaults.collections and isinstance(what, Search):
            certified = tuple(name for name in flat if facts.collections.row(name).type is CollectionType.CALIBRATION)
            flat = certified or flat
        return Searched(kind, flat, first, search.name, "left" if search.optional else "inner")

    def datasets(
        self,
        dataset_type: str | DatasetType,
        collections: Names = None,
        *,
        find_first: bool | None = None,
        data_id: Mapping[str, object] | None = None,
        **more: Any,
    ) -> DatasetResults:
        """Ask for the datasets of one type."""
        facts = self._session.facts
        kind = self.dataset_type(dataset_type, facts)
        given, extra = self._split(more)
        question = Question(
            "datasets",
            kind,
            (self.search(kind, collections, find_first=find_first, facts=facts),),
            data_id=self._values(data_id, extra, facts),
            **given,
        )
        return DatasetResults(self, question)

    def data_ids(
        self,
        dimensions: str | Iterable[str],
        *,
        datasets: str | Search | Sequence[str | Search] = (),
        collections: Names = None,
        data_id: Mapping[str, object] | None = None,
        **more: Any,
    ) -> DataIdResults:
        """Ask for data IDs, optionally those for which datasets exist."""
        group = self.group(dimensions)
        names = (datasets,) if isinstance(datasets, str | Search) else datasets
        # Any dataset will do: a condition on its fields picks among all that are found, not only among the first.
        searches = tuple(self.search(name, collections, find_first=isinstance(name, Search)) for name in names)
        given, extra = self._split(more)
        return DataIdResults(self, Question("data_ids", group, searches, data_id=self._values(data_id, extra), **given))

    def records(self, element: str, *, data_id: Mapping[str, object] | None = None, **more: Any) -> RecordResults:
        """Ask for the records of a dimension element."""
        given, extra = self._split(more)
        question = Question(
            "records", self._session.facts.universe[element], data_id=self._values(data_id, extra), **given
        )
        return RecordResults(self, question)

    def joined(
        self,
        dataset_types: Sequence[str | DatasetType | Search],
        collections: Names = None,
        *,
        data_id: Mapping[str, object] | None = None,
        **more: Any,
    ) -> JoinedResults:
        """Ask for rows with one dataset of each type, joined by their data IDs."""
        wanted = [each if isinstance(each, Search) else Search(each) for each in dataset_types]
        searches = tuple(self.search(each, collections) for each in wanted)
        group = self._session.facts.universe.conform(
            {name for search in searches for name in search.dataset_type.dimensions.names}
        )
        given, extra = self._split(more)
        return JoinedResults(self, Question("joined", group, searches, data_id=self._values(data_id, extra), **given))

    def missing(
        self,
        dataset_type: str | DatasetType | Search,
        of: str | DatasetType | Search | Iterable[str],
        collections: Names = None,
        *,
        data_id: Mapping[str, object] | None = None,
        **more: Any,
    ) -> DatasetResults | DataIdResults:
        """Ask for datasets, or data IDs, that have no dataset of a type."""
        facts = self._session.facts
        absent = dataset_type if isinstance(dataset_type, Search) else Search(dataset_type)
        absent = replace(absent, name=absent.name or "missing", find_first=False)
        without = replace(self.search(absent, collections, facts=facts), join="anti")
        given, extra = self._split(more)
        values = self._values(data_id, extra, facts)
        if isinstance(of, Search | DatasetType) or (isinstance(of, str) and of not in facts.universe):
            if isinstance(of, str):
                _check_known(of, facts)
            there = self.search(of if isinstance(of, Search) else Search(of), collections, facts=facts)
            check_comparable(without.dataset_type, there.dataset_type.dimensions)
            searches = (there, without)
            return DatasetResults(self, Question("datasets", there.dataset_type, searches, data_id=values, **given))
        group = facts.universe.conform((of,) if isinstance(of, str) else of)
        check_comparable(without.dataset_type, group)
        return DataIdResults(self, Question("data_ids", group, (without,), data_id=values, **given))

    def associations(
        self,
        dataset_type: str | DatasetType,
        collections: Names = None,
        *,
        history: bool = False,
    ) -> pa.Table:
        """Return the memberships of a dataset type in collections, with validity ranges, or the history of these."""
        kind = self.dataset_type(dataset_type)
        if history:
            inquiry = Certifications(kind.name, self.collections(collections))
            return self._session.repository.answer(self._session.principal, inquiry)
        return self._session.repository.associations(self._session.principal, kind, self.collections(collections))

    @property
    def universe(self) -> Universe:
        """The repository's dimensions."""
        return self._session.facts.universe

    def group(self, dimensions: str | Iterable[str]) -> DimensionGroup:
        """Return a group of dimensions, one or several."""
        return self.universe.conform((dimensions,) if isinstance(dimensions, str) else dimensions)

    def element(self, name: str) -> Element:
        """Return an element by its name."""
        return self.universe[name]

    def question(
        self,
        kind: QueryKind,
        result: DimensionGroup | Element | DatasetType,
        *,
        data_id: Mapping[str, object],
        **parts: Any,
    ) -> Question:
        """Return a question whose data ID has been checked."""
        return Question(kind, result, data_id=self._values(None, data_id), **parts)

    def _split(self, more: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Part the options of a query from keyword data-ID values."""
        given, extra = _split(more)
        if (table := extra.pop("data_ids", None)) is not None:
            from bunter.butler.given_data_ids import given_data_ids

            given["table"], given["beside"] = given_data_ids(table, self.universe)
        return given, extra

    def _values(
        self, data_id: Mapping[str, object] | None, more: Mapping[str, object], facts: RepositoryFacts | None = None
    ) -> dict[str, object]:
        check_keys((facts or self._session.facts).universe, more, _OPTIONS)
        return {**(data_id or {}), **more}

    def stream(self, question: Question) -> ResultStream:
        """Bind a question and return its rows."""
        facts = self._session.facts
        return self._session.ask(question, self._data_ids.defaults(facts), facts)

    def explain(self, question: Question) -> Explanation:
        """Say which constraints empty the result, and what is near."""
        from bunter.butler.reasons import explain

        facts = self._session.facts
        return explain(self._session, question, facts, self._data_ids.defaults(facts))


def _check_known(of: str, facts: RepositoryFacts) -> None:
    """Refuse what is neither a dataset type nor a dimension, with the nearest of both."""
    types = [*facts.dataset_types, *facts.dataset_types.aliases]
    if of in facts.dataset_types or of in types:
        return
    hint = near(of, [*types, *facts.universe.dimensions])
    raise MissingDatasetTypeError(
        f"{of!r} is neither a dataset type nor a dimension{hint}; `bunter query-dataset-types REPO` lists the types"
    )


def _split(more: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the options of a query from keyword data-ID values."""
    options = {"where", "order_by", "limit", "offset"}
    given = {name: value for name, value in more.items() if name in options}
    if "with_dimension_records" in more:
        given["with_records"] = bool(more["with_dimension_records"])
    if "bind" in more:
        given["binds"] = more["bind"] or {}
    if isinstance(given.get("order_by"), str | Order | Term):
        given["order_by"] = (given["order_by"],)
    elif "order_by" in given:
        given["order_by"] = tuple(given["order_by"] or ())
    return given, {
        name: value for name, value in more.items() if name not in options | {"bind", "with_dimension_records"}
    }

"""Questions to the repository: names resolved, collections flattened, defaults applied, one query path."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bunter.butler.data_ids import check_keys
from bunter.butler.question import Question, ask, dataset_type_of
from bunter.butler.results import DataIdResults, DatasetResults, JoinedResults, RecordResults
from bunter.dataset import DatasetType
from bunter.dataset.inquiries import Certifications

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from bunter.butler.data_ids import DataIds
    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.session import Session
    from bunter.query.bind import Where
    from bunter.registry import ResultStream

__all__ = ["Queries"]

_WILD = frozenset("*?[")
_OPTIONS = ("where", "bind", "order_by", "limit", "offset", "data_id", "collections", "find_first", "datasets")


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

    def collections(self, names: str | Iterable[str] | None, facts: RepositoryFacts | None = None) -> tuple[str, ...]:
        """Flatten collections to search: names, chains and globs; the defaults for None.

        Where there are no defaults either, every collection is searched, the newest first.
        """
        catalog = (facts or self._session.facts).collections
        chosen = (
            self._session.defaults.collections
            if names is None
            else (names,)
            if isinstance(names, str)
            else tuple(names)
        )
        if not chosen and names is None:
            return catalog.newest_first()
        return catalog.flatten(chosen)

    def _search(
        self,
        dataset_type: DatasetType,
        collections: str | Iterable[str] | None,
        *,
        find_first: bool | None,
        facts: RepositoryFacts | None = None,
    ) -> tuple[DatasetType, tuple[str, ...], bool]:
        given = () if collections is None else (collections,) if isinstance(collections, str) else tuple(collections)
        first = not any(_WILD & set(name) for name in given) if find_first is None else find_first
        return dataset_type, self.collections(given or None, facts), first

    def datasets(
        self,
        dataset_type: str | DatasetType,
        collections: str | Iterable[str] | None = None,
        *,
        find_first: bool | None = None,
        data_id: Mapping[str, object] | None = None,
        **more: Any,
    ) -> DatasetResults:
        """Ask for the datasets of one type."""
        facts = self._session.facts
        kind = self.dataset_type(dataset_type, facts)
        given, extra = _split(more)
        question = Question(
            "datasets",
            kind,
            (self._search(kind, collections, find_first=find_first, facts=facts),),
            data_id=self._values(data_id, extra, facts),
            **given,
        )
        return DatasetResults(self, question)

    def data_ids(
        self,
        dimensions: str | Iterable[str],
        *,
        datasets: str | Sequence[str] = (),
        collections: str | Iterable[str] | None = None,
        data_id: Mapping[str, object] | None = None,
        **more: Any,
    ) -> DataIdResults:
        """Ask for data IDs, optionally those for which datasets exist."""
        group = self._session.facts.universe.conform((dimensions,) if isinstance(dimensions, str) else dimensions)
        names = (datasets,) if isinstance(datasets, str) else datasets
        searches = tuple(self._search(self.dataset_type(name), collections, find_first=True) for name in names)
        given, extra = _split(more)
        return DataIdResults(self, Question("data_ids", group, searches, data_id=self._values(data_id, extra), **given))

    def records(self, element: str, *, data_id: Mapping[str, object] | None = None, **more: Any) -> RecordResults:
        """Ask for the records of a dimension element."""
        given, extra = _split(more)
        question = Question(
            "records", self._session.facts.universe[element], data_id=self._values(data_id, extra), **given
        )
        return RecordResults(self, question)

    def joined(
        self,
        dataset_types: Sequence[str | DatasetType],
        collections: str | Iterable[str] | None = None,
        *,
        data_id: Mapping[str, object] | None = None,
        **more: Any,
    ) -> JoinedResults:
        """Ask for rows with one dataset of each type, joined by their data IDs."""
        kinds = [self.dataset_type(name) for name in dataset_types]
        group = self._session.facts.universe.conform({name for kind in kinds for name in kind.dimensions.names})
        searches = tuple(self._search(kind, collections, find_first=True) for kind in kinds)
        given, extra = _split(more)
        return JoinedResults(self, Question("joined", group, searches, data_id=self._values(data_id, extra), **given))

    def associations(
        self,
        dataset_type: str | DatasetType,
        collections: str | Iterable[str] | None = None,
        *,
        history: bool = False,
    ) -> pa.Table:
        """Return the memberships of a dataset type in collections, with validity ranges, or the history of these."""
        kind = self.dataset_type(dataset_type)
        if history:
            inquiry = Certifications(kind.name, self.collections(collections))
            return self._session.repository.answer(self._session.principal, inquiry)
        return self._session.repository.associations(self._session.principal, kind, self.collections(collections))

    def _values(
        self, data_id: Mapping[str, object] | None, more: Mapping[str, object], facts: RepositoryFacts | None = None
    ) -> dict[str, object]:
        check_keys((facts or self._session.facts).universe, more, _OPTIONS)
        return {**(data_id or {}), **more}

    def stream(self, question: Question) -> ResultStream:
        """Bind a question and return its rows."""
        facts = self._session.facts
        return ask(self._session, question, self._data_ids.defaults(facts), facts)

    def explain(self, question: Question) -> str:
        """Drop one constraint at a time and say which one empties the result."""
        count = self.stream(replace(question, limit=None)).count()
        if count:
            return f"the query has {count} results"
        for name, freer in self._freer(question):
            if freed := self.stream(freer).count():
                return f"no results because of {name}; without it there are {freed}"
        if not question.searches and not _conjuncts(question.where) and not question.data_id:
            return f"no results: nothing of {question.result} is registered"
        searched = [f"{kind.name!r} in {', '.join(names) or 'no collection'}" for kind, names, _ in question.searches]
        return f"no results, and none without any single constraint{'; searched ' + '; '.join(searched) if searched else ''}"

    def _freer(self, question: Question) -> Iterable[tuple[str, Question]]:
        question = replace(question, limit=None, offset=0, order_by=())
        for part, rest in _conjuncts(question.where):
            yield f"`{part}`", replace(question, where=rest)
        for key, value in question.data_id.items():
            yield f"{key}={value!r}", replace(question, data_id={k: v for k, v in question.data_id.items() if k != key})
        if question.kind == "data_ids":
            for search in question.searches:
                rest_of = tuple(s for s in question.searches if s is not search)
                yield f"dataset {search[0].name!r}", replace(question, searches=rest_of)


def _conjuncts(where: Where) -> list[tuple[str, str]]:
    """Split a condition at its top AND; each part with the rest of the text."""
    from bunter.query import split_conjuncts

    parts = split_conjuncts(where)
    return [
        (part, " AND ".join(f"({p})" for n, p in enumerate(parts) if n != place)) for place, part in enumerate(parts)
    ]


def _split(more: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the options of a query from keyword data-ID values."""
    options = {"where", "order_by", "limit", "offset"}
    given = {name: value for name, value in more.items() if name in options}
    if "bind" in more:
        given["binds"] = more["bind"] or {}
    if isinstance(given.get("order_by"), str):
        given["order_by"] = (given["order_by"],)
    elif "order_by" in given:
        given["order_by"] = tuple(given["order_by"] or ())
    return given, {name: value for name, value in more.items() if name not in options | {"bind"}}

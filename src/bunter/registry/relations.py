"""Relations that a query joins, and the catalog that knows where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bunter.database import Dialect
    from bunter.dataset import DatasetSearch
    from bunter.dimensions import DimensionGroup, Element
    from bunter.query.bound import HeaderColumn

__all__ = ["Binding", "Catalog", "Relation", "SearchRequest", "balanced", "quoted", "selected"]


@dataclass(frozen=True, slots=True)
class Relation:
    """One entry of a FROM clause.

    Parameters
    ----------
    source : str
        What stands in FROM, with its alias.
    keys : dict of str to str
        SQL of each dimension that it has a value for.
    columns : dict of str to str
        SQL of further columns; a timespan is two of them.
    conditions : tuple of str
        What must hold besides equal keys.
    unique : bool
        Whether no two rows agree on all keys.
    timed : bool
        Whether rows hold for a time only: to be looked up last, when keys and time are known.
    ranked : bool
        Whether there may be rows of several collections, of which only those of the first count (column ``rank``).
    others : tuple of str
        Further sources, with the same alias and columns: the rows of all make up the relation. A statement is repeated
        for each of them, as an index of a table is of no use behind a UNION.
    leading : bool
        Whether it is to be read before all others, as it leaves few rows.
    runs : tuple of int
        Numbers of the runs that it is read from, in the order of search; empty if it is read from anything else.
    clustered : tuple of str
        The keys, in the order in which rows of a run or collection lie; empty if there is no such order.
    """

    source: str
    keys: dict[str, str]
    columns: dict[str, str] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    unique: bool = True
    timed: bool = False
    ranked: bool = False
    others: tuple[str, ...] = ()
    leading: bool = False
    runs: tuple[int, ...] = ()
    clustered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What a query needs of a dataset search.

    Parameters
    ----------
    search : DatasetSearch
        Type and collections.
    find_first : bool
        Whether only the dataset of the first collection counts; not needed where it is only asked whether there is one.
    early : callable
        Returns conditions on the search's own required dimensions, given SQL for each of these, to be applied before
        the first is chosen.
    before_last : bool
        Whether to leave out the last collection: nothing in it can come before anything else.
    ordered : bool
        Whether a few rows are wanted in the order of their keys, so that none but these should be read.
    """

    search: DatasetSearch
    find_first: bool
    early: Callable[[Mapping[str, str]], Sequence[str]]
    before_last: bool = False
    ordered: bool = False


class Catalog(Protocol):
    """Where the rows of elements and datasets are. All that SQL translation knows of a schema."""

    @property
    def dialect(self) -> Dialect:
        """How SQL is spelt there."""

    def element(self, element: Element, alias: str) -> Relation:
        """Return the records of an element: keys are its required and implied dimensions."""

    def values(self, element: Element, alias: str) -> Relation:
        """Return the values of a dimension that has no records of its own."""

    def dimensions(self, dataset_type: str) -> DimensionGroup:
        """Return the dimensions of a dataset type."""

    def search(self, request: SearchRequest, alias: str) -> Relation:
        """Return the datasets of a search.

        Keys are the type's required dimensions; columns ``id``, ``run``, ``collection`` (as numbers, see `name`),
        ``rank`` (place of the collection), ``ingest_date``, ``timespan_begin`` and ``timespan_end``.
        """

    def annotation(self, column: HeaderColumn, id_: str, binding: Binding) -> str:
        """Return SQL for a header card, or for user metadata, of the dataset whose id SQL is given."""

    def metadata_index(self, dataset_type: str, column: HeaderColumn) -> int | None:
        """Return the number of the index of a card or of metadata, None where there is none."""

    def collection_name(self, number: str) -> str:
        """Return SQL for the name of a collection from SQL for its number."""

    def names(self, numbers: Iterable[int]) -> list[str]:
        """Return names of collections from their numbers."""


class Binding:
    """Values that go into a statement beside its text.

    Parameters
    ----------
    dialect : Dialect
        How the statement is spelt.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.values: dict[str, object] = {}

    def __call__(self, value: object) -> str:
        """Return the placeholder for a value."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return f'"{name}"'


def balanced(terms: Sequence[str], operator: str) -> str:
    """Join terms by AND or OR such that thousands of them do not nest deeply."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return f"({balanced(terms[:middle], operator)} {operator} {balanced(terms[middle:], operator)})"


def selected(column: str, relation: Relation, keys: Mapping[str, str], terms: Sequence[str] = ()) -> str:
    """Return a SELECT of one column of a relation, where its keys have certain values and the terms hold."""
    equal = [f"{relation.keys[name]} = {sql}" for name, sql in keys.items()]
    where = " AND ".join([*equal, *terms]) or "TRUE"
    sources = (relation.source, *relation.others)
    return " UNION ALL ".join(f"SELECT {column} FROM {source} WHERE {where}" for source in sources)

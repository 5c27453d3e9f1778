"""What collections hold, and what became of them, as users see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType
from bunter.dataset.inquiries import CollectionHistory, Summaries
from bunter.values import clock_text, counted, pyarrow, sized

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from bunter.butler.session import Session

__all__ = ["CollectionEvent", "CollectionSummary", "history_of", "summarize"]

_FIXED = ("collection", "dataset_type", "datasets", "bytes")


@dataclass(frozen=True, slots=True)
class CollectionSummary:
    """Exact contents of a collection; of a chain, each dataset in any of its members counts once.

    Parameters
    ----------
    name : str
        The collection.
    type : CollectionType
        What it is.
    members : tuple of str
        What is searched, in order; the collection itself if it is no chain.
    table : pyarrow.Table
        ``dataset_type``, values of the governor dimensions (null where a type does not have them), ``datasets`` and
        ``bytes`` (of the artifacts; null if sizes were not asked for).
    """

    name: str
    type: CollectionType
    members: tuple[str, ...]
    table: pa.Table

    @property
    def dataset_types(self) -> dict[str, int]:
        """Number of datasets of each type, by name."""
        found: dict[str, int] = {}
        for row in self.table.select(["dataset_type", "datasets"]).to_pylist():
            found[row["dataset_type"]] = found.get(row["dataset_type"], 0) + row["datasets"]
        return found

    @property
    def datasets(self) -> int:
        """Number of all datasets."""
        return sum(self.table["datasets"].to_pylist())

    @property
    def bytes(self) -> int:
        """Bytes of all artifacts; one that datasets of several types share counts for each of these."""
        return sum(size or 0 for size in self.table["bytes"].to_pylist())

    @property
    def governors(self) -> dict[str, tuple[str, ...]]:
        """Values of the governor dimensions that datasets have, sorted, by dimension; none where there are none."""
        names = [name for name in self.table.column_names if name not in _FIXED]
        values = {name: sorted(set(self.table[name].to_pylist()) - {None}) for name in names}
        return {name: tuple(found) for name, found in values.items() if found}

    def __repr__(self) -> str:
        said = "; ".join(f"{name} {', '.join(values)}" for name, values in self.governors.items())
        head = f"{self.type.name} {self.name}: {counted(self.datasets, 'dataset')}, {sized(self.bytes)}"
        lines = [f"  {name}: {number}" for name, number in self.dataset_types.items()]
        return "\n".join([f"{head}{f' ({said})' if said else ''}", *lines])


def summarize(session: Session, names: Sequence[str], *, sizes: bool = True) -> list[CollectionSummary]:
    """Return what collections hold: one question for all that are no chains, and one for each chain."""
    catalog = session.facts.collections
    rows = [catalog.row(name) for name in names]
    plain = tuple(row.name for row in rows if row.type is not CollectionType.CHAINED)
    own = _split(_ask(session, Summaries(plain, sizes)) if plain else None, plain)
    found = []
    for row in rows:
        members = catalog.flatten(row.name)
        table = own.get(row.name)
        if table is None:
            table = _ask(session, Summaries(members, sizes, together=True)).drop_columns(["collection"])
        found.append(CollectionSummary(row.name, row.type, members, table))
    return found


def _ask(session: Session, inquiry: Summaries) -> Any:
    return session.repository.answer(session.principal, inquiry)


def _split(table: pa.Table | None, names: Iterable[str]) -> dict[str, pa.Table]:
    if table is None:
        return {}
    places: dict[str, list[int]] = {name: [] for name in names}
    for place, name in enumerate(table["collection"].to_pylist()):
        places[name].append(place)
    rest = table.drop_columns(["collection"])
    pa = pyarrow()
    return {name: rest.take(pa.array(rows, pa.int64())) for name, rows in places.items()}


@dataclass(frozen=True, slots=True)
class CollectionEvent:
    """Something that happened to a collection.

    Parameters
    ----------
    change : int
        In which change.
    time : int, optional
        When, in ns TAI.
    user, host, command : str
        By whom, on which machine, with what; empty where unknown.
    event : str
        "created", "chain" (members were redefined), "members" (datasets went in or out), "doc", "renamed" or "removed".
    text : str
        What it was, in words.
    children : tuple of str, optional
        Members of a chain after it, in search order.
    """

    change: int
    time: int | None
    user: str
    host: str
    command: str
    event: str
    text: str
    children: tuple[str, ...] | None = None

    def __str__(self) -> str:
        when = "" if self.time is None else f"{clock_text(self.time)} UTC "
        who = "@".join(part for part in (self.user, self.host) if part)
        return f"{self.change}: {when}{who} {self.event}: {self.text}"


def history_of(session: Session, name: str) -> list[CollectionEvent]:
    """Return what became of the collections that have, or had, a name; oldest first."""
    rows = session.repository.answer(session.principal, CollectionHistory(name)).to_pylist()
    events = []
    for row in rows:
        children = row.pop("children")
        said: dict[str, Any] = {key: row.pop(key) or "" for key in ("user", "host", "command")}
        events.append(CollectionEvent(**row, **said, children=None if children is None else tuple(children)))
    return events

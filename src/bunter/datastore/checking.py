"""A check, page by page: memory does not grow with what a repository holds, and it can stop and go on another time."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

from bunter import effects
from bunter.datastore.census import Census
from bunter.datastore.check_records import CheckRecords
from bunter.datastore.deep_check import DeepCheck, read_back
from bunter.datastore.findings import CheckReport, Finding, Problem
from bunter.datastore.key import is_direct
from bunter.errors import ReadOnlyError
from bunter.values.instant import now_tai_ns

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from bunter.database import Connection, Database
    from bunter.dataset import StoredArtifact
    from bunter.datastore.datastore import Datastore
    from bunter.datastore.records import ArtifactRecords
    from bunter.datastore.store import ArtifactStore, PublishingStore, Stat

__all__ = ["Checking", "Patrol"]

_PAGE = 8_000
_TOGETHER, _BYTES_TOGETHER = 256, 256 << 20


@dataclass(frozen=True, slots=True)
class Patrol:
    """How much of a repository a check goes through.

    Parameters
    ----------
    incremental : bool
        Whether only artifacts are looked at that no such check has found in order yet; the first one looks at everything. A
        deep one reads those first that were read longest ago, or never.
    time_limit_s : float, optional
        Seconds after which no more is begun; an incremental check goes on there the next time.
    """

    incremental: bool = False
    time_limit_s: float | None = None


@dataclass(slots=True)
class _Recorded:
    """An artifact and the datasets in it."""

    nonce: str
    stored: StoredArtifact
    datasets: list[UUID]

    def finding(self, problem: Problem, detail: str = "") -> Finding:
        return Finding(problem, self.stored.datastore, self.stored.key, detail, tuple(self.datasets))


class Checking:
    """Compares records and stores.

    Writers may be at work: the stores are walked before the records are read, and what seems missing is looked for again.

    Parameters
    ----------
    datastore : Datastore
        The stores.
    records : ArtifactRecords
        The records.
    database : Database
        Where they are.
    patrol : Patrol
        How much is gone through.
    claims : callable, optional
        Tells the keys that unfinished runs have announced, with the name of the run: these are no orphans. Called after
        the stores were walked, as a run announces a key before it publishes it.
    copies_of : callable, optional
        Tells the stores that are to keep copies of each of some datasets.
    """

    def __init__(
        self,
        datastore: Datastore,
        records: ArtifactRecords,
        database: Database,
        *,
        patrol: Patrol,
        claims: Callable[[], Mapping[str, str]] | None = None,
        copies_of: Callable[[Sequence[bytes]], Sequence[Collection[str]]] | None = None,
    ) -> None:
        self._datastore, self._records, self._database = datastore, records, database
        self._patrol, self._claims, self._copies_of = patrol, claims, copies_of
        self._checks = CheckRecords()
        self._children = {child.name: child for child in datastore.chain.children if not child.read_only}
        self._findings: list[Finding] = []
        self._unfinished: Counter[str] = Counter()
        self._artifacts = self._size = self._left = self._read = self._digested = self._undigested = self._away = 0
        limit_s = patrol.time_limit_s
        self._until = None if limit_s is None else effects.monotonic() + limit_s
        if patrol.incremental and database.read_only:
            raise ReadOnlyError(
                "an incremental check writes down what it has looked at; open the repository with writeable=True"
            )

    def report(self, deep: DeepCheck | None) -> CheckReport:
        """Carry it out."""
        with self._database.read() as connection:
            is_whole = not self._patrol.incremental or not self._checks.exist(connection)
        if is_whole:
            staged = self._compare_all()
        else:
            staged = {name: dict(child.store.staged()) for name, child in self._children.items()}
            self._compare_new()
        for name, items in staged.items():
            self._findings += [
                Finding(Problem.UNFINISHED, name, key) for key, is_alive in items.items() if not is_alive
            ]
        self._trash()
        if deep is not None:
            self._read_back(deep)
        if self._patrol.incremental:
            with self._database.write() as transaction:
                self._checks.forget(transaction)
        with self._database.read() as connection:
            kept = sum(removal.artifacts for removal in self._records.kept.removals(connection))
        order = sorted(self._findings, key=lambda finding: (finding.problem, finding.datastore, finding.key))
        return CheckReport(
            self._artifacts,
            self._size,
            self._read,
            tuple(order),
            dict(self._unfinished),
            self._digested,
            kept,
            self._left,
            self._away,
            self._undigested,
        )

    # ------------------------------------------------------------------ existence and size

    def _compare_all(self) -> dict[str, dict[str, bool]]:
        """Compare everything, both ways; return what is staged."""
        found = {name: Census(child.store.walk()) for name, child in self._children.items()}
        staged = {name: dict(child.store.staged()) for name, child in self._children.items()}
        for page in self._pages():
            self._compare(page, found)
        if not self._left:
            for name, census in found.items():
                self._orphans(name, census, staged[name])
        return staged

    def _pages(self) -> Iterator[list[_Recorded]]:
        """Yield all artifacts in the order of their numbers; count those that are left when time is up."""
        last = 0
        while True:
            with self._database.read() as connection:
                if self._is_over():
                    self._left += self._records.count_after(connection, last)
                    return
                end, rows = self._records.page(connection, last, _PAGE)
            if end is None:
                return
            last = end
            yield _together(rows)

    def _compare_new(self) -> None:
        """Look at artifacts that no check has found in order yet."""
        with self._database.read() as connection:
            numbers = self._checks.unseen(connection)
        for page in self._numbered(numbers, _PAGE):
            self._compare(page, {})

    def _numbered(self, numbers: Sequence[int] | array[int], many: int) -> Iterator[list[_Recorded]]:
        for first in range(0, len(numbers), many):
            if self._is_over():
                self._left += len(numbers) - first
                return
            with self._database.read() as connection:
                rows = self._records.numbered(connection, numbers[first : first + many])
            yield _together(rows)  # without the connection: stores may need it, in other threads

    def _is_over(self) -> bool:
        return self._until is not None and effects.monotonic() >= self._until

    def _compare(self, page: list[_Recorded], found: Mapping[str, Census]) -> None:
        self._artifacts += len(page)
        self._size += sum(max(item.stored.size, 0) for item in page)
        keys = [item.stored.key for item in page]
        sizes = {
            name: census.sizes(_known_to(self._children[name].copies, name, page)) for name, census in found.items()
        }
        own = {name: iter(values) for name, values in sizes.items() if not self._children[name].copies}
        copied = {
            name: dict(zip(keys, values, strict=True)) for name, values in sizes.items() if self._children[name].copies
        }
        suspects = []
        for item in page:
            place = item.stored.datastore
            size = copied[place][item.stored.key] if place in copied else next(own[place]) if place in own else -1
            if size < 0 or size != item.stored.size:
                suspects.append(item)
        # Direct artifacts, links whose target counts, those of stores that are only read, and those that came after the walk.
        wrong = {id(item) for item in self._wrong(suspects)}
        if self._copies_of is not None:
            for name in (name for name, child in self._children.items() if child.copies):
                there = copied.get(name, {})
                items = [item for item in page if id(item) not in wrong and there.get(item.stored.key, -1) < 0]
                self._findings += self._uncopied(name, items)
        if self._patrol.incremental:
            with self._database.write() as transaction:
                time_ns = now_tai_ns()
                self._checks.note_seen(transaction, (item.nonce for item in page if id(item) not in wrong), time_ns)

    def _wrong(self, suspects: Sequence[_Recorded]) -> Iterator[_Recorded]:
        for item, stat in zip(suspects, look(self._datastore, [item.stored for item in suspects]), strict=True):
            if stat is None:
                if self._is_recorded(item):
                    self._findings.append(item.finding(Problem.MISSING, self._recorded(item.stored)))
                    yield item
            elif stat.size != item.stored.size >= 0:
                detail = f"{stat.size} bytes where {item.stored.size} were recorded"
                self._findings.append(item.finding(Problem.SIZE, detail))
                yield item

    def _recorded(self, stored: StoredArtifact) -> str:
        """Say what was recorded of an artifact that is nowhere."""
        is_known = is_direct(stored.key) or stored.datastore in self._datastore.stores
        where = "" if is_known else f" in the store {stored.datastore!r}, which is not configured here"
        return f"{stored.size} bytes were recorded{where}"

    def _is_recorded(self, item: _Recorded) -> bool:
        """Tell whether an artifact is recorded still: it may have been removed while we looked."""
        with self._database.read() as connection:
            located = self._records.locate(connection, [item.stored.dataset_id])[0]
        return any(stored.key == item.stored.key for stored in located)

    def _uncopied(self, name: str, items: Sequence[_Recorded]) -> Iterator[Finding]:
        """Find artifacts of ours that a store is to keep copies of, and has not."""
        assert self._copies_of is not None, "asked by the caller"
        ours = [item for item in items if item.stored.owned and item.stored.datastore != name]
        keepers = self._copies_of([item.stored.dataset_id for item in ours])
        wanted = [item for item, names in zip(ours, keepers, strict=True) if name in names]
        stats = self._datastore.stores[name].stat_many([item.stored.key for item in wanted])
        for item, stat in zip(wanted, stats, strict=True):
            if stat is None:
                said = f"it is in {item.stored.datastore} only"
                yield Finding(Problem.UNCOPIED, name, item.stored.key, said, tuple(item.datasets))

    def _orphans(self, name: str, census: Census, staged: Mapping[str, bool]) -> None:
        child = self._children[name]
        strange = [key for key in census.strange(child.store.walk()) if key not in staged]
        places = self._datastore.stores if child.copies else [name]
        orphans = _unrecorded(places, child.store, strange, self._records, self._database)
        claimed = self._claims() if self._claims is not None and orphans else {}
        self._unfinished.update(claimed[key] for key in orphans if key in claimed)
        self._findings += [Finding(Problem.ORPHAN, name, key) for key in orphans if key not in claimed]

    def _trash(self) -> None:
        with self._database.read() as connection:
            for name in self._datastore.stores:
                rows = self._records.trash(connection, name)
                self._findings += [Finding(Problem.TRASH, name, key, f"{size} bytes") for key, size in rows]

    # ------------------------------------------------------------------ content

    def _read_back(self, deep: DeepCheck) -> None:
        """Read artifacts that are not known to be wrong, in the order in which they were read before."""
        with self._database.read() as connection:
            numbers: Sequence[int] | array[int] = self._checks.oldest_first(connection, all_=deep.record)
            self._undigested = 0 if deep.record else self._checks.without_digest(connection)
        if deep.sample < 1 and numbers:
            numbers = random.sample(numbers, max(1, round(deep.sample * len(numbers))))
        wrong = {(finding.datastore, finding.key) for finding in self._findings}
        for some in self._numbered(numbers, _TOGETHER):
            left = [item for item in some if (item.stored.datastore, item.stored.key) not in wrong]
            for items in _portions(left):
                self._read_some(items, deep)

    def _read_some(self, items: Sequence[_Recorded], deep: DeepCheck) -> None:
        readings = read_back([item.stored for item in items], self._datastore.store_of, deep)
        pairs = [(item, reading) for item, reading in zip(items, readings, strict=True) if not reading.is_away]
        self._read += len(pairs)
        self._away += len(readings) - len(pairs)
        self._findings += [item.finding(Problem.DAMAGED, reading.trouble) for item, reading in pairs if reading.trouble]
        new = [(reading.stored, reading.digests) for reading in readings if reading.digests is not None]
        self._digested += len(new)
        sound = [item.nonce for item, reading in pairs if not reading.trouble] if self._patrol.incremental else []
        if not new and not sound:
            return
        with self._database.write() as transaction:
            self._records.note_digests(transaction, new)
            if sound:
                self._checks.note_read(transaction, sound, now_tai_ns())


def _known_to(is_copying: bool, name: str, page: Sequence[_Recorded]) -> list[str]:  # noqa: FBT001 - of one caller
    """Return the keys that may be in a store: all, in one that keeps copies."""
    return [item.stored.key for item in page if is_copying or item.stored.datastore == name]


def _together(rows: Iterable[tuple[int, str, StoredArtifact]]) -> list[_Recorded]:
    """Bring the datasets of each artifact together."""
    found = []
    for _, group in groupby(rows, key=lambda row: row[0]):
        members = list(group)
        found.append(_Recorded(*members[0][1:], [UUID(bytes=stored.dataset_id) for _, _, stored in members]))
    return found


def _portions(items: Sequence[_Recorded]) -> Iterator[list[_Recorded]]:
    """Divide artifacts such that a part is read in bearable time."""
    some: list[_Recorded] = []
    total = 0
    for item in items:
        if some and total + item.stored.size > _BYTES_TOGETHER:
            yield some
            some, total = [], 0
        some.append(item)
        total += max(item.stored.size, 0)
    if some:
        yield some


def look(datastore: Datastore, stored: Sequence[StoredArtifact]) -> list[Stat | None]:
    """Ask for artifacts where they are now, each store once; None also for those of a store that is not configured."""
    answer: list[Stat | None] = [None] * len(stored)
    known = [place for place, item in enumerate(stored) if is_direct(item.key) or item.datastore in datastore.stores]
    groups: dict[int, tuple[ArtifactStore, list[int]]] = {}
    for place, store in zip(known, datastore.stores_of([stored[place] for place in known]), strict=True):
        groups.setdefault(id(store), (store, []))[1].append(place)
    for store, places in groups.values():
        for place, stat in zip(places, store.stat_many([stored[place].key for place in places]), strict=True):
            answer[place] = stat
    return answer


def _unrecorded(
    names: Iterable[str], store: PublishingStore, keys: Sequence[str], records: ArtifactRecords, database: Database
) -> list[str]:
    """Of keys that seemed not to be recorded, those that still are there, unrecorded and nobody's.

    They may have been committed, or removed, since they were seen. Keys are never used twice, so one that is neither
    staged, nor then recorded or in the trash, and then still there, is an orphan.
    """
    if not keys:
        return []
    staged = dict(store.staged())
    with database.read() as connection:
        known = _registered(names, keys, records, connection)
    left = [key for key in keys if key not in staged and key not in known]
    return [key for key, stat in zip(left, store.stat_many(left), strict=True) if stat is not None]


def _registered(
    names: Iterable[str], keys: Sequence[str], records: ArtifactRecords, connection: Connection
) -> set[str]:
    known: set[str] = set()
    for place in names:
        known |= records.registered(connection, keys, place) | {*records.trashed(connection, keys, place)}
        known |= records.kept.registered(connection, keys, place)
    return known

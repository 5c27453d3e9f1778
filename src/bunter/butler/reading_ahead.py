"""Many datasets as objects, in order: what is afar is fetched by several threads ahead of who asks, and little is in memory at a time."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from bunter.datastore.arrived import Arrived
from bunter.datastore.fetching import is_remote
from bunter.datastore.key import is_direct
from bunter.datastore.whole import WholeReading
from bunter.errors import ButlerError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from bunter.butler.lookup import Lookup
    from bunter.butler.session import Session
    from bunter.dataset import DatasetRef, StoredArtifact
    from bunter.datastore import ArtifactStore

__all__ = ["ReadingAhead"]

_THREADS = 16
_LOCATED = 1000
_MEMBERS = 4
_LOTS = 24
_SMALL = 1 << 20
"""Bytes up to which a dataset is fetched by a thread and decoded by who asks: threads that decode would wait for each other."""

_AHEAD = 128 << 20
"""Bytes that are fetched, or being fetched, before they are asked for."""


_NOTHING: Any = object()


@dataclass(frozen=True, slots=True)
class _Lot:
    """Datasets that one thread fetches one after the other; ``store`` is where all of them are, if they are small and afar."""

    refs: Sequence[DatasetRef]
    stored: Sequence[Sequence[StoredArtifact]]
    size: int
    store: ArtifactStore | None
    is_afar: bool


class ReadingAhead:
    """Reads datasets in the order of their refs; see `Butler.get_many`.

    Parameters
    ----------
    session : Session
        The repository.
    lookup : Lookup
        Reads one.
    **how
        ``parameters`` and ``storage_class``, as for `Butler.get`.
    """

    def __init__(self, session: Session, lookup: Lookup, **how: Any) -> None:
        self._session, self._lookup, self._how = session, lookup, how
        self._datastore = session.repository.datastore
        self._ways: dict[tuple[object, ...], WholeReading | None] = {}

    def objects(self, refs: Iterable[DatasetRef]) -> Generator[Any]:
        """Yield the object of each dataset."""
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="bunter-read") as pool:
            try:
                yield from self._as_asked(self._lots(refs), pool)
            finally:
                pool.shutdown(cancel_futures=True)

    def _as_asked(self, lots: Iterable[_Lot], pool: ThreadPoolExecutor) -> Iterator[Any]:
        waiting: deque[tuple[int, Callable[[], Iterable[Any]]]] = deque()
        under_way = 0
        for lot in lots:
            while waiting and (len(waiting) >= _LOTS or under_way + lot.size > _AHEAD):
                size, read = waiting.popleft()
                yield from read()
                under_way -= size
            waiting.append((lot.size, self._begun(lot, pool)))
            under_way += lot.size
        while waiting:
            yield from waiting.popleft()[1]()

    def _begun(self, lot: _Lot, pool: ThreadPoolExecutor) -> Callable[[], Iterable[Any]]:
        """Begin to fetch, and return what gives the objects."""
        if lot.store is not None:
            coming = pool.submit(Arrived, lot.store, [item for stored in lot.stored for item in stored])
            return lambda: self._read(lot, coming.result())
        return pool.submit(lambda: list(self._read(lot))).result if lot.is_afar else partial(self._read, lot)

    def _read(self, lot: _Lot, ahead: Arrived | None = None) -> Iterator[Any]:
        for ref, stored in zip(lot.refs, lot.stored, strict=True):
            here = ahead if ahead is not None and ahead.has(stored) else None
            if here is not None and len(stored) == 1 and not ref.component:
                found = self._whole(ref, stored[0], here)
                if found is not _NOTHING:
                    yield found
                    continue
            yield self._lookup.read(ref, component=ref.component, stored=stored, ahead=here, **self._how)

    def _whole(self, ref: DatasetRef, stored: StoredArtifact, ahead: Arrived) -> Any:
        """Make the object of what has arrived; nothing where that is not all there is to do, or goes wrong, which is told by a `get`."""
        wanted = self._how.get("storage_class") or ref.dataset_type.storage_class
        kind = wanted, stored.format, stored.format_version, stored.selector, stored.component
        try:
            way = self._ways[kind]
        except KeyError:
            way = WholeReading(wanted, stored.format) if WholeReading.takes(stored) else None
            self._ways[kind] = way
        if way is None:
            return _NOTHING
        try:
            return way.read(ahead.content(stored.key))
        except (ButlerError, ValueError):
            return _NOTHING

    # ------------------------------------------------------------------ who reads what

    def _lots(self, refs: Iterable[DatasetRef]) -> Iterator[_Lot]:
        """Find out where datasets are, a thousand at a time, and divide them among threads."""
        coming = iter(refs)
        while some := list(islice(coming, _LOCATED)):
            located = self._lookup.locate(some)
            store, is_afar = self._way(located)
            members = 1 if store is None else _MEMBERS
            for begin, end, size in _divided(located, members):
                is_small = size <= _SMALL
                yield _Lot(some[begin:end], located[begin:end], size, store if is_small else None, is_afar)

    def _way(self, located: Sequence[Sequence[StoredArtifact]]) -> tuple[ArtifactStore | None, bool]:
        """Return the only store that has them, if they may be fetched one by one, and whether any is afar."""
        names = {item.datastore for stored in located for item in stored if not is_direct(item.key)}
        holders = {name: self._datastore.chain.holders(name) for name in names}
        # What is not published yet is known to the thread that has put it.
        is_afar = self._session.unit is None and any(is_remote(store) for each in holders.values() for store in each)
        fetching = self._datastore.fetching
        if not is_afar or len(names) > 1 or fetching.cache is not None or self._how.get("parameters"):
            return None, is_afar
        return fetching.seen(next(iter(holders.values()))[0]), is_afar


def _divided(located: Sequence[Sequence[StoredArtifact]], members: int) -> Iterator[tuple[int, int, int]]:
    begin = size = 0
    for end, stored in enumerate(located):
        more = sum(_cost(item) for item in stored)
        if end > begin and (end - begin >= members or size + more > _SMALL):
            yield begin, end, size
            begin, size = end, 0
        size += more
    yield begin, len(located), size


def _cost(stored: StoredArtifact) -> int:
    """Bytes to be fetched; what is not known, or part of another artifact, counts as large."""
    return stored.size if stored.size >= 0 and not stored.selector and not stored.component else _SMALL + 1

"""Inputs of the next quanta come from afar into the cache of this machine while others run."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from bunter.datastore.fetching import is_remote
from bunter.datastore.key import is_direct
from bunter.errors import ButlerError
from bunter.execution.needed import needed_artifacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.dataset import StoredArtifact
    from bunter.execution.message import Made
    from bunter.execution.place import Place

__all__ = ["Prefetcher"]

_THREADS = 4
_REMEMBERED = 10_000


class Prefetcher:
    """Fetches inputs before they are asked for. Close it, or use it as a context.

    What cannot be fetched is no error here: the quantum that reads it will say so.

    Parameters
    ----------
    place : Place
        Where quanta read; its datastore has a cache.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._seen: dict[str, None] = {}
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bunter-prefetch")

    @classmethod
    def of(cls, place: Place) -> Self | None:
        """Return one where it is of use: some store is remote, and there is a cache."""
        fetching = place.datastore.fetching
        useful = fetching.cache is not None and not fetching.offline
        return cls(place) if useful and any(map(is_remote, place.datastore.stores.values())) else None

    def want(self, quantum: int, made: Iterable[Made]) -> None:
        """Begin to fetch what a quantum reads, as far as that has not begun before."""
        known = {one.row: one for one in made}
        for stored in needed_artifacts(self._place.graph, [quantum], known, counts=self._is_kept):
            if stored.key not in self._seen and not is_direct(stored.key):
                self._seen[stored.key] = None
                self._threads.submit(self._fetch, self._place.artifact(stored))
        while len(self._seen) > _REMEMBERED:
            self._seen.pop(next(iter(self._seen)))

    def _is_kept(self, dataset_type: str) -> bool:
        return self._place.datastore.keeps(self._place.dataset_type(dataset_type))

    def _fetch(self, stored: StoredArtifact) -> None:
        datastore = self._place.datastore
        cache = datastore.fetching.cache
        if self._closed.is_set() or cache is None:
            return
        for store in datastore.chain.holders(stored.datastore):
            if not is_remote(store):
                return
            with suppress(OSError, ButlerError):
                if cache.fetch(store, stored) is not None:
                    return

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._closed.set()
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

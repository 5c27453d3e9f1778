"""Artifacts read in full and compared with what was recorded: all or a sample, at a bearable rate, in parallel."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.forward import chunks_of
from bunter.errors import KeyMissingError, NotLocalError
from bunter.values import Digesting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore
    from bunter.values import Digests

__all__ = ["DeepCheck", "Reading", "read_back"]

_WORKERS = 4


@dataclass(frozen=True, slots=True)
class DeepCheck:
    """Which artifacts are read, and how.

    Parameters
    ----------
    sample : float
        Share of them, above 0 to 1; drawn anew each time.
    bytes_per_s : float, optional
        Most that is read in a second.
    record : bool
        Whether digests of those that have none, such as files that stayed where they were, are written down.
    """

    sample: float = 1.0
    bytes_per_s: float | None = None
    record: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.sample <= 1:
            raise ValueError(f"a sample is a share above 0 and up to 1, not {self.sample}")
        if self.bytes_per_s is not None and self.bytes_per_s <= 0:
            raise ValueError(f"a rate is more than 0 bytes in a second, not {self.bytes_per_s}")

    def chosen(self, items: Sequence[StoredArtifact]) -> list[StoredArtifact]:
        """Draw those that are to be read."""
        able = [item for item in items if item.xxh3 is not None or self.record]
        if self.sample == 1 or not able:
            return able
        return random.sample(able, max(1, round(self.sample * len(able))))


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading an artifact told: that it is gone, cannot be read, is another one, or what its digests are.

    Parameters
    ----------
    stored : StoredArtifact
        What was recorded.
    trouble : str
        What is wrong; empty if nothing.
    digests : Digests, optional
        Of a sound artifact without recorded digests.
    is_away : bool
        Whether it was not read, as it is on tape, or not on this machine while nothing is fetched.
    """

    stored: StoredArtifact
    trouble: str = ""
    digests: Digests | None = None
    is_away: bool = False


class _Throttle:
    """Lets bytes through at a rate, for several readers together."""

    def __init__(self, bytes_per_s: float | None) -> None:
        self._rate = bytes_per_s
        self._free_at = effects.monotonic()
        self._lock = threading.Lock()

    def pay(self, size: int) -> None:
        """Wait until so many bytes more may have been read."""
        if self._rate is None:
            return
        with self._lock:
            now = effects.monotonic()
            self._free_at = max(self._free_at, now) + size / self._rate
            wait_s = self._free_at - now
        effects.sleep(wait_s)


def read_back(
    items: Sequence[StoredArtifact], store_of: Callable[[StoredArtifact], ArtifactStore], deep: DeepCheck
) -> list[Reading]:
    """Read artifacts and compare them with their records; those that are gone are left to others."""
    throttle = _Throttle(deep.bytes_per_s)

    def look(stored: StoredArtifact) -> Reading:
        try:
            digesting = _digested(store_of(stored), stored.key, throttle)
        except (KeyMissingError, FileNotFoundError):
            return Reading(stored)  # removed while we looked; a lost one is found by the next check
        except NotLocalError:
            return Reading(stored, is_away=True)
        except OSError as exc:
            return Reading(stored, f"cannot be read: {exc}")
        digests = digesting.digests()
        if stored.xxh3 is None:
            if digesting.size != stored.size >= 0:
                return Reading(stored, f"{digesting.size} bytes were read where {stored.size} were recorded")
            return Reading(stored, digests=digests)
        return Reading(stored, "" if digests.xxh3 == stored.xxh3 else "its digest is not the one recorded")

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(look, items))


def _digested(store: ArtifactStore, key: str, throttle: _Throttle) -> Digesting:
    digesting = Digesting()
    for chunk in chunks_of(store, key, -1):
        throttle.pay(len(chunk))
        digesting.add(chunk)
    return digesting

"""What is in a cache, and what has to go: decided from a listing, without touching anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.datastore.config import CacheConfig

__all__ = ["Entry", "Totals", "surplus", "totals"]

_ROOM = 20
"""One in so many is removed beyond what has to go, so that the next one does not need a listing again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a cache.

    Parameters
    ----------
    name : str
        Path below the cache's folder of files: digest, size and dataset.
    size : int
        Bytes.
    used_ns : int
        When it was last read, ns UTC since 1970.
    """

    name: str
    size: int
    used_ns: int

    @property
    def dataset(self) -> str:
        """Dataset for which it was fetched."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Totals:
    """How much is in a cache: bytes, files, datasets."""

    size: int = 0
    files: int = 0
    datasets: int = 0

    def exceed(self, limits: CacheConfig) -> bool:
        """Whether there is more than the limits permit."""
        pairs = ((self.size, limits.max_bytes), (self.files, limits.max_files), (self.datasets, limits.max_datasets))
        return any(limit is not None and found > limit for found, limit in pairs)


def totals(entries: Iterable[Entry]) -> Totals:
    """Add up what there is."""
    listed = list(entries)
    return Totals(sum(entry.size for entry in listed), len(listed), len({entry.dataset for entry in listed}))


def surplus(entries: Iterable[Entry], limits: CacheConfig, now_ns: int) -> list[Entry]:
    """Choose what has to go: what is too old, then whole datasets, those not used for longest first.

    Parameters
    ----------
    entries : iterable of Entry
        All that there is.
    limits : CacheConfig
        What may stay.
    now_ns : int
        The time, ns UTC since 1970.
    """
    listed = sorted(entries, key=lambda entry: entry.used_ns)
    horizon = None if limits.max_age_s is None else now_ns - int(limits.max_age_s * 1e9)
    going = [entry for entry in listed if horizon is not None and entry.used_ns < horizon]
    staying = listed[len(going) :]
    if not totals(staying).exceed(limits):
        return going
    used = {entry.dataset: entry.used_ns for entry in staying}  # in order of use: the last one counts
    groups: dict[str, list[Entry]] = {dataset: [] for dataset in sorted(used, key=used.__getitem__)}
    for entry in staying:
        groups[entry.dataset].append(entry)
    size, files, datasets = sum(entry.size for entry in staying), len(staying), len(groups)
    roomy = _with_room(limits)
    for group in groups.values():
        if not Totals(size, files, datasets).exceed(roomy):
            break
        going += group
        size, files, datasets = size - sum(entry.size for entry in group), files - len(group), datasets - 1
    return going


def _with_room(limits: CacheConfig) -> CacheConfig:
    names = ("max_bytes", "max_files", "max_datasets")
    found = {name: getattr(limits, name) for name in names}
    room = {name: limit - limit // _ROOM for name, limit in found.items() if limit is not None}
    return limits.model_copy(update=room)

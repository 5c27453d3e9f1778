"""Leftovers found and removed: of dead writers, of removals, of runs that nobody resumes; each told before by type and run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bunter import effects
from bunter.butler.run_leavings import run_leavings
from bunter.butler.trash import trash_of
from bunter.datastore.check import Problem
from bunter.datastore.key import is_exact, split_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.run_leavings import RunLeaving
    from bunter.butler.session import Session
    from bunter.datastore.check import CheckReport, Finding
    from bunter.datastore.store import Stat

__all__ = ["Leftover", "Leftovers", "Sweeping"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """Artifacts of one kind, dataset type and run that nothing needs any more.

    Parameters
    ----------
    kind : str
        ``removed`` (removals whose time is over), ``trash`` (unlinked only in part), ``dead writer``, ``orphan`` (no record
        names it), ``abandoned run``, ``half-written file`` (of a run's folder), or ``strange`` (no record names it, and Bunter did not make it: it stays).
    dataset_type, run : str
        What they were, as far as it can be told.
    artifacts : int
        Number.
    bytes : int
        Their size.
    """

    kind: str
    dataset_type: str
    run: str
    artifacts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a sweep removes.

    Parameters
    ----------
    rows : tuple of Leftover
        Sorted.
    failed : mapping of str to OSError
        Keys that could not be removed, and why.
    """

    rows: tuple[Leftover, ...]
    failed: Mapping[str, OSError]

    @property
    def artifacts(self) -> int:
        """Number of artifacts that go."""
        return sum(row.artifacts for row in self.rows if row.kind != "strange")

    @property
    def bytes(self) -> int:
        """Their size in bytes."""
        return sum(row.bytes for row in self.rows if row.kind != "strange")


@dataclass(frozen=True, slots=True)
class _Item:
    """One artifact that goes."""

    kind: str
    datastore: str
    key: str
    size: int


class Sweeping:
    """Finds and removes leftovers of one repository.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._trash = trash_of(session.repository)

    def sweep(
        self,
        *,
        dry_run: bool = False,
        older_than_s: float,
        claims: Callable[[], Mapping[str, str]] | None = None,
        abandoned: Callable[[], Mapping[str, str]] | None = None,
    ) -> Leftovers:
        """Remove what nothing needs; see `Butler.gc`."""
        repository = self._session.repository
        removed = self._trash.given_up(self._trash.due())
        report = repository.check(claims=claims)
        items = list(self._items(report, older_than_s, dict(abandoned()) if abandoned is not None else {}))
        leftovers = [Leftover("removed", *row) for row in removed]
        leftovers += _summed(items, self._session.facts)
        halves = run_leavings(getattr(repository, "runs", None), effects.now_ns() - int(older_than_s * 1e9))
        if halves:
            leftovers.append(Leftover("half-written file", "", "", len(halves), sum(each.size for each in halves)))
        failed: dict[str, OSError] = {} if dry_run else {**self._remove(items), **_unlinked(halves)}
        order = sorted(leftovers, key=lambda row: (row.kind, row.dataset_type, row.run))
        return Leftovers(tuple(order), failed)

    def _items(self, report: CheckReport, older_than_s: float, abandoned: dict[str, str]) -> Iterator[_Item]:
        horizon_ns = effects.now_ns() - int(older_than_s * 1e9)
        for name, key, stat in self._looked_at(report.of(Problem.UNFINISHED)):
            yield _Item("dead writer", name, key, 0 if stat is None else stat.size)
        for name, key, stat in self._looked_at(report.of(Problem.ORPHAN)):
            if stat is not None and stat.modified_ns <= horizon_ns:
                yield _Item("strange" if is_exact(key) else "orphan", name, key, stat.size)
        for name, waiting in self._trash.waiting():
            yield from (_Item("trash", name, key, max(size, 0)) for key, size in waiting)
        left = self._unregistered(list(abandoned))
        for name, store in self._session.repository.datastore.stores.items():
            found = zip(left, store.stat_many(left), strict=True)
            yield from (_Item("abandoned run", name, key, stat.size) for key, stat in found if stat is not None)

    def _looked_at(self, findings: Iterable[Finding]) -> Iterator[tuple[str, str, Stat | None]]:
        """Ask each store once for size and time of what was found in it."""
        keys: dict[str, list[str]] = {}
        for finding in findings:
            keys.setdefault(finding.datastore, []).append(finding.key)
        for name, mine in keys.items():
            store = self._session.repository.datastore.stores[name]
            yield from zip([name] * len(mine), mine, store.stat_many(mine), strict=True)

    def _unregistered(self, keys: list[str]) -> list[str]:
        registered = self._trash.registered(keys) if keys else set()
        return [key for key in keys if key not in registered]

    def _remove(self, items: Iterable[_Item]) -> dict[str, OSError]:
        repository = self._session.repository
        failed: dict[str, OSError] = {}
        groups: dict[str, list[str]] = {}
        for item in items:
            if item.kind in {"orphan", "abandoned run"}:
                groups.setdefault(item.datastore, []).append(item.key)
        self._trash.settle()
        for name, keys in groups.items():
            failed |= repository.datastore.stores[name].delete_many(keys)
        return failed | self._trash.empty()


def _unlinked(halves: Iterable[RunLeaving]) -> dict[str, OSError]:
    failed: dict[str, OSError] = {}
    for each in halves:
        try:
            effects.unlink(each.path, missing_ok=True)
        except OSError as exc:
            failed[each.path] = exc
    return failed


def _summed(items: Iterable[_Item], facts: RepositoryFacts) -> list[Leftover]:
    counts: Counter[tuple[str, str, str]] = Counter()
    sizes: Counter[tuple[str, str, str]] = Counter()
    for item in items:
        place = (item.kind, *_meaning(item.key, facts))
        counts[place] += 1
        sizes[place] += item.size
    return [Leftover(*place, count, sizes[place]) for place, count in counts.items()]


def _meaning(key: str, facts: RepositoryFacts) -> tuple[str, str]:
    """Tell dataset type and run by the key, where templates begin with them; empty where they do not."""
    parts = [unquote(part) for part in split_key(key)[0].split("/")]
    for last in range(len(parts), 0, -1):
        if (run := "/".join(parts[:last])) in facts.collections:
            kind = parts[last] if last < len(parts) else ""
            return (kind if kind in facts.dataset_types else ""), run
    return next((part for part in parts if part in facts.dataset_types), ""), ""

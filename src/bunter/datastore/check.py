"""Comparison of what is recorded with what is stored, both ways, beside living writers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from bunter import effects
from bunter.datastore.deep_check import DeepCheck, read_back
from bunter.datastore.key import is_direct
from bunter.datastore.store import LocalPaths, SetsAside
from bunter.values import sized

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from bunter.database import Database
    from bunter.dataset import StoredArtifact
    from bunter.datastore.datastore import Datastore
    from bunter.datastore.deep_check import Reading
    from bunter.datastore.records import ArtifactRecords
    from bunter.datastore.store import ArtifactStore, PublishingStore, Stat

__all__ = ["CheckReport", "Finding", "Problem", "check_datastore", "quarantine", "set_aside"]


class Problem(StrEnum):
    """What can be wrong with an artifact."""

    MISSING = "missing"
    """Recorded, and not there."""
    SIZE = "size"
    """There, with another size than was recorded."""
    DAMAGED = "damaged"
    """There, with other content than was recorded; only a deep check sees it."""
    ORPHAN = "orphan"
    """There, and not recorded, nor being published by anybody alive."""
    UNFINISHED = "unfinished"
    """Staged by a writer that died; the next writer to open the repository settles it."""
    UNCOPIED = "uncopied"
    """There, and not in a store that is to keep a copy."""
    TRASH = "trash"
    """Removed from the records, and not yet from the store."""


_SAID = {"size": "of wrong size", "trash": "in the trash", "uncopied": "without a copy"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Parameters
    ----------
    problem : Problem
        What is wrong.
    datastore : str
        Name of the store.
    key : str
        Of the artifact.
    detail : str
        What was expected and what was found.
    datasets : tuple[UUID, ...]
        Datasets that lie in the artifact.
    """

    problem: Problem
    datastore: str
    key: str
    detail: str = ""
    datasets: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Outcome of a check.

    Parameters
    ----------
    artifacts : int
        Number of artifacts recorded.
    size : int
        Their bytes together.
    read : int
        How many of them were read and compared with their digests.
    findings : tuple[Finding, ...]
        What is wrong, sorted by problem and key.
    unfinished : mapping of str to int
        Runs that are not finished, with the number of artifacts that they have published and not registered yet.
    digested : int
        How many artifacts without digests were read, and have them now.
    kept : int
        Artifacts of removed datasets that can still be brought back.
    """

    artifacts: int
    size: int
    read: int
    findings: tuple[Finding, ...]
    unfinished: Mapping[str, int] = field(default_factory=dict)
    digested: int = 0
    kept: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def counts(self) -> dict[str, int]:
        """Count the findings of each problem; only those that occur."""
        return {str(p): n for p in Problem if (n := sum(finding.problem is p for finding in self.findings))}

    def of(self, problem: Problem) -> list[Finding]:
        """Return the findings of one problem."""
        return [finding for finding in self.findings if finding.problem is problem]

    def __str__(self) -> str:
        checked = f"{self.artifacts} artifacts, {sized(self.size)}"
        if self.read:
            checked += f", {self.read} read in full"
        if self.digested:
            checked += f", {self.digested} digests written down"
        if self.kept:
            checked += f", {self.kept} kept for `bunter undo`"
        for run, count in self.unfinished.items():
            checked += f"; {count} more belong to the unfinished run {run!r}, and the command that began it goes on"
        if self.is_clean:
            return f"clean: {checked}"
        return f"{', '.join(f'{n} {_SAID.get(problem, problem)}' for problem, n in self.counts().items())} in {checked}"


@dataclass(slots=True)
class _Recorded:
    """An artifact and the datasets in it."""

    stored: StoredArtifact
    datasets: list[UUID]

    def finding(self, problem: Problem, detail: str = "") -> Finding:
        return Finding(problem, self.stored.datastore, self.stored.key, detail, tuple(self.datasets))


def check_datastore(  # noqa: PLR0913 - all but three by keyword
    datastore: Datastore,
    records: ArtifactRecords,
    database: Database,
    *,
    deep: bool | DeepCheck = False,
    claims: Callable[[], Mapping[str, str]] | None = None,
    copies_of: Callable[[Sequence[bytes]], Sequence[Collection[str]]] | None = None,
) -> CheckReport:
    """Compare records and stores.

    Writers may be at work: the store is walked before the records are read, and what seems missing is looked for again.

    Parameters
    ----------
    datastore : Datastore
        The stores.
    records : ArtifactRecords
        The records.
    database : Database
        Where they are.
    deep : bool or DeepCheck
        Whether, or how, to read artifacts and compare their digests.
    claims : callable, optional
        Tells the keys that unfinished runs have announced, with the name of the run: these are no orphans. Called after
        the stores were walked, as a run announces a key before it publishes it.
    copies_of : callable, optional
        Tells the stores that are to keep copies of each of some datasets.
    """
    unfinished: Counter[str] = Counter()
    mine = {child.name: child for child in datastore.chain.children if not child.read_only}
    found = {name: dict(child.store.walk()) for name, child in mine.items()}
    staged = {name: dict(child.store.staged()) for name, child in mine.items()}
    recorded = _recorded(records, database)
    keys = {key for _, key in recorded}
    findings = [*_missing_or_wrong(datastore, recorded, found, _still(records, database))]
    for name, child in mine.items():
        store = child.store
        known = keys if child.copies else {key for place, key in recorded if place == name}
        strange = [key for key in found[name] if key not in known and key not in staged[name]]
        orphans = _orphans(datastore.stores if child.copies else [name], store, strange, records, database)
        claimed = claims() if claims is not None and orphans else {}
        unfinished.update(claimed[key] for key in orphans if key in claimed)
        findings += [Finding(Problem.ORPHAN, name, key) for key in orphans if key not in claimed]
        findings += [Finding(Problem.UNFINISHED, name, key) for key, is_alive in staged[name].items() if not is_alive]
    if copies_of is not None:
        lost = {(finding.datastore, finding.key) for finding in findings if finding.problem is Problem.MISSING}
        for name in (name for name, child in mine.items() if child.copies):
            left = [item for place, item in recorded.items() if place not in lost and place[1] not in found[name]]
            findings += _uncopied(datastore, name, left, copies_of)
    with database.read() as connection:
        for name in datastore.stores:
            findings += [
                Finding(Problem.TRASH, name, key, f"{size} bytes") for key, size in records.trash(connection, name)
            ]
    readings: list[Reading] = []
    if deep:
        wrong = {(finding.datastore, finding.key) for finding in findings}
        how = DeepCheck() if deep is True else deep
        damaged, readings = _damaged(datastore, recorded, wrong, how)
        findings += damaged
    new = [(reading.stored, reading.digests) for reading in readings if reading.digests is not None]
    if new:
        with database.write() as transaction:
            records.note_digests(transaction, new)
    size = sum(max(item.stored.size, 0) for item in recorded.values())
    order = sorted(findings, key=lambda finding: (finding.problem, finding.datastore, finding.key))
    with database.read() as connection:
        kept = records.kept.removals(connection)
    return CheckReport(
        len(recorded), size, len(readings), tuple(order), dict(unfinished), len(new), sum(k.artifacts for k in kept)
    )


def _recorded(records: ArtifactRecords, database: Database) -> dict[tuple[str, str], _Recorded]:
    recorded: dict[tuple[str, str], _Recorded] = {}
    with database.read() as connection:
        for batch in records.all(connection):
            for stored in batch:
                item = recorded.setdefault((stored.datastore, stored.key), _Recorded(stored, []))
                item.datasets.append(UUID(bytes=stored.dataset_id))
    return recorded


def _still(records: ArtifactRecords, database: Database) -> Callable[[_Recorded], bool]:
    """Tell whether an artifact is recorded still: it may have been removed while we looked."""

    def is_recorded(item: _Recorded) -> bool:
        with database.read() as connection:
            return any(
                stored.key == item.stored.key for stored in records.locate(connection, [item.stored.dataset_id])[0]
            )

    return is_recorded


def _missing_or_wrong(
    datastore: Datastore,
    recorded: dict[tuple[str, str], _Recorded],
    found: dict[str, dict[str, Stat]],
    is_recorded: Callable[[_Recorded], bool],
) -> Iterator[Finding]:
    strange = {
        (name, key): item
        for (name, key), item in recorded.items()
        if (stat := found.get(name, {}).get(key)) is None or stat.size != item.stored.size
    }
    # Direct artifacts, links whose target counts, those of stores that are only read, and those that came after the walk.
    looked = _look(datastore, [item.stored for item in strange.values()])
    for item, stat in zip(strange.values(), looked, strict=True):
        if stat is None:
            if is_recorded(item):
                yield item.finding(Problem.MISSING, f"{item.stored.size} bytes were recorded")
        elif stat.size != item.stored.size >= 0:
            yield item.finding(Problem.SIZE, f"{stat.size} bytes where {item.stored.size} were recorded")


def _look(datastore: Datastore, stored: Sequence[StoredArtifact]) -> list[Stat | None]:
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


def _uncopied(
    datastore: Datastore,
    name: str,
    items: Sequence[_Recorded],
    copies_of: Callable[[Sequence[bytes]], Sequence[Collection[str]]],
) -> list[Finding]:
    """Find artifacts of ours that a store is to keep copies of, and has not."""
    ours = [item for item in items if item.stored.owned and item.stored.datastore != name]
    keepers = copies_of([item.stored.dataset_id for item in ours])
    wanted = [item for item, names in zip(ours, keepers, strict=True) if name in names]
    stats = datastore.stores[name].stat_many([item.stored.key for item in wanted])
    return [
        Finding(Problem.UNCOPIED, name, item.stored.key, f"it is in {item.stored.datastore} only", tuple(item.datasets))
        for item, stat in zip(wanted, stats, strict=True)
        if stat is None
    ]


def _orphans(
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
        known: set[str] = set()
        for place in names:
            known |= records.registered(connection, keys, place) | {key for key, _ in records.trash(connection, place)}
            known |= records.kept.registered(connection, keys, place)
    left = [key for key in keys if key not in staged and key not in known]
    return [key for key, stat in zip(left, store.stat_many(left), strict=True) if stat is not None]


def _damaged(
    datastore: Datastore, recorded: dict[tuple[str, str], _Recorded], wrong: set[tuple[str, str]], deep: DeepCheck
) -> tuple[list[Finding], list[Reading]]:
    """Read artifacts that are not known to be wrong; return what is damaged, and all that was read."""
    readable = deep.chosen([item.stored for place, item in recorded.items() if place not in wrong])
    readings = read_back(readable, datastore.store_of, deep)
    findings = [
        recorded[reading.stored.datastore, reading.stored.key].finding(Problem.DAMAGED, reading.trouble)
        for reading in readings
        if reading.trouble
    ]
    return findings, readings


def quarantine(datastore: Datastore, report: CheckReport, *, older_than_s: float) -> list[str]:
    """Take orphans of files and objects out of the way, to ``.orphans`` below the root; return their keys.

    Parameters
    ----------
    datastore : Datastore
        The stores.
    report : CheckReport
        What a check found.
    older_than_s : float
        Only files unchanged for so long, in seconds.
    """
    moved = []
    horizon_ns = effects.now_ns() - int(older_than_s * 1e9)
    for finding in report.of(Problem.ORPHAN):
        store = datastore.stores[finding.datastore]
        stat = store.stat_many([finding.key])[0]
        if is_direct(finding.key) or stat is None or stat.modified_ns > horizon_ns:
            continue
        if set_aside(store, finding.key):
            moved.append(finding.key)
    return moved


def set_aside(store: ArtifactStore, key: str) -> bool:
    """Rename an artifact to a name below ``.orphans``, which is no key; say whether the store can."""
    if isinstance(store, SetsAside):
        store.set_aside([key])
        return True
    if isinstance(store, LocalPaths):
        source, target = store.path(key), store.path("x").parent / ".orphans" / key
        effects.mkdirs(target.parent)
        effects.rename(source, target)
        return True
    return False

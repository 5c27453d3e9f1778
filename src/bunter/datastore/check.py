"""Comparison of what is recorded with what is stored, both ways, beside living writers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.checking import Checking, Patrol
from bunter.datastore.deep_check import DeepCheck
from bunter.datastore.findings import CheckReport, Finding, Problem
from bunter.datastore.key import is_direct
from bunter.datastore.store import LocalPaths, SetsAside

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bunter.database import Database
    from bunter.datastore.datastore import Datastore
    from bunter.datastore.records import ArtifactRecords
    from bunter.datastore.store import ArtifactStore

__all__ = ["CheckReport", "Finding", "Patrol", "Problem", "check_datastore", "old_orphans", "quarantine", "set_aside"]


def check_datastore(
    datastore: Datastore,
    records: ArtifactRecords,
    database: Database,
    *,
    deep: bool | DeepCheck = False,
    patrol: Patrol | None = None,
    claims: Callable[[], Mapping[str, str]] | None = None,
    copies_of: Callable[[Sequence[bytes]], Sequence[Collection[str]]] | None = None,
) -> CheckReport:
    """Compare records and stores; see `Checking`, which explains the arguments.

    Parameters
    ----------
    datastore, records, database, patrol, claims, copies_of
        As for `Checking`; everything is gone through by default.
    deep : bool or DeepCheck
        Whether, or how, to read artifacts and compare their digests.
    """
    checking = Checking(datastore, records, database, patrol=patrol or Patrol(), claims=claims, copies_of=copies_of)
    return checking.report(DeepCheck() if deep is True else deep or None)


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
    going = old_orphans(datastore, report, older_than_s=older_than_s)
    return [finding.key for finding in going if set_aside(datastore.stores[finding.datastore], finding.key)]


def old_orphans(datastore: Datastore, report: CheckReport, *, older_than_s: float) -> list[Finding]:
    """Return the orphans of a check that `quarantine` takes out of the way."""
    horizon_ns = effects.now_ns() - int(older_than_s * 1e9)
    found = [finding for finding in report.of(Problem.ORPHAN) if not is_direct(finding.key)]
    stats = [datastore.stores[finding.datastore].stat_many([finding.key])[0] for finding in found]
    return [f for f, stat in zip(found, stats, strict=True) if stat is not None and stat.modified_ns <= horizon_ns]


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

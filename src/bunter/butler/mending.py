"""Lost and damaged artifacts brought back from another repository that holds the same datasets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.datastore.check import Problem
from bunter.datastore.key import is_direct
from bunter.datastore.reading import read_verified
from bunter.datastore.store import LocalPaths, Transfer
from bunter.errors import ButlerError, FileIntegrityError
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bunter.butler.facade import Butler
    from bunter.dataset import StoredArtifact
    from bunter.datastore.check import CheckReport, Finding
    from bunter.datastore.store import PublishingStore, Staged
    from bunter.values import Principal

__all__ = ["Mended", "mend", "mendable"]

_LOST = (Problem.MISSING, Problem.SIZE, Problem.DAMAGED)


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of one lost or damaged artifact.

    Parameters
    ----------
    key : str
        Its key.
    trouble : str
        Why it could not be brought back; empty if it was.
    """

    key: str
    trouble: str = ""


def mend(butler: Butler, source: Butler, report: CheckReport, principal: Principal) -> list[Mended]:
    """Bring back lost and damaged artifacts; what was damaged is set aside below ``.orphans``, never overwritten.

    Parameters
    ----------
    butler : Butler
        The repository to be mended.
    source : Butler
        One that has the same datasets, by id.
    report : CheckReport
        What is wrong in the first.
    principal : Principal
        Who asks.
    """
    return [_mend(butler, source, *each) for each in _beside(butler, source, report, principal)]


def mendable(butler: Butler, source: Butler, report: CheckReport, principal: Principal) -> list[str]:
    """Return the keys of lost and damaged artifacts of which the source has one that looks the same; see `mend`."""
    found = []
    for finding, ours, theirs in _beside(butler, source, report, principal):
        wanted = next((item for item in ours if item.key == finding.key), None)
        if wanted is None or is_direct(finding.key):
            continue
        candidates = list(_alike(wanted, theirs))
        if any(source.datastore.store_of(item).stat_many([item.key])[0] is not None for item in candidates):
            found.append(finding.key)
    return found


def _beside(
    butler: Butler, source: Butler, report: CheckReport, principal: Principal
) -> list[tuple[Finding, list[StoredArtifact], list[StoredArtifact]]]:
    """Return what is lost with what is recorded of its dataset here and there."""
    findings = [finding for problem in _LOST for finding in report.of(problem) if finding.datasets]
    ids = [finding.datasets[0].bytes for finding in findings]
    ours = butler.repository.locate(principal, ids) if ids else []
    theirs = source.repository.locate(principal, ids) if ids else []
    return list(zip(findings, ours, theirs, strict=True))


def _mend(
    butler: Butler, source: Butler, finding: Finding, ours: list[StoredArtifact], theirs: list[StoredArtifact]
) -> Mended:
    if is_direct(finding.key):
        return Mended(
            finding.key,
            "it is a file that stays where its owner keeps it; put it back there, or say by `bunter relocate` to which folder it has moved",
        )
    wanted = next((item for item in ours if item.key == finding.key), None)
    if wanted is None:
        return Mended(finding.key, "it is not recorded any more")
    troubles = ["the other repository has no copy of it"]
    for candidate in _alike(wanted, theirs):
        try:
            _replace(butler.datastore.stores[wanted.datastore], wanted, _content(source, candidate))
        except (ButlerError, OSError) as exc:
            troubles.append(str(exc))
            continue
        return Mended(finding.key)
    return Mended(finding.key, troubles[-1])


def _alike(wanted: StoredArtifact, candidates: list[StoredArtifact]) -> Iterator[StoredArtifact]:
    """Pick the artifacts that are the same as far as their records tell."""
    for other in candidates:
        is_known = None not in {wanted.sha256, other.sha256}
        same = other.component == wanted.component and other.size == wanted.size
        if same and not (is_known and wanted.sha256 != other.sha256):
            yield other


def _content(source: Butler, stored: StoredArtifact) -> bytes | Path:
    store = source.datastore.store_of(stored)
    return store.path(stored.key) if isinstance(store, LocalPaths) else read_verified(store, stored)


def _require_same(wanted: StoredArtifact, staged: Staged) -> None:
    digests = staged.digests
    if staged.size != wanted.size >= 0 or (wanted.xxh3 is not None and digests and digests.xxh3 != wanted.xxh3):
        raise FileIntegrityError(f"the copy of {wanted.key} in the other repository is damaged as well")


def _replace(store: PublishingStore, wanted: StoredArtifact, content: bytes | Path) -> None:
    """Put content at the key that is recorded, if it is what is recorded."""
    from bunter.datastore.check import set_aside

    owner = store.own()
    try:
        staged = store.stage(owner, wanted.key, content, transfer=Transfer.COPY)
        try:
            _require_same(wanted, staged)
            if store.stat_many([wanted.key])[0] is not None:
                set_aside(store, wanted.key)
            store.publish([staged], Durability.full)
        except BaseException:
            store.discard([staged])
            raise
        store.settle([staged])
    finally:
        store.disown(owner)

"""Artifacts that a check did not find, said in events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset.event import Event, listed_ids
from bunter.datastore.check import Problem

if TYPE_CHECKING:
    from bunter.datastore.check import CheckReport

__all__ = ["lost_artifacts"]


def lost_artifacts(report: CheckReport) -> list[Event]:
    """Return an event for each artifact that is gone or spoilt; of one that is found so again it is the same."""
    return [
        Event(
            "artifact.lost",
            "",
            {
                "problem": str(finding.problem),
                "datastore": finding.datastore,
                "artifact": finding.key,
                "detail": finding.detail,
                "datasets": listed_ids([id_.bytes for id_ in finding.datasets]),
            },
            f"lost/{finding.problem}/{finding.datastore}/{finding.key}",
        )
        for problem in (Problem.MISSING, Problem.SIZE, Problem.DAMAGED)
        for finding in report.of(problem)
    ]

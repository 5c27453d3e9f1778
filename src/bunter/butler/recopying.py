"""Copies that a store is to keep and has not: made from the stores that have the artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.carriage import Cargo, carry_into
from bunter.datastore.check import Problem

if TYPE_CHECKING:
    from bunter.butler.repository import Repository
    from bunter.datastore.check import CheckReport
    from bunter.values import Principal

__all__ = ["copy_again"]


def copy_again(repository: Repository, report: CheckReport, principal: Principal) -> int:
    """Bring copies that a check found lacking to their stores, compared with what was recorded; return how many.

    Parameters
    ----------
    repository : Repository
        One that may be written.
    report : CheckReport
        What the check found.
    principal : Principal
        Who asks.
    """
    findings = report.of(Problem.UNCOPIED)
    located = repository.locate(principal, [finding.datasets[0].bytes for finding in findings])
    datastore = repository.datastore
    by_store: dict[str, list[Cargo]] = {}
    for finding, found in zip(findings, located, strict=True):
        stored = next((item for item in found if item.key == finding.key), None)
        if stored is not None:
            cargo = Cargo(datastore.store_of(stored), stored, stored.key)
            by_store.setdefault(finding.datastore, []).append(cargo)
    for name, cargo_of_one in by_store.items():
        carry_into(datastore.stores[name], cargo_of_one, transfer="copy")
    return sum(map(len, by_store.values()))

"""Artifacts that belong to runs which are not finished: published, told of in a journal, and not registered yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.execution.run_directory import run_directories

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["claimed_keys"]


def claimed_keys(root: Path) -> dict[str, str]:
    """Return the keys that unfinished runs of a repository have announced, with the name of the run.

    The same command that began a run registers what counts among them and removes the rest.
    """
    claims: dict[str, str] = {}
    for directory in run_directories(root):
        if not directory.is_finished:
            told = directory.told()
            keys = [*told.orphans, *(artifact.key for artifact in told.artifacts.values())]
            claims.update(dict.fromkeys(keys, directory.run))
    return claims

"""Runs that nobody goes on with: what they published for quanta that never ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.execution.run_directory import run_directories

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.execution.run_directory import RunDirectory

__all__ = ["abandoned_keys"]


def abandoned_keys(root: Path, *, older_than_s: float) -> dict[str, str]:
    """Return the keys that unfinished runs have announced without a receipt, with the name of the run.

    Parameters
    ----------
    root : Path
        Folder of the repository.
    older_than_s : float
        Time since the last line in a run's journals from which it counts as given up, in seconds. A run that is being
        worked on is never among them, and a run can be resumed all the same: it makes again what went.
    """
    keys: dict[str, str] = {}
    for directory in run_directories(root):
        if not directory.is_finished and _is_quiet(directory, older_than_s):
            lease = effects.flock(directory.path / "lock", blocking=False)
            if lease is not None:
                with lease:
                    keys.update(dict.fromkeys(directory.told().orphans, directory.run))
    return keys


def _is_quiet(directory: RunDirectory, older_than_s: float) -> bool:
    times = [found.st_mtime_ns for *_, path in directory.journals() if (found := effects.stat(path)) is not None]
    return max(times, default=directory.created_ns) <= effects.now_ns() - int(older_than_s * 1e9)

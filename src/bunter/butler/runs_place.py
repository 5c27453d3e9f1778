"""Where the folders of runs are: with the repository, or on this machine for one in a storage service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bunter.database import is_server
from bunter.datastore.key import escape

if TYPE_CHECKING:
    from bunter.butler.config import RepositoryConfig
    from bunter.datastore.store_address import StoreAddress

__all__ = ["FOREIGN", "RUNS", "run_folder", "runs_place"]

RUNS = ".runs"
"""Folder of the folders of runs, below the place of runs."""
FOREIGN = "foreign"
"""File in the folder of a run that came from another repository."""


def run_folder(root: Path, run: str, part: int = 1) -> Path:
    """Return the folder of a part of a run, whether it exists or not; a run that was never extended has one.

    No escaped name of another run looks like that of a further part.
    """
    return root / RUNS / (escape(run) if part == 1 else f"{escape(run)}%part{part}")


def runs_place(root: Path | StoreAddress, model: RepositoryConfig) -> Path:
    """Return the folder in which the folders of runs lie.

    It is what the setting ``runs`` says; else the repository's own folder; for a repository in a storage service a folder
    beside the file of the registry; and with a registry on a server one of the user's on this machine. Journals of runs need
    a file system: they are appended to, synced and locked.

    Parameters
    ----------
    root : Path or StoreAddress
        Root of the repository.
    model : RepositoryConfig
        Its configuration.
    """
    if model.runs is not None:
        place = Path(model.runs).expanduser()
        return root / place if isinstance(root, Path) else place.absolute()
    if isinstance(root, Path):
        return root
    if not is_server(model.registry.database):
        return Path(f"{model.registry.database}.runs")
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "bunter" / "runs" / escape(str(root))

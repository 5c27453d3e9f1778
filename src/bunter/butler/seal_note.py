"""The file that says that a repository is sealed, since when and by whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.database import is_server

if TYPE_CHECKING:
    from bunter.butler.config import Configuration
    from bunter.datastore.store_address import StoreAddress

__all__ = ["SEAL_NAME", "note_of", "seal_sentence"]

SEAL_NAME = "bunter.sealed"


def seal_sentence(root: Path | StoreAddress, configuration: Configuration) -> str | None:
    """Say since when a repository is sealed; None if it is not."""
    path = note_of(root, configuration)
    if path is None or effects.stat(path) is None:
        return None
    try:
        told = json.loads(effects.read_bytes(path))
        return f"{root} is sealed since {told['sealed']} by {told['by']}"
    except (ValueError, KeyError, TypeError, OSError):
        return f"{root} is sealed"


def note_of(root: Path | StoreAddress, configuration: Configuration) -> Path | None:
    """Where the seal is: in the folder; for a repository in a storage service beside the file of its registry."""
    if isinstance(root, Path):
        return root / SEAL_NAME
    database = configuration.model.registry.database
    return None if is_server(database) else Path(f"{database}.{SEAL_NAME.rpartition('.')[2]}")

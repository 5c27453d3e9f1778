"""For what a database outside a repository's folder is made: so that the same command finds what it has left, and no other's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.database.making import mark_of
from bunter.values import Principal

if TYPE_CHECKING:
    from bunter.datastore.store_address import StoreAddress

__all__ = ["claim_on", "settle_file"]


def claim_on(place: str | Path, root: Path | StoreAddress) -> str | None:
    """Return what a database that is made for a root is marked with; None for one inside it, which goes with its folder."""
    if _is_inside(place, root):
        return None
    return f"{root} on {Principal.current().host}" if isinstance(root, Path) else str(root)


def settle_file(place: str | Path, root: Path | StoreAddress) -> None:
    """Let a file be a repository's whose maker was killed when only this was left to do."""
    if isinstance(place, Path) and not _is_inside(place, root) and effects.stat(mark_of(place)) is not None:
        effects.unlink(mark_of(place), missing_ok=True)


def _is_inside(place: str | Path, root: Path | StoreAddress) -> bool:
    return isinstance(place, Path) and isinstance(root, Path) and place.is_relative_to(root)

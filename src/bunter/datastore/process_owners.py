"""Owners of staged artifacts that are known to this process alone, and end with it."""

from __future__ import annotations

import secrets

__all__ = ["ProcessOwners"]


class ProcessOwners:
    """What stores and journals have whose staging is in the memory of this process."""

    def __init__(self) -> None:
        self._owners: set[str] = set()

    def own(self) -> str:
        """Begin an owner."""
        owner = secrets.token_hex(8)
        self._owners.add(owner)
        return owner

    def disown(self, owner: str) -> None:
        """End an owner."""
        self._owners.discard(owner)

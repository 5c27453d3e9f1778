"""Artifacts of named arrays that are open for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Opened"]


class Opened(Protocol):
    """An artifact that is open for reading."""

    kind: str
    notes: Mapping[str, Any]

    def names(self) -> list[str]:
        """Names of the arrays."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array, without reading it."""

    def read(self, name: str, index: tuple[Any, ...] | None = None) -> Any:
        """Read an array, or the part of it that an index means."""

"""Rows that are kept by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Columns"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows that are kept by column; `Connection.upload` takes them as any others, and a server's without turning them.

    Parameters
    ----------
    columns : sequence of sequence
        One or more, all of one length.
    """

    columns: Sequence[Sequence[Any]]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self.columns, strict=True)

"""Numbers of things, and sizes, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["counted", "listed", "sized"]


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun in the right form: ``1 file``, ``2 files``, ``0 quanta``.

    Parameters
    ----------
    number : int
        How many.
    noun : str
        Name of one.
    plural : str, optional
        Name of many, where that is not the noun with an s.
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first few names, and how many more there are: ``a, b, c and 4 more``."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def sized(size: int) -> str:
    """Return a number of bytes as people say it: ``812 B``, ``18.3 kB``, ``541.9 MB``; powers of 1000."""
    if size < 1000:
        return f"{size} B"
    value, units = size / 1000, ["kB", "MB", "GB", "TB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{value:.1f} {units[0]}"

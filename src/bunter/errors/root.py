"""The roots of all errors, and the near name that many of them offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ButlerError", "UserError", "near"]


def near(name: str, candidates: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name that is nearest, or nothing when none is near."""
    import difflib

    known = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.6)
    return f"; did you mean {known[found[0]]!r}?" if found else ""


class ButlerError(Exception):
    """Root of all errors of Bunter."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class UserError(ButlerError):
    """An error that whoever gave the command or made the call can fix."""

"""What libraries say of files that they cannot read, on one line."""

from __future__ import annotations

__all__ = ["in_short"]

_MOST = 300


def in_short(error: BaseException) -> str:
    """Return the message of an error without line breaks, and not longer than a few lines; its class where it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."

"""The command ``bunter``: a command parses, calls one thing, prints."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    from bunter.cli.program import run

    raise SystemExit(run())

"""Arguments that many commands share, and how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["as_of_option", "data_id_of", "dry_run_option", "names_of"]

as_of_option = click.option(
    "--as-of",
    metavar="WHEN",
    help="Show the repository as it stood: a change number, a snapshot, or a time such as 2026-03-01T12:00 (UTC).",
)
dry_run_option = click.option("-n", "--dry-run", is_flag=True, help="Say what would happen and change nothing.")


def names_of(groups: Sequence[str]) -> list[str]:
    """Return the names in arguments that may each hold several, separated by commas."""
    return [name for group in groups for name in group.split(",") if name]


def data_id_of(pairs: Sequence[str]) -> dict[str, int | str]:
    """Read ``KEY=VALUE`` arguments; whole numbers become int."""
    if bad := [pair for pair in pairs if "=" not in pair]:
        raise click.UsageError(f"{bad[0]!r} is not KEY=VALUE, such as detector=3")
    return {key: _number(value) for key, _, value in (pair.partition("=") for pair in pairs)}


def _number(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text

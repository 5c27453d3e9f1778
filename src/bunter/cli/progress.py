"""Progress of transfers on standard error, in bytes, where somebody looks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.datastore.carriage import Progress

__all__ = ["bytes_told"]


def bytes_told() -> Callable[[Progress], None] | None:
    """Return what shows how far a transfer has come; None where standard error is no terminal, or progress is unwanted."""
    context = click.get_current_context(silent=True)
    wanted = None if context is None else context.find_root().params.get("progress")
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        return None
    from bunter import effects
    from bunter.values import counted, sized

    last = [0.0]

    def told(now: Progress) -> None:
        moment = effects.monotonic()
        if moment - last[0] > 0.2:
            last[0] = moment
            click.echo(f"\r{counted(now.artifacts, 'artifact')}, {sized(now.done)}   ", nl=False, err=True)

    return told

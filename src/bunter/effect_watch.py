"""Who watches the effects: a hook that tests set, the count of steps, and the kill at one of them.

With ``BUNTER_KILL_AT=n`` in the environment the process kills itself with SIGKILL just before its n-th *step*, an effect
that changes something; ``BUNTER_COUNT_STEPS=file`` writes the number of steps there at exit.
"""

from __future__ import annotations

import atexit
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[str, str], None]

__all__ = ["watch"]


class _Watch:
    """What is told of each effect, and the count of those that change something."""

    __slots__ = ("hook", "kill_at", "steps")

    def __init__(self, kill_at: int) -> None:
        self.hook: Hook | None = None
        self.kill_at = kill_at
        self.steps = 0

    def look(self, operation: str, path: str | Path) -> None:
        if self.hook is not None:
            self.hook(operation, str(path))

    def step(self, operation: str, path: str | Path) -> None:
        self.look(operation, path)
        self.steps += 1
        if self.steps == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


watch = _Watch(int(os.environ.get("BUNTER_KILL_AT", "0")))


def _write_count(path: str, owner: int) -> None:
    if os.getpid() == owner:
        Path(path).write_text(str(watch.steps), encoding="ascii")  # not itself an effect to be counted


if _count_file := os.environ.get("BUNTER_COUNT_STEPS"):
    atexit.register(_write_count, _count_file, os.getpid())

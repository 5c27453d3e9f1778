"""Ctrl-C and SIGTERM as a wish that the run heeds between two steps, or at once where a task is running in this process."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

__all__ = ["Interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Catches signals while it is entered, in the main thread; elsewhere it does nothing.

    Parameters
    ----------
    is_busy : callable
        Whether a task runs in this process, which is then ended by KeyboardInterrupt.
    """

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self.caught: str = ""
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._catch) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _catch(self, number: int, frame: FrameType | None) -> None:
        del frame
        again = bool(self.caught)
        self.caught = signal.Signals(number).name
        if again or self._is_busy():
            raise KeyboardInterrupt(self.caught)

"""Failures of a library said in our words, where a block of calls ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Worded"]


class Worded:
    """A context that lets someone raise another error in place of the one that ends its block.

    A class, and no generator: it is entered for each of many small requests, and costs a third.

    Parameters
    ----------
    say : callable
        Takes the error, and what else is given; raises a better one from it, or returns, and then the error goes on as it is.
    *about
        What is told to ``say`` besides.
    """

    __slots__ = ("_about", "_say")

    def __init__(self, say: Callable[..., object], *about: Any) -> None:
        self._say, self._about = say, about

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._say(error, *self._about)

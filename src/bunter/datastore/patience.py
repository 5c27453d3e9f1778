"""How long a request is repeated: a service that is busy is waited for, one that is not there is soon told."""

from __future__ import annotations

import errno
import re
from datetime import timedelta
from socket import gaierror
from typing import TYPE_CHECKING, Any, TypeVar

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["ABSENT_S", "PASSING", "PATIENCE_S", "Patience", "is_nobody_there", "tells_of_nobody"]

PATIENCE_S = 60.0
"""Seconds for which failing requests are repeated, unless the site says otherwise."""

ABSENT_S = 6.0
"""Seconds for which a service is looked for that takes no connection, which it may do while it starts again."""

PASSING = frozenset({429, 500, 502, 503, 504})
"""Answers of a server that is busy or not quite there, after which a request is repeated."""

_RETRIES = 10
_NO_CONNECTION = re.compile(r"kind: Connect\b|ConnectError\(")
_REPEATED = re.compile(r"after [1-9]\d* retries")
_NEVER = re.compile(r"status code: 50[15]\b")  # the service does not do this, and will not later

_NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ECONNREFUSED})

_Result = TypeVar("_Result")


class Patience:
    """Repeats requests of obstore for as long as the site says, and for a few seconds where nobody takes the connection.

    Obstore has one patience for both. So it is given that of a few seconds, and what it gave up is begun again here.

    Parameters
    ----------
    limit_s : float
        Seconds for which failing requests are repeated.
    """

    __slots__ = ("limit_s",)

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s

    def of_client(self) -> dict[str, Any]:
        """Return what obstore is told."""
        backoff = {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=2),
            "base": 2,
        }
        return {
            "max_retries": _RETRIES if self.limit_s else 0,
            "retry_timeout": timedelta(seconds=min(self.limit_s, ABSENT_S)),
            "backoff": backoff,
        }

    def again(self, act: Callable[[], _Result]) -> _Result:
        """Act until it succeeds, or fails for good."""
        end = 0.0
        while True:
            try:
                return act()
            except Exception as exc:  # noqa: BLE001 - raised again unless it may pass
                end = self._end(exc, end)

    async def again_async(self, act: Callable[[], Awaitable[_Result]]) -> _Result:
        """As `again`, for an asynchronous ``act``."""
        end = 0.0
        while True:
            try:
                return await act()
            except Exception as exc:  # noqa: BLE001 - raised again unless it may pass
                end = self._end(exc, end)

    def _end(self, exc: Exception, end: float) -> float:
        """Return until when to go on, of which obstore has used up the first seconds; raise what is not worth it."""
        told, now = str(exc), effects.monotonic()
        end = end or now + self.limit_s - ABSENT_S
        if now >= end or not _REPEATED.search(told) or tells_of_nobody(exc) or _NEVER.search(told):
            raise exc
        return end


def is_nobody_there(exc: BaseException) -> bool:
    """Whether no connection was to be had: refused, no such host, or no way there; not one that broke off later."""
    return isinstance(exc, ConnectionRefusedError | gaierror) or getattr(exc, "errno", None) in _NO_WAY


def tells_of_nobody(exc: BaseException) -> bool:
    """Whether an error of obstore says that no connection was to be had."""
    return _NO_CONNECTION.search(str(exc)) is not None

"""How long a request is repeated: a service that is busy is waited for, one that is not there is soon told."""

from __future__ import annotations

import errno
import re
import ssl
from datetime import timedelta
from http.client import IncompleteRead
from socket import gaierror
from typing import TYPE_CHECKING, Any, TypeVar

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["ABSENT_S", "PASSING", "PATIENCE_S", "Attempts", "Patience", "may_pass", "tells_of_nobody"]

PATIENCE_S = 60.0
"""Seconds for which failing requests are repeated, unless the site says otherwise."""

ABSENT_S = 6.0
"""Seconds for which a service is looked for that takes no connection, which it may do while it starts again."""

PASSING = frozenset({408, 429, 500, 502, 503, 504, *range(520, 525), 529})
"""Answers of a server, or of what stands before it, that is busy or not quite there; after others a request is not repeated."""

_RETRIES = 10
_ANSWERED = re.compile(r"Server returned non-2xx status code: (\d{3})")
_NO_CONNECTION = re.compile(r"kind: Connect\b|ConnectError\(")
_BROKEN_OFF = re.compile(r"HttpError \{\s*kind: (?:Interrupted|Request)\b")
_REPEATED = re.compile(r"after [1-9]\d* retries")  # by obstore, such as errors that come with status 200

_BROKEN = (ConnectionError, IncompleteRead, ssl.SSLEOFError, ssl.SSLZeroReturnError)
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
        attempts: Attempts | None = None
        while True:
            try:
                return act()
            except Exception as exc:
                attempts = attempts or self._attempts()
                if not (may_pass(exc) and attempts.has_time(exc)):
                    raise

    async def again_async(self, act: Callable[[], Awaitable[_Result]]) -> _Result:
        """As `again`, for an asynchronous ``act``."""
        attempts: Attempts | None = None
        while True:
            try:
                return await act()
            except Exception as exc:
                attempts = attempts or self._attempts()
                if not (may_pass(exc) and attempts.has_time(exc)):
                    raise

    def _attempts(self) -> Attempts:
        """Begin to count, when obstore has used up the first seconds."""
        return Attempts(self.limit_s, spent_s=ABSENT_S)


class Attempts:
    """The attempts at one request, and the time for them.

    Time counts from the first failure, as a large file may have been on its way for long when its connection breaks.

    Parameters
    ----------
    limit_s : float
        Seconds for which it is repeated.
    spent_s : float
        How many of them are over at the first failure.
    """

    __slots__ = ("_begin_s", "_limit_s", "_pause_s", "_spent_s")

    def __init__(self, limit_s: float, *, spent_s: float = 0.0) -> None:
        self._limit_s, self._spent_s = limit_s, spent_s
        self._begin_s, self._pause_s = 0.0, 0.1

    def has_time(self, told: int | BaseException) -> bool:
        """Whether time is left after a failure, of which less is given to a service that is not there."""
        now = effects.monotonic()
        self._begin_s = self._begin_s or now
        limit = min(self._limit_s, ABSENT_S) if _is_absent(told) else self._limit_s
        return now - self._begin_s + self._spent_s < limit

    def pause(self) -> None:
        """Wait, each time for longer."""
        effects.sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 2, 2.0)


def may_pass(told: int | BaseException) -> bool:
    """Whether an answer, or an exception that came instead, may be another one soon: a busy server, a connection that broke off.

    A server that was silent until the time for its answer was over is not waited for again: that took minutes.
    """
    if isinstance(told, int):
        return told in PASSING
    if isinstance(told, _BROKEN) or _is_nobody_there(told):
        return True
    text = str(told)  # of obstore, whose errors have no attribute for it
    if (answered := _ANSWERED.search(text)) is not None:
        return int(answered.group(1)) in PASSING
    return any(sign.search(text) for sign in (_NO_CONNECTION, _BROKEN_OFF, _REPEATED))


def tells_of_nobody(exc: BaseException) -> bool:
    """Whether an error of obstore says that no connection was to be had."""
    return _NO_CONNECTION.search(str(exc)) is not None


def _is_nobody_there(exc: BaseException) -> bool:
    """Whether no connection was to be had: refused, no such host, or no way there; not one that broke off later."""
    return isinstance(exc, ConnectionRefusedError | gaierror) or getattr(exc, "errno", None) in _NO_WAY


def _is_absent(told: int | BaseException) -> bool:
    return not isinstance(told, int) and (_is_nobody_there(told) or tells_of_nobody(told))

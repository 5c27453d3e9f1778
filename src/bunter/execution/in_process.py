"""Quanta in this process, one at a time: the same path as in worker processes, without them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bunter.execution.crew import Done

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.execution.crew import CrewEvent
    from bunter.execution.limits import Limits
    from bunter.execution.message import Request
    from bunter.execution.outlet import Outlet
    from bunter.execution.worker import Worker

__all__ = ["InProcess", "warn_alone"]

_log = logging.getLogger(__name__)


class InProcess:
    """A crew of one: the process itself.

    Parameters
    ----------
    make_worker : callable
        Makes the worker when the first quantum is to run.
    """

    def __init__(self, make_worker: Callable[[], Worker]) -> None:
        self._make_worker = make_worker
        self._worker: Worker | None = None
        self._request: Request | None = None
        self.is_busy = False

    def start(self) -> None:
        """Nothing is to be warmed up."""

    def has_place(self) -> bool:
        """Whether it can take a request."""
        return self._request is None

    def submit(self, request: Request, label: str, worker: int | None = None, *, must: bool = False) -> None:
        """Take a request."""
        del label, worker, must
        self._request = request

    def wait(self, timeout_s: float) -> list[CrewEvent]:
        """Run what was submitted."""
        del timeout_s
        if self._request is None:
            return []
        self._worker = self._worker or self._make_worker()
        request = self._request
        self.is_busy = True
        try:
            outcome = self._worker.run(request)
        finally:
            self.is_busy = False
        self._request = None
        return [Done(request, outcome)]

    def stop(self) -> list[Request]:
        """Give back what has not ended."""
        left, self._request = self._request, None
        return [] if left is None else [left]


def warn_alone(jobs: int, limits: Limits, outlet: Outlet) -> None:
    """Say what nobody does where quanta run in this process because no other reaches what they write."""
    if outlet.can_be_shared or (jobs == 1 and not limits.bind):
        return
    _log.warning(
        "the datasets of this repository are in the memory of this process, so quanta run here one after the other, and no limit"
        " of time or memory is enforced; put the repository into a folder for workers and limits"
    )

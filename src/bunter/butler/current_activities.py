"""Which activity a change belongs to: the one that was opened, or that of the session, made when it first writes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bunter.dataset.activity import Activity
from bunter.values.program import current_command

if TYPE_CHECKING:
    from bunter.values import Principal

__all__ = ["CurrentActivities"]


class CurrentActivities:
    """Activities of one butler: each thread has its own open ones, and all share that of the session.

    Parameters
    ----------
    principal : Principal
        Who acts.
    """

    def __init__(self, principal: Principal) -> None:
        self._principal = principal
        self._local = threading.local()
        self._lock = threading.Lock()
        self._session: Activity | None = None
        self._used: set[bytes] = set()

    @property
    def open(self) -> list[Activity]:
        """Activities that this thread has opened, the innermost last."""
        found: list[Activity] | None = getattr(self._local, "open", None)
        if found is None:
            found = self._local.open = []
        return found

    def current(self) -> Activity:
        """Return the activity that what is written now belongs to."""
        activity = self.open[-1] if self.open else self._of_session()
        self._used.add(activity.id)
        return activity

    def was_used(self, activity: Activity) -> bool:
        """Whether anything was written as part of it."""
        return activity.id in self._used

    def _of_session(self) -> Activity:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    kind = "command" if current_command()[0] else "session"
                    self._session = Activity.begin(self._principal, kind=kind)
        return self._session

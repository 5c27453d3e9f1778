"""What is done, as an activity with a beginning, an end and an outcome."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bunter.dataset.activity import Activity
from bunter.dataset.annotations import EndActivity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.butler.session import Session

__all__ = ["performed"]


@contextmanager
def performed(
    session: Session, label: str, *, kind: str, facts: Mapping[str, Any], key: str = "", only_outermost: bool = False
) -> Iterator[Activity]:
    """Let what this thread writes in the block belong to an activity; its end and outcome are noted if anything was.

    Parameters
    ----------
    session : Session
        The butler's.
    label, kind, facts, key
        As for `Activity.begin`.
    only_outermost : bool
        Whether an activity that is open already stays the one that counts; its end is that of its last change then.
    """
    activities = session.activities
    if only_outermost and activities.open:
        yield activities.open[-1]
        return
    within = {"within": activities.open[-1].label} if activities.open else {}
    activity = Activity.begin(session.principal, label, kind=kind, facts={**within, **facts}, key=key)
    activities.open.append(activity)
    outcome = "failed"
    try:
        yield activity
        outcome = "done"
    finally:
        if activities.was_used(activity) and session.unit is None and not only_outermost:
            session.commit([EndActivity(activity.id, outcome)])
        activities.open.remove(activity)

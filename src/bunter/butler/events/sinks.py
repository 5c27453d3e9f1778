"""Where events are delivered to: a file, an address, or what an installed package brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bunter.errors import SubscriptionError, near

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.dataset.event import Subscription

__all__ = ["PULL", "EventSink", "check_sink", "opened_sink"]

PULL = "pull"
"""The sink of subscriptions whose events are fetched, with `Events.follow`, instead of sent."""


@runtime_checkable
class EventSink(Protocol):
    """Takes events, in order and each at least once.

    Found by its short name among the entry points ``bunter.event_sinks``, which are called with the `Subscription`: its
    name and its target are what the user gave. Credentials come from the environment, never from the repository.
    """

    def send(self, events: Sequence[dict[str, Any]]) -> None:
        """Take events in the JSON form of CloudEvents; return once they are safe, raise anything if they are not.

        After an error the same events come again, perhaps with more behind them. An error with an attribute
        ``retry_after_s`` says how long to wait, in seconds.
        """

    def close(self) -> None:
        """Give up connections; nothing more will be sent."""


_BUILT_IN = {
    "file": "bunter.butler.events.file_sink:FileSink",
    "webhook": "bunter.butler.events.webhook:Webhook",
}


def opened_sink(subscription: Subscription) -> EventSink:
    """Make the sink of a subscription.

    Raises
    ------
    SubscriptionError
        If there is no such sink, or it cannot have this target.
    """
    made = _factory(subscription.sink)(subscription)
    if not isinstance(made, EventSink):
        raise SubscriptionError(
            f"the entry point {subscription.sink!r} of bunter.event_sinks makes no sink; upgrade or remove its package"
        )
    return made


def check_sink(subscription: Subscription) -> None:
    """Refuse a subscription whose sink or target cannot be; nothing is sent."""
    if subscription.sink == PULL:
        if subscription.target:
            raise SubscriptionError("events that are fetched have no target; leave it out, or name a sink")
        return
    opened_sink(subscription).close()


def _factory(kind: str) -> Callable[[Subscription], object]:
    import importlib
    from importlib.metadata import entry_points

    if kind in _BUILT_IN:
        module, _, attribute = _BUILT_IN[kind].partition(":")
        return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
    found = {entry.name: entry for entry in entry_points(group="bunter.event_sinks")}
    if kind not in found:
        known = [PULL, *_BUILT_IN, *found]
        raise SubscriptionError(
            f"no kind of sink {kind!r}{near(kind, known)}; there are {', '.join(known)}, and packages bring others by the "
            "entry point bunter.event_sinks"
        )
    return found[kind].load()  # type: ignore[no-any-return]

"""Events: what happened to a repository, told to those who subscribe."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.errors import SubscriptionError, near
from bunter.values import clock_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["KINDS", "Event", "RecordedEvent", "Subscription", "TellEvents", "listed_ids", "told_together"]

KINDS = {
    "datasets.added": "Datasets of one type were registered in a run.",
    "datasets.removed": "Datasets of one type were removed from a run.",
    "datasets.unstored": "Artifacts of datasets were removed; the datasets stay registered.",
    "collection.changed": "A collection was registered, edited, renamed or removed, or its members changed.",
    "run.started": "An attempt at a run began.",
    "run.ended": "An attempt at a run ended; the document says how.",
    "quanta.succeeded": "Quanta of one task were registered with their outputs.",
    "quantum.failed": "A quantum failed for good.",
    "artifact.lost": "A check did not find, or found damaged, an artifact that is recorded.",
}
"""Kinds of events and what they say."""

_LISTED = 100


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    collection : str
        The run or collection that it is about; empty if none.
    document : mapping
        What else is to be said, as JSON knows it.
    mark : str, optional
        What tells it from all others: an event with the same mark is told once, however often it is tried.
    """

    kind: str
    collection: str
    document: Mapping[str, Any] = field(default_factory=dict)
    mark: str = ""


@dataclass(frozen=True, slots=True)
class TellEvents:
    """Tell what no other change says: events are kept if anybody subscribes, in the transaction they belong to."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as it is kept.

    Parameters
    ----------
    change, place : int
        Number of the change that it is part of, and its place in it from 0; together its id.
    time : int
        When that was committed, ns TAI.
    user, host, command : str
        Who did it, where and with which command.
    event : Event
        What happened.
    """

    change: int
    place: int
    time: int
    user: str
    host: str
    command: str
    event: Event

    @property
    def id(self) -> str:
        """Its id in this repository, such as ``12.0``; a consumer that has seen it may leave out what comes again."""
        return f"{self.change}.{self.place}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the time is UTC."""
        return {
            "id": self.id,
            "change": self.change,
            "time": f"{clock_text(self.time)}Z",
            "kind": self.event.kind,
            "collection": self.event.collection,
            "user": self.user,
            "host": self.host,
            "command": self.command,
            **self.event.document,
        }

    def to_cloud_event(self, source: str) -> dict[str, Any]:
        """Return it in the JSON form of CloudEvents 1.0, as webhooks and message brokers understand.

        Parameters
        ----------
        source : str
            Address of the repository.
        """
        told: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": f"bunter.{self.event.kind}",
            "time": f"{clock_text(self.time)}Z",
            "datacontenttype": "application/json",
            "data": {"user": self.user, "host": self.host, "command": self.command, **self.event.document},
        }
        return {**told, "subject": self.event.collection} if self.event.collection else told


@dataclass(frozen=True, slots=True)
class Subscription:
    """Somebody who is told of events, and how far that is.

    Parameters
    ----------
    name : str
        Its name.
    sink : str
        How events get there: ``file``, ``webhook``, ``pull`` (they are fetched), or the name of an entry point of the
        group ``bunter.event_sinks``.
    target : str
        Where to: a path, an address.
    kinds, collections : tuple of str
        Patterns of the events wanted; none means all. An event without a collection passes only where none is named.
    position : int
        Number of the last change whose events it has been told.
    failures : int
        How often in a row it could not be told.
    next_try : int
        Not to be tried again before, ns TAI.
    problem : str
        Why it could not be told.
    holder : str
        Who tells it now, if anybody.
    held_until : int
        Until when, ns TAI.
    """

    name: str
    sink: str
    target: str = ""
    kinds: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    position: int = 0
    failures: int = 0
    next_try: int = 0
    problem: str = ""
    holder: str = ""
    held_until: int = 0

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise SubscriptionError(f"the name of a subscription has letters, digits, - and _ only, not {self.name!r}")
        for pattern in self.kinds:
            if not any(fnmatchcase(kind, pattern) for kind in KINDS):
                raise SubscriptionError(
                    f"no kind of event is like {pattern!r}{near(pattern, KINDS)}; there are {', '.join(KINDS)}"
                )

    def wants(self, event: Event) -> bool:
        """Whether it is to be told of an event."""
        return _fits(event.kind, self.kinds) and _fits(event.collection, self.collections)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "sink": self.sink,
            "target": self.target,
            "kinds": list(self.kinds),
            "collections": list(self.collections),
            "position": self.position,
            "failures": self.failures,
            "problem": self.problem,
        }


def told_together(events: Sequence[Event]) -> list[Event]:
    """Return the events of one transaction, those of datasets as one for each run and type, however many changes they came in."""
    together: dict[tuple[object, ...], Event] = {}
    for place, event in enumerate(events):
        is_alike = event.kind.startswith("datasets.") and not event.mark
        which = (event.kind, event.collection, event.document["dataset_type"]) if is_alike else (place,)
        before = together.get(which)
        together[which] = event if before is None else replace(event, document=_sum(before.document, event.document))
    return list(together.values())


def _sum(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    ids = [*one["ids"], *other["ids"]][:_LISTED]
    return {**one, "count": one["count"] + other["count"], "ids": ids}


def listed_ids(ids: Sequence[bytes]) -> dict[str, Any]:
    """Return number of datasets and their ids, as many as an event names."""
    return {"count": len(ids), "ids": [str(UUID(bytes=id_)) for id_ in ids[:_LISTED]]}


def _fits(word: str, patterns: Iterable[str]) -> bool:
    patterns = tuple(patterns)
    return not patterns or any(fnmatchcase(word, pattern) for pattern in patterns)

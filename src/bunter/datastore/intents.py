"""The journal of intents: what is about to appear in a store that has no staging area of its own, and on whose behalf."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from bunter import effects
from bunter.datastore.process_owners import ProcessOwners
from bunter.errors import KeyTakenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Transaction

__all__ = ["Intent", "IntentJournal", "MemoryJournal", "Process"]


@dataclass(frozen=True, slots=True)
class Intent:
    """One artifact that is about to appear.

    Parameters
    ----------
    key : str
        Its key.
    owner : str
        On whose behalf.
    move : str
        For a move, what to remove once it is committed (a `Move` as JSON); else empty.
    """

    key: str
    owner: str
    move: str = ""


class IntentJournal(Protocol):
    """Intents kept safe until they are settled. An owner that was taken for dead can no longer confirm what it announced."""

    def own(self) -> str:
        """Return a new owner; it lives until `disown` or until this process ends."""

    def disown(self, owner: str) -> None:
        """End an owner; what it has announced stays."""

    def announce(self, intents: Sequence[Intent]) -> None:
        """Write intents down, safely, before anything appears; KeyTakenError if a key is announced already."""

    def renew(self, owner: str) -> None:
        """Tell that the owner is still at work."""

    def confirm(self, transaction: Transaction, owner: str, keys: Sequence[str]) -> None:
        """Take intents out in the transaction that registers the artifacts; StoreUnavailableError if they are not ours any more."""

    def withdraw(self, owner: str, keys: Sequence[str]) -> None:
        """Forget intents; unknown ones are no error."""

    def unsettled(self) -> list[tuple[Intent, bool]]:
        """Every intent, and whether its owner lives."""

    def claim(self, owner: str, intents: Sequence[Intent]) -> list[Intent]:
        """Take intents over from their owners, so that these cannot confirm them; return those that were still theirs."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told apart from all others of all machines, also when its number is used again.

    Parameters
    ----------
    place : str
        Machine, its boot and the namespace of process numbers.
    number : int
        Process number.
    started : int
        When it began, in clock ticks since the boot; 0 where that is not known.
    """

    place: str
    number: int
    started: int

    @classmethod
    def current(cls) -> Process:
        """Return this process."""
        return cls(_place(), os.getpid(), _started(os.getpid()))

    def is_alive(self) -> bool | None:
        """Whether it still runs; None if it ran at a place that cannot be seen from here."""
        if self.place != _place():
            return None
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return _started(self.number) == self.started


def _place() -> str:
    try:
        boot = effects.read_bytes("/proc/sys/kernel/random/boot_id").decode().strip()
        space = os.readlink("/proc/self/ns/pid")  # not a file of ours
    except OSError:
        boot = space = ""
    return f"{socket.gethostname()}/{boot}/{space}"


def _started(number: int) -> int:
    try:
        return int(effects.read_bytes(f"/proc/{number}/stat").rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


class MemoryJournal(ProcessOwners):
    """Intents of this process, for stores in tests and for stores that hold nothing for long."""

    def __init__(self) -> None:
        super().__init__()
        self._intents: dict[str, Intent] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[MemoryJournal], tuple[()]]:
        return MemoryJournal, ()  # another process has intents of its own

    def announce(self, intents: Sequence[Intent]) -> None:
        """See `IntentJournal`."""
        with self._lock:
            refuse_taken(self._intents, [intent.key for intent in intents])
            self._intents |= {intent.key: intent for intent in intents}

    def renew(self, owner: str) -> None:
        """See `IntentJournal`; an owner here lives as long as this object."""

    def confirm(self, transaction: Transaction, owner: str, keys: Sequence[str]) -> None:  # noqa: ARG002 - no rows
        """See `IntentJournal`."""
        self.withdraw(owner, [key for key in keys if key in self._intents and not self._intents[key].move])

    def withdraw(self, owner: str, keys: Sequence[str]) -> None:
        """See `IntentJournal`."""
        with self._lock:
            for key in keys:
                if key in self._intents and self._intents[key].owner == owner:
                    del self._intents[key]

    def unsettled(self) -> list[tuple[Intent, bool]]:
        """See `IntentJournal`."""
        with self._lock:
            return [(intent, intent.owner in self._owners) for intent in self._intents.values()]

    def claim(self, owner: str, intents: Sequence[Intent]) -> list[Intent]:
        """See `IntentJournal`."""
        with self._lock:
            claimed = [replace(item, owner=owner) for item in intents if self._intents.get(item.key) == item]
            self._intents |= {intent.key: intent for intent in claimed}
        return claimed


def refuse_taken(known: Iterable[str], keys: Sequence[str]) -> None:
    """Raise KeyTakenError if one of the keys is known."""
    if taken := sorted(set(known).intersection(keys)):
        raise KeyTakenError(f"artifact key {taken[0]!r} is being published already; draw a new nonce")

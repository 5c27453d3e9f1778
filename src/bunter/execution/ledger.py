"""Group commit: outputs of many quanta are made durable together, then their receipts, and only then they count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

from bunter import effects
from bunter.datastore import Encoded
from bunter.datastore.key import escape
from bunter.execution.receipt import Artifact, Intent, Output, Receipt, Shared, encode_lines
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from bunter.execution.journal import Journal
    from bunter.execution.message import Outcome
    from bunter.execution.place import Place
    from bunter.execution.receipt import Line

__all__ = ["Flushed", "Ledger", "Sink"]

_THREADS = 8  # a journaling file system shares its commits among syncs that wait together


@dataclass(frozen=True, slots=True)
class Flushed:
    """A group of quanta that became durable together, or did not.

    Parameters
    ----------
    receipts : tuple of Receipt
        Their receipts, complete with metadata and log.
    shared : Artifact or None
        The artifact that holds their metadata and logs.
    error : Exception or None
        Why none of them is durable.
    """

    receipts: tuple[Receipt, ...]
    shared: Artifact | None = None
    error: Exception | None = None


class Sink(Protocol):
    """Takes what is committed, to make it visible in the registry."""

    def add(self, flushed: Flushed) -> None:
        """Take a committed group."""


@dataclass(slots=True)
class _Group:
    outcomes: list[Outcome] = field(default_factory=list)
    begun: float = 0.0


class Ledger:
    """Commits the outcomes of one job attempt, a group at a time, in a thread of its own.

    Parameters
    ----------
    place : Place
        Where the outputs are.
    journal : Journal
        Gets the receipts.
    sink : Sink
        Gets each committed group, in order.
    most : int, optional
        Most quanta in a group before it is due.
    delay_s : float, optional
        Longest time that a finished quantum waits, in seconds.
    """

    def __init__(self, place: Place, journal: Journal, sink: Sink, *, most: int = 512, delay_s: float = 0.5) -> None:
        self._place, self._journal, self._sink = place, journal, sink
        self._most, self._delay_s = most, delay_s
        self._group = _Group()
        self._running: Future[Flushed] | None = None
        self._known: set[str] = set()
        self._members: dict[str, tuple[Callable[[int], int], ...]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bunter-ledger")
        self._syncers = ThreadPoolExecutor(_THREADS, thread_name_prefix="bunter-sync")

    def close(self) -> None:
        """Wait for what is under way and end the threads."""
        self._thread.shutdown()
        self._syncers.shutdown()

    # ---- the side of the run

    def add(self, outcome: Outcome) -> None:
        """Take a finished quantum into the group that is gathering."""
        if not self._group.outcomes:
            self._group.begun = effects.monotonic()
        self._group.outcomes.append(outcome)

    @property
    def waiting(self) -> int:
        """Number of quanta that are gathered and not yet on their way."""
        return len(self._group.outcomes)

    def is_due(self) -> bool:
        """Whether the gathering group has waited long enough and nothing is under way."""
        if self._running is not None or not self._group.outcomes:
            return False
        return len(self._group.outcomes) >= self._most or effects.monotonic() - self._group.begun >= self._delay_s

    def begin(self) -> None:
        """Begin to commit the group, unless it is empty or another is under way."""
        if self._running is None and self._group.outcomes:
            outcomes, self._group = self._group.outcomes, _Group()
            self._running = self._thread.submit(self._commit, outcomes)

    def take(self, *, wait: bool = False) -> Flushed | None:
        """Return the group that was under way, None if there is none or it is not done and ``wait`` is false."""
        if self._running is None or not (wait or self._running.done()):
            return None
        running, self._running = self._running, None
        return running.result()

    def abandon(self) -> list[Outcome]:
        """Give up the gathering group, take back what it wrote, and return it."""
        outcomes, self._group = self._group.outcomes, _Group()
        self.discard(outcomes)
        return outcomes

    def discard(self, outcomes: Iterable[Outcome], shared: Artifact | None = None) -> None:
        """Take back what was written and not committed, as far as storage still obeys."""
        artifacts = [artifact for outcome in outcomes for artifact in outcome.receipt.artifacts]
        self._place.outlet.discard([*artifacts, *([shared] if shared else [])])

    # ---- the side of the thread

    def _commit(self, outcomes: Sequence[Outcome]) -> Flushed:
        successes = [outcome for outcome in outcomes if outcome.receipt.is_success]
        failures = [outcome.receipt for outcome in outcomes if not outcome.receipt.is_success]
        receipts = [outcome.receipt for outcome in successes]
        shared: Artifact | None = None
        try:
            shared, receipts = self._write_shared(successes)
            artifacts = [artifact for receipt in receipts for artifact in receipt.artifacts]
            artifacts += [] if shared is None else [shared]
            self._make_durable(artifacts)
            self._place.outlet.settle(artifacts)
            lines: list[Line] = [*failures, *([Shared(shared)] if shared else []), *receipts]
            self._journal.append(encode_lines(lines))
            self._journal.sync()
        except Exception as error:  # noqa: BLE001 - told to the run, which cannot go on
            self.discard(outcomes, shared)
            return Flushed((*failures, *receipts), None, error)
        flushed = Flushed((*failures, *receipts), shared)
        self._sink.add(flushed)
        return flushed

    def _write_shared(self, outcomes: Sequence[Outcome]) -> tuple[Artifact | None, list[Receipt]]:
        """Put metadata and logs into one artifact and complete the receipts with them."""
        pieces: list[bytes] = []
        offset = 0
        nonce = new_nonce()
        receipts: list[Receipt] = []
        for outcome in outcomes:
            members: list[Output] = []
            for row_of, document in zip(
                self._rows_of(outcome.receipt.quantum), (outcome.metadata, outcome.log), strict=False
            ):
                pieces.append(document + b"\n")
                members.append(Output(row_of, nonce, f"{offset}:{len(document) + 1}"))
                offset += len(document) + 1
            receipt = outcome.receipt
            receipts.append(msgspec.structs.replace(receipt, outputs=(*receipt.outputs, *members)))
        if not pieces:
            return None, receipts
        return self._publish(nonce, b"".join(pieces)), receipts

    def _publish(self, nonce: str, content: bytes) -> Artifact:
        run = "/".join(map(escape, self._place.graph.header.output_run.split("/")))
        key = f"{run}/logs/quanta-{nonce}.jsonl"
        return self._place.outlet.publish(
            nonce, key, Encoded(content, "jsonl", 1, ".jsonl"), self._place.shared_route()
        )

    def _rows_of(self, quantum: int) -> Iterable[int]:
        """Rows in the graph of the metadata and the log of a quantum."""
        if quantum < 0:
            return ()
        graph = self._place.graph
        label, own = graph.place(quantum)
        if label not in self._members:
            edges = [graph.edges[label, name] for name in ("_metadata", "_log")]
            self._members[label] = tuple(
                lambda own, edge=edge, table=graph.datasets[edge.dataset_type]: table.number(edge.of_quantum(own)[0])  # type: ignore[misc]
                for edge in edges
            )
        return [row(own) for row in self._members[label]]

    def _make_durable(self, artifacts: Sequence[Artifact]) -> None:
        """Announce the keys in the journal, and put files, directories and announcement on stable storage."""
        if not artifacts:
            return
        self._journal.append(encode_lines([Intent(tuple(artifact.key for artifact in artifacts))]))
        by_root = self._place.outlet.files(artifacts)
        files = [path for paths in by_root.values() for path in paths]
        directories = [
            directory
            for root, paths in by_root.items()
            for directory in self._changed({path.rpartition("/")[0] for path in paths}, root)
        ]
        waits = [self._syncers.submit(self._journal.sync)]
        waits += [
            self._syncers.submit(_each, effects.sync_file, files[i::_THREADS]) for i in range(min(_THREADS, len(files)))
        ]
        waits += [self._syncers.submit(_each, effects.sync_dir, directories)]
        for wait in waits:
            wait.result()

    def _changed(self, directories: set[str], root: str) -> list[str]:
        """Return directories that got new entries: those of new files, and parents not seen before."""
        changed = set(directories)
        for directory in directories:
            place = directory
            while place not in self._known and len(place) > len(root.rstrip("/")):
                self._known.add(place)
                place = place.rpartition("/")[0]
                changed.add(place)
        return sorted(changed)


def _each(effect: Callable[[str], None], paths: Iterable[str]) -> None:
    for path in paths:
        effect(path)

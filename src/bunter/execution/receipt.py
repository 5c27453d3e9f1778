"""What one quantum did, as a value that survives every crash; and the other lines of a job's journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Artifact",
    "Closed",
    "Discarded",
    "End",
    "Gathering",
    "Intent",
    "Line",
    "Opened",
    "Output",
    "Problem",
    "Receipt",
    "Resources",
    "Voided",
    "decode_line",
    "encode_lines",
]

SUCCEEDED, NO_WORK, PARTIAL, FAILED = "succeeded", "no_work", "partial", "failed"
KILLED, TIMEOUT, OUT_OF_MEMORY = "killed", "timeout", "oom"
End: TypeAlias = str


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """An artifact that the job published.

    Parameters
    ----------
    nonce : str
        Its identity.
    key : str
        Where it is in the datastore.
    datastore : str
        Name of the datastore.
    size : int
        Bytes.
    sha256, xxh3 : bytes
        Digests of the content.
    format : str
        Name of the format.
    version : int
        Version of the format.
    copies : tuple of str
        Names of further datastores that have a copy under the same key.
    """

    nonce: str
    key: str
    datastore: str
    size: int
    sha256: bytes
    xxh3: bytes
    format: str
    version: int
    copies: tuple[str, ...] = ()


class Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """A dataset that was written, or a component that is kept apart.

    Parameters
    ----------
    row : int
        Its number in the graph.
    nonce, selector : str
        The artifact, and where in it.
    component : str
        The component, empty for the whole.
    plain : str
        Digest (XXH3-128, hexadecimal) of the content without the stamp that the artifact has; empty if it has none.
    """

    row: int
    nonce: str
    selector: str = ""
    component: str = ""
    plain: str = ""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a quantum failed.

    Parameters
    ----------
    type : str
        Name of the exception's class, or what else it was: ``killed``, ``timeout``, ``oom`` (memory ran out).
    message : str
        One sentence.
    log : str, optional
        File that holds the log of the quantum.
    transient : bool
        Whether another try may succeed.
    fatal : bool
        Whether nothing in this run can work.
    family : tuple of str
        Names of the classes from which the exception's class derives.
    limit : int
        The limit of memory that was in force, in bytes; 0 for none.
    numbers : dict
        Measurements that describe a documented failure.
    """

    type: str
    message: str
    log: str = ""
    transient: bool = False
    fatal: bool = False
    family: tuple[str, ...] = ()
    limit: int = 0
    numbers: dict[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"

    @property
    def is_out_of_memory(self) -> bool:
        """Whether memory ran out: a limit was passed, the kernel killed the worker, or Python could not allocate."""
        return self.type in {OUT_OF_MEMORY, "MemoryError"} or "MemoryError" in self.family

    @property
    def names(self) -> tuple[str, ...]:
        """Words by which it can be chosen to be tried again."""
        return (self.type, *self.family, *(("memory", OUT_OF_MEMORY) if self.is_out_of_memory else ()))


class Resources(msgspec.Struct, frozen=True):
    """What the work took.

    Parameters
    ----------
    begin_ns : int
        When it began, ns UTC since 1970.
    wall_s, cpu_s : float
        Elapsed time, and CPU time of the process, in seconds.
    peak_memory : int
        Greatest resident size of the process so far, in bytes.
    host : str
        Machine.
    process : int
        Process ID.
    """

    begin_ns: int
    wall_s: float
    cpu_s: float
    peak_memory: int
    host: str
    process: int


class Opened(msgspec.Struct, frozen=True, tag="opened", tag_field="kind", omit_defaults=True):
    """First line: which attempt of which job this is, and its quanta as spans, both ends in; none if it may run any."""

    graph: str
    run: str
    job: str
    attempt: int
    begin_ns: int
    user: str
    host: str
    process: int
    quanta: tuple[tuple[int, int], ...] = ()


class Intent(msgspec.Struct, frozen=True, tag="intent", tag_field="kind"):
    """Keys that are about to be published; those that no later receipt names are orphans if the job is dead."""

    keys: tuple[str, ...]


class Receipt(msgspec.Struct, frozen=True, tag="receipt", tag_field="kind", omit_defaults=True):
    """The end of one quantum. A success with a receipt on stable storage is committed.

    Parameters
    ----------
    quantum : int
        Number in the graph; ``-1 - i`` for the construction of the i-th task.
    attempt : int
        Number of the job attempt.
    retry : int
        How often the quantum was tried in this attempt before.
    end : str
        ``succeeded``, ``no_work``, ``partial`` (flawed outputs that were accepted) or ``failed``.
    outputs : tuple of Output
        Datasets that it wrote.
    artifacts : tuple of Artifact
        Artifacts of its own; artifacts that are shared stand in a line of their own before.
    unread : tuple of int
        Inputs, by number in the graph, that were predicted and not read.
    resources : Resources, optional
        What it took.
    problem : Problem, optional
        Why it failed, or why there was nothing to do.
    is_deprived : bool
        Whether inputs were lacking because what should have made them had failed.
    rejected : tuple of (int, str)
        Inputs, by number in the graph, that were looked at and not used, each with the reason.
    handed : tuple of int
        Datasets, by number in the graph, that it made and gave to their only reader in memory; they are stored nowhere.
    """

    quantum: int
    attempt: int
    end: End
    retry: int = 0
    outputs: tuple[Output, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    unread: tuple[int, ...] = ()
    resources: Resources | None = None
    problem: Problem | None = None
    is_deprived: bool = False
    rejected: tuple[tuple[int, str], ...] = ()
    handed: tuple[int, ...] = ()

    @property
    def is_success(self) -> bool:
        """Whether its outputs count."""
        return self.end != FAILED


class Shared(msgspec.Struct, frozen=True, tag="shared", tag_field="kind"):
    """An artifact with members of many quanta: logs, metadata."""

    artifact: Artifact


class Closed(msgspec.Struct, frozen=True, tag="closed", tag_field="kind", omit_defaults=True):
    """Last line: the attempt is over, and what it announced without a receipt is nobody's.

    Parameters
    ----------
    end_ns : int
        When, ns UTC since 1970.
    blocked : tuple of int
        Quanta that it did not run, because what makes their inputs has failed.
    """

    end_ns: int
    blocked: tuple[int, ...] = ()


class Voided(msgspec.Struct, frozen=True, tag="voided", tag_field="kind"):
    """What earlier journals tell of these quanta counts no longer: they are to be run again."""

    quanta: tuple[int, ...]


class Discarded(msgspec.Struct, frozen=True, tag="discarded", tag_field="kind"):
    """Datasets, by number, that were made and are not kept; the quanta that made them stay done."""

    rows: tuple[int, ...]


Line: TypeAlias = Opened | Intent | Receipt | Shared | Closed | Voided | Discarded

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Opened | Intent | Receipt | Shared | Closed | Voided | Discarded)


def encode_lines(lines: Iterable[Line]) -> list[bytes]:
    """Write journal lines as JSON objects."""
    return [_encoder.encode(line) for line in lines]


def decode_line(document: bytes) -> Line:
    """Read a journal line from JSON; members of newer versions are passed over."""
    line: Line = _decoder.decode(document)
    return line


@dataclass(frozen=True, slots=True)
class Told:
    """What the journals of a run say, all attempts taken together.

    Parameters
    ----------
    receipts : tuple of Receipt
        One per successful quantum, the first that was told.
    failures : tuple of Receipt
        The last failure of each quantum without success.
    artifacts : dict of str to Artifact
        Artifacts of the receipts, by nonce.
    orphans : tuple of str
        Keys that were announced and that no successful receipt names.
    attempts : int
        Number of job attempts.
    discarded : frozenset of int
        Datasets, by number, that were made and dropped because they are not to be kept.
    blocked : frozenset of int
        Quanta that jobs did not run, because what makes their inputs has failed.
    """

    receipts: tuple[Receipt, ...]
    failures: tuple[Receipt, ...]
    artifacts: dict[str, Artifact]
    orphans: tuple[str, ...]
    attempts: int
    discarded: frozenset[int] = frozenset()
    blocked: frozenset[int] = frozenset()

    def size_of(self, output: Output) -> int:
        """Bytes of an output: those of its member where it shares an artifact, else those of the artifact."""
        _, _, size = output.selector.partition(":")
        return int(size) if output.selector else self.artifacts[output.nonce].size


class Gathering:
    """Takes the lines of journals together as they come; what is told first of a quantum's success counts."""

    def __init__(self) -> None:
        self._successes: dict[int, Receipt] = {}
        self._failures: dict[int, Receipt] = {}
        self._artifacts: dict[str, Artifact] = {}
        self._announced: dict[str, None] = {}
        self._discarded: set[int] = set()
        self._blocked: set[int] = set()

    def take(self, lines: Iterable[Line]) -> None:
        """Take lines of a journal, oldest first."""
        for line in lines:
            match line:
                case Intent(keys):
                    self._announced |= dict.fromkeys(keys)
                case Discarded(rows):
                    self._discarded.update(rows)
                case Closed(_, among):
                    self._blocked.update(among)
                case Shared(artifact):
                    self._artifacts[artifact.nonce] = artifact
                case Receipt():
                    self._take_receipt(line)
                case Voided(quanta):
                    for quantum in quanta:
                        self._successes.pop(quantum, None)
                        self._failures.pop(quantum, None)
                        self._blocked.discard(quantum)
                case _:
                    pass

    def _take_receipt(self, receipt: Receipt) -> None:
        if not receipt.is_success:
            self._failures[receipt.quantum] = receipt
        elif receipt.quantum not in self._successes:
            self._successes[receipt.quantum] = receipt
            self._discarded.update(receipt.handed)
            self._artifacts |= {artifact.nonce: artifact for artifact in receipt.artifacts}

    def told(self, attempts: int) -> Told:
        """Return what was told so far, by so many attempts."""
        successes = self._successes
        used = {output.nonce for receipt in successes.values() for output in receipt.outputs}
        artifacts = {nonce: artifact for nonce, artifact in self._artifacts.items() if nonce in used}
        kept = {artifact.key for artifact in artifacts.values()}
        return Told(
            receipts=tuple(successes.values()),
            failures=tuple(receipt for quantum, receipt in self._failures.items() if quantum not in successes),
            artifacts=artifacts,
            orphans=tuple(key for key in self._announced if key not in kept),
            attempts=attempts,
            discarded=frozenset(self._discarded),
            blocked=frozenset(self._blocked - successes.keys()),
        )


def gather(journals: Iterable[Iterable[Line]]) -> Told:
    """Take the journals of a run's attempts together, oldest first.

    The first success of a quantum counts; what a second one published is an orphan.
    """
    gathering, attempts = Gathering(), 0
    for lines in journals:
        attempts += 1
        gathering.take(lines)
    return gathering.told(attempts)

"""The folder of a run: what was asked for, the graph, the journals of all attempts, logs of failures, the summary."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

from bunter import effects
from bunter.butler.runs_place import FOREIGN, RUNS, run_folder
from bunter.datastore.key import escape, shorten
from bunter.errors import RunError
from bunter.execution.journal import Journal, read_lines
from bunter.execution.receipt import Told, decode_line, gather
from bunter.graph.far import fetched, is_far
from bunter.values import Principal, new_nonce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler import Butler
    from bunter.execution.receipt_index import ReceiptIndex
    from bunter.graph import QuantumGraph

__all__ = ["EXTENDED", "RUNS", "RunDirectory", "RunRequest", "run_directories", "runs_root"]

EXTENDED = "extended"
"""Status of a part of a run that a further part has taken over."""
_OF_MEMORY: WeakKeyDictionary[Any, tempfile.TemporaryDirectory[str]] = WeakKeyDictionary()
_LOCAL = "local"
_PART = re.compile(r"%part(\d+)$")
_JOURNAL = re.compile(r"journal-(.+)-(\d+)\.jsonl")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What was asked for; the same request resumes the run.

    Parameters
    ----------
    pipeline : str
        Hash of the resolved pipeline with its configurations.
    inputs : tuple of str
        Collections searched for inputs.
    output : str
        The chain that shows the results; empty if only a run was named.
    where : str
        Selection.
    more : str
        Everything else that decides what the graph is, as text.
    """

    pipeline: str
    inputs: tuple[str, ...]
    output: str
    where: str = ""
    more: str = ""

    def differences(self, other: RunRequest) -> list[str]:
        """Names of what differs."""
        words = {
            "pipeline": "pipeline or its configuration",
            "inputs": "inputs",
            "output": "output",
            "where": "selection",
        }
        return [words.get(name, "options") for name in self.__slots__ if getattr(self, name) != getattr(other, name)]


class RunDirectory:
    """The folder of one run.

    Parameters
    ----------
    path : Path
        The folder; made by `create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, root: Path, run: str) -> Self:
        """Folder of a run in a repository, whether it exists or not; of an extended run that of its last part."""
        every = cls.parts(root, run)
        return every[-1] if every else cls(run_folder(root, run))

    @classmethod
    def parts(cls, root: Path, run: str) -> list[Self]:
        """Folders of a run, each with a graph of its own; the first is older than what extended it."""
        found: list[Self] = []
        while (directory := cls(run_folder(root, run, len(found) + 1))).exists:
            found.append(directory)
        return found

    @classmethod
    def extend(cls, root: Path, run: str, request: RunRequest) -> Self:
        """Make one more folder for a run that is there, for what is planned in addition."""
        return cls._create(root, run, request, len(cls.parts(root, run)) + 1)

    @classmethod
    def create(cls, root: Path, run: str, request: RunRequest) -> Self:
        """Make the folder of a new run.

        Raises
        ------
        FileExistsError
            If the run has one already.
        """
        return cls._create(root, run, request, 1)

    @classmethod
    def _create(cls, root: Path, run: str, request: RunRequest, part: int) -> Self:
        directory = cls(run_folder(root, run, part))
        effects.mkdirs(root / RUNS)
        staged = root / RUNS / f".{new_nonce()}"
        effects.mkdirs(staged)
        document = {
            "run": run,
            "created_ns": effects.now_ns(),
            "user": str(Principal.current()),
            "request": asdict(request),
        }
        effects.write_new(staged / "request.json", json.dumps(document, indent=1).encode(), sync=True)
        effects.sync_dir(staged)
        try:
            effects.rename(staged, directory.path)  # fails if the name is taken by a folder that is not empty
        except OSError as error:
            effects.unlink(staged / "request.json")
            effects.rmdir(staged)
            raise FileExistsError(str(directory.path)) from error
        effects.sync_dir(root / RUNS)
        effects.mkdirs(directory.path / "logs")
        return directory

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    @property
    def part(self) -> int:
        """Which part of its run this is, from 1."""
        match = _PART.search(self.path.name)
        return int(match[1]) if match else 1

    @property
    def exists(self) -> bool:
        """Whether the run was ever begun here."""
        return effects.stat(self.path / "request.json") is not None

    def _document(self) -> dict[str, Any]:
        path = self.path / "request.json"
        try:
            document: dict[str, Any] = json.loads(effects.read_bytes(path))
        except ValueError:
            document = {}
        if isinstance(document, dict) and [type(document.get(name)) for name in ("run", "created_ns")] == [str, int]:
            return document
        raise RunError(f"{path} does not say which run it is of, so it was damaged, or came so; move its folder away")

    @property
    def run(self) -> str:
        """Name of the run."""
        return str(self._document()["run"])

    @property
    def created_ns(self) -> int:
        """When the run was begun, ns UTC since 1970."""
        return int(self._document()["created_ns"])

    @property
    def request(self) -> RunRequest:
        """What was asked for."""
        plain = self._document()["request"]
        return RunRequest(**{**plain, "inputs": tuple(plain["inputs"])})

    def forget(self) -> None:
        """Remove a run that was never planned."""
        if not self.has_graph():
            for name in ("request.json", "lock"):
                effects.unlink(self.path / name, missing_ok=True)
            for path in (self.path / "logs", self.path):
                effects.rmdir(path)

    # ---- one process at a time

    def lock(self) -> effects.Lease:
        """Take the run for this process until the lease is closed or the process ends.

        Raises
        ------
        RunError
            If another process works on it, or it came from another repository.
        """
        self._refuse_foreign()
        lease = effects.flock(self.path / "lock", blocking=False)
        if lease is None:
            owner = effects.read_bytes(self.path / "lock").decode(errors="replace").strip()
            raise RunError(
                f"the run {self.run!r} is being worked on by {owner or 'another process'}; wait for it, or stop it"
            )
        os.ftruncate(lease.fileno(), 0)
        os.write(lease.fileno(), f"process {os.getpid()} on {os.uname().nodename}".encode())
        return lease

    def _refuse_foreign(self) -> None:
        if self.is_foreign:
            raise RunError(
                f"the run {self.run!r} was made in another repository and can only be looked at here; begin one of your own, "
                f"with --skip-existing-in {self.run} for what it has done"
            )

    @property
    def is_foreign(self) -> bool:
        """Whether the folder came along with datasets of another repository."""
        return effects.stat(self.path / FOREIGN) is not None

    def share(self) -> effects.Lease:
        """Keep the run from being worked on by one process alone, as `lock` does, for as long as jobs work on it.

        Raises
        ------
        RunError
            If a process has taken it for itself, or it came from another repository.
        """
        self._refuse_foreign()
        lease = effects.flock(self.path / "lock", exclusive=False, blocking=False)
        if lease is None:
            raise RunError(f"a process works on {self.path} alone, so that jobs cannot; wait for it, or stop it")
        return lease

    # ---- the graph

    @property
    def graph_path(self) -> Path:
        """Where the graph is."""
        return self.path / "graph.bqg"

    def has_graph(self) -> bool:
        """Whether the graph was stored whole."""
        return effects.stat(self.graph_path) is not None

    def graph(self) -> QuantumGraph:
        """Open the stored graph."""
        from bunter.graph import QuantumGraph

        return QuantumGraph.read(self.graph_path)

    def adopt_graph(self, path: Path | str) -> None:
        """Take a copy of a graph file, which may be in a storage service."""
        staged = self.path / f".graph-{new_nonce()}"
        if isinstance(path, str) and is_far(path):
            effects.write_new(staged, fetched(path), sync=True)
        else:
            effects.copy_new(path, staged, sync=True)
        effects.rename(staged, self.graph_path)
        effects.sync_dir(self.path)

    # ---- journals

    def journals(self) -> list[tuple[int, str, Path]]:
        """Attempt, job and file of every journal, by attempt; the job of a run on one machine is ``local``."""
        names = effects.listdir(self.path)
        return sorted(
            (int(match[2]), match[1], self.path / name) for name in names if (match := _JOURNAL.fullmatch(name))
        )

    def new_journal(self) -> tuple[int, Journal]:
        """Begin the journal of a new attempt on this machine; return the number of the attempt and the journal."""
        attempt = max((number for number, _, _ in self.journals()), default=-1) + 1
        return attempt, self.job_journal(_LOCAL, attempt)

    def job_journal(self, job: str, attempt: int) -> Journal:
        """Begin the journal of an attempt at a job.

        Raises
        ------
        FileExistsError
            If that attempt has begun before.
        """
        journal = Journal(self.journal_path(job, attempt))
        effects.sync_dir(self.path)
        return journal

    def journal_path(self, job: str, attempt: int) -> Path:
        """Where the journal of an attempt at a job is."""
        return self.path / f"journal-{shorten(escape(job), 200)}-{attempt:04}.jsonl"

    def told(self) -> Told:
        """Take together what the journals of all attempts say."""
        return gather(map(decode_line, read_lines(path)) for _, _, path in self.journals())

    def receipts(self) -> ReceiptIndex:
        """Open what `told` has of successes, to look quanta up one by one."""
        from bunter.execution.receipt_index import ReceiptIndex

        return ReceiptIndex([path for _, _, path in self.journals()])

    # ---- logs and summary

    def write_log(self, name: str, text: str) -> Path:
        """Write the log of a failed quantum for people."""
        path = self.path / "logs" / f"{escape(name)[:200]}.log"
        effects.mkdirs(path.parent)
        effects.unlink(path, missing_ok=True)
        effects.write_new(path, text.encode(errors="replace"), sync=False)
        return path

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write how the last attempt ended, in place of what was there."""
        staged = self.path / f".summary-{new_nonce()}"
        effects.write_new(staged, json.dumps(summary, indent=1).encode(), sync=True)
        effects.rename(staged, self.path / "summary.json")
        effects.sync_dir(self.path)

    def summary(self) -> dict[str, Any] | None:
        """How the last attempt ended; None if it did not get so far."""
        if effects.stat(self.path / "summary.json") is None:
            return None
        found: dict[str, Any] = json.loads(effects.read_bytes(self.path / "summary.json"))
        return found

    @property
    def is_finished(self) -> bool:
        """Whether every quantum of the run has succeeded, or a further part of the run has taken over."""
        return (self.summary() or {}).get("status") in {"succeeded", EXTENDED}


def runs_root(butler: Butler) -> Path:
    """Folder that holds the folders of runs: that of the repository; one in memory has a temporary one as long as it lives."""
    place: Path | None = getattr(butler.repository, "runs", None) or butler.root
    if place is not None:
        return place
    if butler.repository not in _OF_MEMORY:
        _OF_MEMORY[butler.repository] = tempfile.TemporaryDirectory(prefix="bunter-runs-", ignore_cleanup_errors=True)
    return Path(_OF_MEMORY[butler.repository].name)


def run_directories(root: Path) -> Iterator[RunDirectory]:
    """Every run ever begun in a repository, the newest first."""
    found = [RunDirectory(root / RUNS / name) for name in effects.listdir(root / RUNS) if not name.startswith(".")]
    yield from sorted((one for one in found if one.exists), key=lambda one: one.created_ns, reverse=True)

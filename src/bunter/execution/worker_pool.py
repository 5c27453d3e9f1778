"""Quanta in a pool of worker processes."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from bunter.execution.crew import Died, Done, Gone, Unbegun
from bunter.execution.memory import allowed
from bunter.execution.message import Request, decode_outcome, decode_request, encode
from bunter.execution.pool import Death, Pool, Reply, Wanted
from bunter.execution.quantum_log import log_text
from bunter.execution.spill import Spill, read_spill
from bunter.execution.worker import quantum_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bunter.datastore import Datastore
    from bunter.dimensions import Universe
    from bunter.execution.crew import CrewEvent
    from bunter.execution.limits import Limits
    from bunter.execution.message import Made
    from bunter.execution.scratch_folder import ScratchFolder
    from bunter.pipeline import PipelineGraph

__all__ = ["Setup", "WorkerPool", "spill_path"]


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that a worker process needs to know; it is sent once.

    Parameters
    ----------
    graph : Path
        File of the graph.
    datastore : Datastore
        Where datasets are.
    owners : mapping of str to str
        Owner of what the workers publish, in each store.
    universe : Universe
        The dimensions.
    init : tuple of Made
        Datasets that were written once for the run.
    on_start : callable, optional
        Called first in the process, to set up logging.
    series, is_staged
        See `bunter.execution.place.Place`.
    live : Path, optional
        Folder for what workers say as they run.
    number : int, optional
        Number of the worker.
    accepts_partial : bool
        Whether flawed outputs count.
    room : int
        Bytes for objects that a worker keeps at hand for the quanta that read them.
    profiles : Path, optional
        Folder for a profile of each try of a quantum.
    scratch : ScratchFolder, optional
        For what tasks write beside their outputs; each worker has a folder of its own there.
    environment : mapping of str to str
        Environment of this process now; that of the server which forks workers may be older.
    """

    graph: Path
    datastore: Datastore
    owners: Mapping[str, str]
    universe: Universe
    init: tuple[Made, ...] = ()
    on_start: Callable[[], None] | None = None
    series: int = 0
    is_staged: bool = False
    live: Path | None = None
    number: int = 0
    accepts_partial: bool = False
    room: int = 0
    profiles: Path | None = None
    scratch: ScratchFolder | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def __reduce__(self) -> tuple[Any, ...]:
        # Stores take their credentials from the environment when they are unpickled, so that comes before.
        rest = pickle.dumps({each.name: getattr(self, each.name) for each in fields(self)})
        return _in_environment, (dict(self.environment), rest)

    def __call__(self) -> Callable[[bytes], bytes]:
        """Make the worker of this process."""
        from bunter.execution.outlet import Outlet
        from bunter.execution.place import Place
        from bunter.execution.record_fields import RecordFields
        from bunter.execution.worker import Worker
        from bunter.graph import GraphFile
        from bunter.pipeline import PipelineGraph

        if self.on_start is not None:
            self.on_start()
        graph = GraphFile(self.graph).graph
        pipeline = PipelineGraph.from_dict(graph.pipeline, self.universe)
        outlet = Outlet(self.datastore, self.owners, is_apart=True)
        fields = RecordFields.read(self.graph.parent)
        place = Place(outlet, self.universe, graph, series=self.series, is_staged=self.is_staged, fields=fields)
        worker = Worker(
            place,
            pipeline,
            self.init,
            spill=self._spill(),
            accepts_partial=self.accepts_partial,
            room=self.room,
            profiles=self.profiles,
            scratch=None if self.scratch is None else self.scratch.of(self.number),
        )

        def work(body: bytes) -> bytes:
            request = decode_request(body)
            with allowed(request.memory):
                return encode(worker.run(request))

        return work

    def _spill(self) -> Spill | None:
        if self.live is None:
            return None
        spill = Spill(spill_path(self.live, self.number))
        spill.watch()
        return spill


def spill_path(live: Path, number: int) -> Path:
    """Where a worker writes what it says as it runs."""
    return live / f"worker-{number}.jsonl"


def modules_of(pipeline: PipelineGraph) -> list[str]:
    """Return what the workers of a pipeline need to import."""
    tasks = sorted({task.class_name.rpartition(".")[0] for task in pipeline.tasks})
    formats = [f"bunter.datastore.{name}" for name in ("formats.text", "reading", "staging")]
    return [__name__, "bunter.execution.worker", "bunter.graph", "bunter.graph.file", *formats, *tasks]


class WorkerPool:
    """A crew of worker processes.

    Parameters
    ----------
    size : int
        Number of processes.
    setup : Setup
        What each of them is told.
    preload : sequence of str, optional
        Modules that are imported once for all.
    limit_s : float, optional
        Longest time for a quantum, in seconds.
    limits : Limits, optional
        Limits by task, in place of the one for all.
    """

    is_busy = False

    def __init__(
        self,
        size: int,
        setup: Setup,
        *,
        preload: Sequence[str] = (),
        limit_s: float | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._pool = Pool(size, lambda number: replace(setup, number=number), preload=preload)
        self._setup, self._limit_s, self._limits = setup, limit_s, limits
        self._requests: dict[int, Request] = {}
        self._labels: dict[int, str] = {}

    def start(self) -> None:
        """Start the processes."""
        self._pool.start()

    def has_place(self) -> bool:
        """Whether a worker can be given another request."""
        return self._pool.has_place()

    def submit(self, request: Request, label: str, worker: int | None = None, *, must: bool = False) -> None:
        """Send a request to a worker."""
        self._requests[request.quantum], self._labels[request.quantum] = request, label
        limit_s = self._limit_s if self._limits is None else self._limits[label].timeout_s
        body = encode(request)
        wish = None if worker is None else Wanted(worker, must=must)
        self._pool.submit(request.quantum, body, kind=label, limit_s=limit_s, memory=request.memory, wanted=wish)

    def wait(self, timeout_s: float) -> list[CrewEvent]:
        """Wait until workers reply or die."""
        return [found for event in self._pool.wait(timeout_s) for found in self._translate(event)]

    def _translate(self, event: Reply | Death) -> Iterator[CrewEvent]:
        if isinstance(event, Reply):
            self._labels.pop(event.token)
            yield Done(self._requests.pop(event.token), decode_outcome(event.body), event.worker)
            return
        if event.token is not None:
            request = self._requests.pop(event.token)
            yield Died(
                request, event.reason, event.cause, self._said(event.worker, request) + self._left(event, request)
            )
        for token in event.returned:
            yield Unbegun(self._requests.pop(token))
        yield Gone(event.worker)

    def _said(self, worker: int, request: Request) -> str:
        """Return what a dead worker had said about its last quantum, for people."""
        if self._setup.live is None:
            return ""
        path = spill_path(self._setup.live, worker)
        records, last_words = read_spill(path, request.quantum, request.attempt, request.retry)
        return log_text(records) + (f"{last_words}\n" if last_words else "")

    def _left(self, event: Death, request: Request) -> str:
        """Clear the scratch folder of a dead worker, and say what was in it, for people."""
        if self._setup.scratch is None:
            return ""
        name = quantum_name(self._labels.pop(request.quantum), request)
        left = self._setup.scratch.of(event.worker).clear(name)
        return "" if left is None else f"left in its scratch folder: {left}\n"

    def stop(self) -> list[Request]:
        """End the processes."""
        return [self._requests.pop(token) for token in self._pool.stop()]


def _in_environment(environment: Mapping[str, str], rest: bytes) -> Setup:
    """Unpickle a setup in the environment in which it was pickled."""
    os.environ.update(environment)
    return Setup(**pickle.loads(rest))  # noqa: S301 - from the process that started this one

"""What runs next: a pure state machine. Events go in, decisions come out; it knows no process, file or clock."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from bunter.execution.heights import heights
from bunter.execution.ready import ReadyQuanta
from bunter.execution.scheduling import (
    Assignment,
    Committed,
    Event,
    Failed,
    Finished,
    Lost,
    Returned,
    State,
    Stopped,
    Undone,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Scheduler"]


class Scheduler:
    """Order, retries and consequences of failures of the quanta of one run.

    Quanta on the longest remaining path go first, then lower numbers; it is longest in time where times are known, else in
    edges. A quantum may begin when all its parents have *finished* in this run, or were done before; it succeeds only after
    they are *committed*.

    Parameters
    ----------
    size : int
        Number of quanta; they are numbered 0 to ``size - 1``.
    edges : tuple of two integer arrays
        Parent and child of each edge, without cycles. An edge may be given more than once.
    done : iterable of int, optional
        Quanta whose outputs exist already.
    retries : int or sequence of int, optional
        How often a transient failure is tried again, of all quanta or of each.
    memory : sequence of int, optional
        What each quantum needs, in bytes.
    budget : int, optional
        Memory for all that run at a time, in bytes.
    partial : tuple of two integer arrays, optional
        Those of the edges along which no failure spreads: the child does without.
    held : iterable of int, optional
        Quanta that must not run now, nor what depends on them.
    fail_fast : bool, optional
        Whether the first failure stops the run.
    durations : (N,) float64, optional
        How long each quantum will probably take, in seconds.
    expected : sequence of int, optional
        Memory that each quantum will probably take, in bytes, where ``memory`` says nothing; nobody enforces it.
    """

    def __init__(  # noqa: PLR0913 - one word each, all but two by keyword
        self,
        size: int,
        edges: tuple[NDArray[np.integer], NDArray[np.integer]],
        *,
        done: Iterable[int] = (),
        retries: int | Sequence[int] = 0,
        memory: Sequence[int] | None = None,
        budget: int | None = None,
        partial: tuple[NDArray[np.integer], NDArray[np.integer]] | None = None,
        held: Iterable[int] = (),
        fail_fast: bool = False,
        durations: NDArray[np.float64] | None = None,
        expected: Sequence[int] | None = None,
    ) -> None:
        parents, children = _distinct(size, *edges)
        self._spared = _among(size, parents, children, partial)
        self._deprived: set[int] = set()
        self._offsets = np.searchsorted(parents, np.arange(size + 1)).tolist()
        self._children: list[int] = children.tolist()
        self._height: list[float] = heights(size, parents, children, durations).tolist()
        self._missing: list[int] = np.bincount(children, minlength=size).tolist()
        self._retries, self._fail_fast = [retries] * size if isinstance(retries, int) else retries, fail_fast
        self._needs = list(memory) if memory is not None else [0] * size
        self._expected = expected
        self._tries = [0] * size
        self._undone: Counter[int] = Counter()
        self._states = [State.WAITING] * size
        self._causes: dict[int, int] = {}
        self._ready = ReadyQuanta(budget)
        self._counts = Counter({State.WAITING: size})
        self._open = size
        self._stopped = False
        self._begin(sorted(set(done)), held)

    def _begin(self, done: Sequence[int], held: Iterable[int]) -> None:
        for quantum in done:
            self._set(quantum, State.SUCCEEDED)
        self._hold(held)
        for quantum in done:
            self._release_children(quantum)
        for quantum, missing in enumerate(self._missing):
            if not missing and self._states[quantum] is State.WAITING:
                self._push(quantum)

    def _hold(self, held: Iterable[int]) -> None:
        stack = [quantum for quantum in held if self._states[quantum] is State.WAITING]
        while stack:
            quantum = stack.pop()
            if self._states[quantum] is State.WAITING:
                self._set(quantum, State.CANCELLED)
                stack += self._children_of(quantum)

    # ---- what the runner asks

    def take(self, free: int = 1) -> list[Assignment]:
        """Assign up to ``free`` ready quanta, the most urgent first; they are running from now on."""
        taken: list[Assignment] = []
        while len(taken) < free and not self._stopped and (quantum := self._ready.pop()) is not None:
            if self._states[quantum] is State.READY:
                taken.append(self._begin_one(quantum))
        return taken

    def take_this(self, quantum: int) -> Assignment | None:
        """Assign one quantum before its turn; None if it cannot begin now."""
        if self._stopped or self._states[quantum] is not State.READY or not self._ready.fits(self._room(quantum)):
            return None
        return self._begin_one(quantum)

    def _begin_one(self, quantum: int) -> Assignment:
        self._set(quantum, State.RUNNING)
        tries = self._tries[quantum] + self._undone[quantum]
        return Assignment(quantum, tries, self._needs[quantum], quantum in self._deprived)

    def upcoming(self, most: int) -> list[int]:
        """Return quanta that will probably be assigned next, the most urgent first."""
        return self._ready.upcoming(most)

    @property
    def stopped(self) -> bool:
        """Whether nothing more will be assigned and running quanta should be ended."""
        return self._stopped

    @property
    def is_over(self) -> bool:
        """Whether every quantum has reached a final state."""
        return self._open == 0

    @property
    def active(self) -> int:
        """Number of quanta that are running, or finished but not committed."""
        return self._counts[State.RUNNING] + self._counts[State.FINISHED]

    def state(self, quantum: int) -> State:
        """Where a quantum stands."""
        return self._states[quantum]

    def states(self) -> list[State]:
        """Where each quantum stands, by number."""
        return list(self._states)

    def count(self, state: State) -> int:
        """Count the quanta in a state."""
        return self._counts[state]

    def cause(self, quantum: int) -> int | None:
        """Quantum whose failure blocks this one: the root, not the nearest; None for those that are not blocked."""
        return self._causes.get(quantum)

    # ---- what the runner tells

    def tell(self, event: Event) -> list[int]:  # noqa: PLR0911 - one for each event
        """Take note of an event.

        Returns
        -------
        list of int
            Quanta that have reached a final state through it.
        """
        match event:
            case Finished(quantum):
                return self._finished(quantum)
            case Committed(quanta):
                return self._committed(quanta)
            case Failed(quantum):
                return self._failed(event)
            case Returned(quantum):
                return self._returned(quantum)
            case Lost(quanta):
                return self._lost(quanta)
            case Undone(quanta):
                return self._undo(quanta, again=event.again)
            case Stopped():
                return self._stop()

    def _finished(self, quantum: int) -> list[int]:
        self._expect(quantum, State.RUNNING)
        self._set(quantum, State.FINISHED)
        self._release_children(quantum)
        return []

    def _committed(self, quanta: tuple[int, ...]) -> list[int]:
        for quantum in quanta:
            self._expect(quantum, State.FINISHED)
            self._set(quantum, State.SUCCEEDED)
        return list(quanta)

    def _failed(self, event: Failed) -> list[int]:
        quantum = event.quantum
        self._expect(quantum, State.RUNNING)
        if event.transient and self._tries[quantum] < self._retries[quantum] and not self._stopped and not event.fatal:
            self._tries[quantum] += 1
            self._set(quantum, State.WAITING)
            self._needs[quantum] = event.memory or self._needs[quantum]
            self._push(quantum)
            return []
        self._set(quantum, State.FAILED)
        ended = [quantum, *self._block_descendants(quantum)]
        if self._fail_fast or event.fatal:
            ended += self._stop()
        return ended

    def _returned(self, quantum: int) -> list[int]:
        self._expect(quantum, State.RUNNING)
        if self._stopped:
            self._set(quantum, State.CANCELLED)
            return [quantum]
        self._push(quantum)
        return []

    def _lost(self, quanta: tuple[int, ...]) -> list[int]:
        ended: list[int] = []
        for quantum in quanta:
            self._expect(quantum, State.FINISHED)
            self._set(quantum, State.FAILED)
            ended.append(quantum)
        for quantum in quanta:
            ended += self._block_descendants(quantum, spares=False)
        return ended + self._stop()

    def _undo(self, quanta: tuple[int, ...], *, again: bool) -> list[int]:
        again = again and not self._stopped
        for quantum in quanta:
            self._expect(quantum, State.FINISHED)
            self._set(quantum, State.WAITING if again else State.CANCELLED)
        if not again:
            return list(quanta)
        for child in (child for quantum in quanta for child in self._children_of(quantum)):
            self._missing[child] += 1
            if self._states[child] is State.READY:
                self._set(child, State.WAITING)
        for quantum in quanta:
            self._undone[quantum] += 1
            if not self._missing[quantum]:
                self._push(quantum)
        return []

    def _stop(self) -> list[int]:
        self._stopped = True
        self._ready.clear()
        idle = [q for q, state in enumerate(self._states) if state in (State.WAITING, State.READY)]
        for quantum in idle:
            self._set(quantum, State.CANCELLED)
        return idle

    def _block_descendants(self, root: int, *, spares: bool = True) -> list[int]:
        """Block what waits for a failed quantum; what already runs on outputs that were lost ends by its own event."""
        blocked: list[int] = []
        stack = [root]
        while stack:
            parent = stack.pop()
            for place in range(self._offsets[parent], self._offsets[parent + 1]):
                child = self._children[place]
                if spares and self._spared is not None and self._spared[place]:
                    self._deprived.add(child)
                    self._release(child)
                elif self._states[child] in (State.WAITING, State.READY):
                    self._set(child, State.BLOCKED)
                    self._causes[child] = root
                    blocked.append(child)
                    stack.append(child)
        return blocked

    def _release_children(self, quantum: int) -> None:
        for child in self._children_of(quantum):
            self._release(child)

    def _release(self, child: int) -> None:
        self._missing[child] -= 1
        if not self._missing[child] and self._states[child] is State.WAITING:
            self._push(child)

    def _children_of(self, quantum: int) -> Iterator[int]:
        return iter(self._children[self._offsets[quantum] : self._offsets[quantum + 1]])

    def _push(self, quantum: int) -> None:
        self._set(quantum, State.READY)
        self._ready.push(quantum, self._height[quantum], self._room(quantum))

    def _room(self, quantum: int) -> int:
        """Memory that a quantum will take up, in bytes."""
        return self._needs[quantum] or (self._expected[quantum] if self._expected is not None else 0)

    def _set(self, quantum: int, state: State) -> None:
        if self._states[quantum] is State.RUNNING:
            self._ready.ended(self._room(quantum))
        elif state is State.RUNNING:
            self._ready.began(self._room(quantum))
        self._counts[self._states[quantum]] -= 1
        self._counts[state] += 1
        self._open -= state.is_final
        self._states[quantum] = state

    def _expect(self, quantum: int, state: State) -> None:
        if self._states[quantum] is not state:
            raise ValueError(f"quantum {quantum} is {self._states[quantum].name}, not {state.name}")


def _distinct(
    size: int, parents: NDArray[np.integer], children: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each edge once, sorted by parent."""
    pairs = np.unique(parents.astype(np.int64) * max(size, 1) + children.astype(np.int64))
    return pairs // max(size, 1), pairs % max(size, 1)


def _among(
    size: int,
    parents: NDArray[np.int64],
    children: NDArray[np.int64],
    some: tuple[NDArray[np.integer], NDArray[np.integer]] | None,
) -> list[bool] | None:
    """Whether each edge is among some; None if there are none."""
    if some is None or not len(some[0]):
        return None
    keys = some[0].astype(np.int64) * max(size, 1) + some[1].astype(np.int64)
    return np.isin(parents * max(size, 1) + children, keys).tolist()  # type: ignore[no-any-return]

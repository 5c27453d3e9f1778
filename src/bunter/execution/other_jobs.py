"""What other jobs tell of the quanta that a job has to do with: read from their journals, and from no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter import effects
from bunter.execution.journal import read_lines, unseal
from bunter.execution.receipt import Opened, decode_line, gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bunter.execution.receipt import Told
    from bunter.execution.run_directory import RunDirectory
    from bunter.graph import QuantumGraph

__all__ = ["kin_of", "spans_of", "told_of"]

_FIRST = 2**14  # bytes of a journal that hold its first line, unless the quanta of a job are scattered


def kin_of(graph: QuantumGraph) -> NDArray[np.int64]:
    """Return the numbers of the quanta of a part of a graph and of those that make what they read, ascending."""
    parents, _ = graph.quantum_edges()
    return np.union1d(graph.numbers, parents)


def spans_of(quanta: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return numbers of quanta as spans, both ends in."""
    numbers = np.unique(np.fromiter(quanta, np.int64))
    if not len(numbers):
        return ()
    ends = np.flatnonzero(np.diff(numbers) > 1)
    first, last = numbers[np.append(0, ends + 1)], numbers[np.append(ends, len(numbers) - 1)]
    return tuple(zip(first.tolist(), last.tolist(), strict=True))


def told_of(directory: RunDirectory, quanta: NDArray[np.int64]) -> Told:
    """Take together what the journals of those jobs say that have run any of some quanta.

    The first line of a job's journal says which quanta are its own; of the others nothing else is read. Journals that do not
    say so, such as that of a run on one machine, are read.

    Parameters
    ----------
    directory : RunDirectory
        Folder of the run.
    quanta : array of int64
        Numbers of quanta, ascending.
    """
    wanted = [path for _, _, path in directory.journals() if _concerns(path, quanta)]
    return gather(map(decode_line, read_lines(path)) for path in wanted)


def _concerns(path: Path, quanta: NDArray[np.int64]) -> bool:
    line = _first_line(path)
    opened = None if line is None else decode_line(line)
    if not isinstance(opened, Opened) or not opened.quanta:
        return True
    return _meets(opened.quanta, quanta)


def _meets(spans: Sequence[tuple[int, int]], quanta: NDArray[np.int64]) -> bool:
    """Whether any of the ascending numbers lies in any of the spans."""
    bounds = np.array(spans, np.int64)
    return bool((np.searchsorted(quanta, bounds[:, 1], "right") > np.searchsorted(quanta, bounds[:, 0])).any())


def _first_line(path: Path) -> bytes | None:
    """Return the first object of a journal; None if it has none that is whole, or a long one."""
    return unseal(effects.read_range(path, 0, _FIRST).partition(b"\n")[0])

"""Stamps for what a quantum writes: who it is, and what it has read so far."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bunter.dataset.stamp import Stamp
from bunter.datastore.format import TakesStamp, format_of
from bunter.values import Pieces, quick_digest
from bunter.values.program import code_of_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.datastore.datastore import Encoded
    from bunter.execution.place import Place
    from bunter.graph import Quantum, QuantumRef
    from bunter.pipeline import TaskNode

__all__ = ["Stamped", "Stamping", "stamping_of"]


class Stamped:
    """Content with a stamp, and what tells it from other content whatever the stamps are.

    Parameters
    ----------
    plain : Encoded
        The content without a stamp.
    form : TakesStamp
        Its format.
    stamp : Stamp
        The stamp.
    """

    def __init__(self, plain: Encoded, form: TakesStamp, stamp: Stamp) -> None:
        data = plain.data
        self._digest = b"" if isinstance(data, Pieces) else quick_digest(data)
        passing = Pieces(lambda: self._pass(data)) if isinstance(data, Pieces) else data
        self.encoded = replace(plain, data=form.stamped(passing, stamp))

    def _pass(self, pieces: Pieces) -> Iterator[bytes | memoryview]:
        import xxhash

        found = xxhash.xxh3_128()
        for piece in pieces:
            found.update(piece)
            yield piece
        self._digest = found.digest()

    @property
    def plain_digest(self) -> str:
        """XXH3-128 of the content without its stamp, hexadecimal; of content in pieces, once it has been written."""
        return self._digest.hex()


class Stamping:
    """Stamps the files of one quantum whose formats take a stamp.

    Parameters
    ----------
    place : Place
        Where it runs.
    quantum : Quantum
        The quantum.
    task : TaskNode
        Its task.
    """

    def __init__(self, place: Place, quantum: Quantum, task: TaskNode) -> None:
        self._place, self._quantum, self._task = place, quantum, task
        self._read: dict[bytes, QuantumRef] = {}

    def note(self, ref: QuantumRef) -> None:
        """Remember that a dataset was read."""
        self._read.setdefault(ref.id, ref)

    def on(self, encoded: Encoded, ref: QuantumRef) -> Stamped | None:
        """Put a stamp on what is written for an output; None if its format takes none."""
        form = format_of(encoded.format)
        return Stamped(encoded, form, self._of(ref)) if isinstance(form, TakesStamp) else None

    def _of(self, ref: QuantumRef) -> Stamp:
        return Stamp(
            ref.uuid,
            ref.dataset_type,
            ref.run,
            {name: value for name, value in ref.data_id.items() if value is not None},
            self._task.label,
            self._task.class_name,
            self._task.version,
            self._place.graph.header.graph_id,
            self._quantum.row,
            _code(),
            tuple((read.uuid, read.dataset_type) for read in self._read.values()),
        )


def stamping_of(place: Place, quantum: Quantum, task: TaskNode) -> Stamping | None:
    """Return what stamps the files of a quantum, None where the configuration wants none."""
    config = place.datastore.config
    return Stamping(place, quantum, task) if config is None or config.stamps else None


@cache
def _code() -> dict[str, str]:
    return {name: value for name, value in code_of_program().items() if not name.startswith("program")}

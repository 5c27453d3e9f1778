"""What one quantum gets and leaves in the memory of its process, beside what is in the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.errors import QuantumError, TaskFailedError
from bunter.execution.shelf import Held, Shelf, weight

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bunter.graph import QuantumRef
    from bunter.storage_class import StorageClass

__all__ = ["Hands"]


class Hands:
    """Takes from and leaves on a shelf what one quantum reads and makes.

    Parameters
    ----------
    shelf : Shelf, optional
        Objects of quanta before it.
    holds, bound : collection of int, optional
        Outputs, by row, to be kept at hand beside being written, and in its place.
    """

    def __init__(self, shelf: Shelf | None = None, holds: Collection[int] = (), bound: Collection[int] = ()) -> None:
        self._shelf, self._holds, self._bound = shelf or Shelf(), holds, bound
        self._given: set[int] = set()
        self._new: dict[int, Held] = {}

    def __contains__(self, row: int) -> bool:
        return row in self._shelf

    def require(self, rows: Iterable[int]) -> None:
        """Fail if something is not at hand that is nowhere else."""
        if lacking := [row for row in rows if row not in self._shelf]:
            raise TaskFailedError(f"{len(lacking)} inputs that were handed over in memory are gone")

    def has(self, ref: QuantumRef, *, is_plain: bool, storage_class: str | None) -> bool:
        """Whether an object at hand is what is asked for.

        What was written is given once; then it is read from its store, because the quantum may have changed it.

        Raises
        ------
        QuantumError
            If only a part is asked for, of what is stored nowhere.
        """
        if ref.row not in self._shelf:
            return False
        if is_plain and storage_class in {None, ref.storage_class}:
            return self._shelf.get(ref.row).is_bound or ref.row not in self._given
        if self._shelf.get(ref.row).is_bound:
            raise QuantumError(
                f"{ref} is handed over in memory and stored nowhere, so that no part or other form of it can be read;"
                " leave handover=True or keep='never' out of its connection"
            )
        return False

    def give(self, ref: QuantumRef) -> Any:
        """Return the very object."""
        self._given.add(ref.row)
        return self._shelf.get(ref.row).obj

    def take(self, ref: QuantumRef, obj: Any, storage_class: StorageClass) -> bool:
        """Take an output, if it is to be kept at hand; say whether that is all that is to be done with it."""
        is_bound = ref.row in self._bound
        if not is_bound and ref.row not in self._holds:
            return False
        whole = storage_class.convert(obj)
        size = weight(whole)
        bound = [one.size for one in self._new.values() if one.is_bound]
        if size is None or not self._shelf.fits([*bound, size]):
            return False
        self._new[ref.row] = Held(whole, size, is_bound)
        return is_bound

    @property
    def handed(self) -> tuple[int, ...]:
        """Outputs that are stored nowhere, by row."""
        return tuple(row for row, one in self._new.items() if one.is_bound)

    def empty(self) -> None:
        """Forget what was made; the quantum has failed."""
        self._new.clear()

    def leave(self, read: Collection[int]) -> tuple[int, ...]:
        """Put what was made on the shelf and take down what was read; return the outputs that are stored and kept, by row."""
        self._shelf.drop(read)
        kept = [row for row, one in self._new.items() if self._shelf.put(row, one)]
        return tuple(row for row in kept if not self._new[row].is_bound)

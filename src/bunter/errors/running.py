"""Errors of pipelines, quantum graphs and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.errors.root import ButlerError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AllDoneError",
    "EmptyGraphError",
    "GraphError",
    "PipelineError",
    "QuantumError",
    "RunError",
    "TaskFailedError",
    "WaitingError",
]


class PipelineError(UserError, ValueError):
    """A pipeline or task definition that cannot be used.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    file, line, others
        Where it was written, where known; shown as a prefix ``file:line:``. More that is wrong, a line each.
    """

    others: tuple[PipelineError, ...] = ()

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, others: Any = ()) -> None:
        super().__init__(message)
        self.file, self.line, self.others = file, line, tuple(others)

    @classmethod
    def together(cls, found: Iterable[PipelineError]) -> PipelineError:
        """Return one error that points at the first finding and lists the others, each once."""
        first, *others = {str(one): one for one in found}.values()
        return cls(str(first.args[0]), file=first.file, line=first.line, others=others)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return "\n".join([f"{place}: {super().__str__()}" if place else super().__str__(), *map(str, self.others)])


class GraphError(UserError, ValueError):
    """A quantum graph that cannot be built, read or used."""


class EmptyGraphError(GraphError):
    """A quantum graph without quanta; the message says which constraint removed them.

    Parameters
    ----------
    runs : tuple of str
        Runs that have done what was asked for.
    count : int
        How many quanta they have done, or how many wait.
    """

    def __init__(self, message: str, *, runs: tuple[str, ...] = (), count: int = 0) -> None:
        super().__init__(message)
        self.runs, self.count = runs, count


class AllDoneError(EmptyGraphError):
    """Nothing is left to run: earlier runs, named in ``runs``, have done all that was asked for."""


class WaitingError(EmptyGraphError):
    """All that is left to run waits for inputs that are not there yet; the same command goes on when they are."""


class RunError(UserError):
    """A run did not complete; the message counts what failed."""


class QuantumError(ButlerError):
    """A quantum that could not be carried out."""


class TaskFailedError(QuantumError):
    """A task raised, died or hung."""

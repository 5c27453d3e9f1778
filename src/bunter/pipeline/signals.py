"""What a task raises to tell the executor more than "it failed".

::

    ButlerError
    +-- NoWorkFound                      nothing to do: success without outputs
    |   +-- UpstreamFailureNoWorkFound   nothing to do because something upstream failed in part
    |   +-- UnprocessableDataError       these data can never be processed: success with a caveat
    +-- QuantumError
        +-- RepeatableError              would fail again the same way: failure, no retry
        |   +-- AlgorithmError           a documented failure mode, with numbers
        |   +-- PartialOutputsError      some outputs were made, and are flawed
        +-- InvalidQuantumError          configuration or graph is wrong: stop the whole run

Any other exception is an unknown failure, which may be transient and can be retried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bunter.errors import ButlerError, QuantumError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AlgorithmError",
    "InvalidQuantumError",
    "NoWorkFound",
    "PartialOutputsError",
    "RepeatableError",
    "UnprocessableDataError",
    "UpstreamFailureNoWorkFound",
]


class NoWorkFound(ButlerError):  # noqa: N818 - the mission's word, and no error
    """There is nothing to do for this quantum; it succeeds without outputs and its readers adjust."""


class UpstreamFailureNoWorkFound(NoWorkFound):
    """There is nothing to do, because something upstream failed in part."""


class UnprocessableDataError(NoWorkFound):
    """These data can never be processed, whatever one tries; the quantum succeeds with a caveat."""


class RepeatableError(QuantumError):
    """The same failure would happen again: do not retry."""

    exit_code: ClassVar[int] = 20


class AlgorithmError(RepeatableError):
    """A documented failure of an algorithm.

    Parameters
    ----------
    message : str
        What failed.
    numbers : Mapping[str, object], optional
        Measurements that describe the failure; they are kept in the quantum's metadata.
    """

    def __init__(self, message: str, *, numbers: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.numbers = dict(numbers or {})


class PartialOutputsError(RepeatableError):
    """Some outputs were made and are flawed, others not at all: a failure, unless the run accepts such outputs.

    Raise it from the error that was the reason.

    Parameters
    ----------
    message : str
        What is wrong with them.
    outputs : Mapping[str, object], optional
        What `run` would have returned, as far as it has it; a task that writes by itself leaves it out.
    """

    def __init__(self, message: str, outputs: Any = None) -> None:
        super().__init__(message)
        self.outputs = outputs


class InvalidQuantumError(QuantumError):
    """Configuration or graph is wrong, so that nothing in this run can work: stop it."""

    exit_code: ClassVar[int] = 21

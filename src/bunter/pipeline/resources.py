"""What the quanta of a task may take: time, memory, tries; as a task or a pipeline file says it, and as plain data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bunter.errors import PipelineError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RESOURCES", "plain_resources", "read_seconds", "read_size"]

RESOURCES = ("timeout", "memory", "retries", "retry_on", "growth")
"""What can be said under ``resources``."""

_SIZE = re.compile(r"\s*([0-9.]+)\s*([kMGT]?i?B?)\s*$", re.IGNORECASE)
_TIME = re.compile(r"\s*([0-9.]+)\s*(s|sec|min|h|d|)\s*$")
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def read_size(value: object) -> int:
    """Read a number of bytes, such as ``"2.5 GB"`` (powers of 1000), ``"4GiB"`` (of 1024) or 1000000.

    Raises
    ------
    PipelineError
        If it is none.
    """
    found = _SIZE.match(str(value))
    number = _number(found[1]) if found else None
    if found is None or number is None:
        raise PipelineError(f"{value!r} is no amount of memory; write it as 800 MB, 2.5GB or 4GiB")
    unit = found[2].lower().removesuffix("b")
    step = 1024 if unit.endswith("i") else 1000
    return int(number * step ** _POWERS[unit.removesuffix("i")])


def read_seconds(value: object) -> float:
    """Read a time, such as ``90``, ``"90 s"``, ``"15 min"`` or ``"2h"``, in seconds.

    Raises
    ------
    PipelineError
        If it is none.
    """
    found = _TIME.match(str(value))
    number = _number(found[1]) if found else None
    if found is None or number is None:
        raise PipelineError(f"{value!r} is no time; write it as 90, 90s, 15min or 2h")
    return number * _SECONDS[found[2]]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def plain_resources(told: Mapping[str, object]) -> dict[str, Any]:
    """Check what a task or a pipeline file says, and return it as plain data in seconds, bytes and numbers.

    Parameters
    ----------
    told : mapping
        ``timeout`` (longest time for a quantum), ``memory`` (greatest memory of its process), ``retries`` (how often a
        failure is tried again), ``retry_on`` (names of exceptions that are tried again, or ``memory``, ``timeout``,
        ``killed``), ``growth`` (factor by which memory grows after it has run out). 0 means that there is no limit.

    Raises
    ------
    PipelineError
        If a word is unknown, or a value cannot be meant.
    """
    return {name: _READERS.get(name, _refuse(name))(value) for name, value in told.items()}


def _refuse(name: str) -> Any:
    def refuse(value: object) -> Any:
        del value
        raise PipelineError(
            f"resources have no {name!r}{near(name, RESOURCES) or '; they are: ' + ', '.join(RESOURCES)}"
        )

    return refuse


def _count(value: object) -> int:
    if not isinstance(value, int | str) or not str(value).isdigit():
        raise PipelineError(f"{value!r} is no number of retries")
    return int(value)


def _names(value: object) -> list[str]:
    names = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise PipelineError(f"retry_on is a list of names of exceptions, not {value!r}")
    return [name.rpartition(".")[2] for name in names]


def _factor(value: object) -> float:
    number = _number(str(value).lower().removeprefix("x"))
    if number is None or number < 1:
        raise PipelineError(f"growth is a factor of at least 1, not {value!r}")
    return number


_READERS = {"timeout": read_seconds, "memory": read_size, "retries": _count, "retry_on": _names, "growth": _factor}

"""Options of commands that run quanta: how long, with how much memory, how often."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bunter.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["limit_options", "limits_in", "profiles_option"]

_FACTOR = re.compile(r"x(\d+(?:\.\d+)?)")
_OPTIONS = {
    "timeout": "Longest time for a quantum: 90, 15min, 2h. LABEL=TIME for one task. Repeatable.",
    "memory": "Most memory for a quantum: 800MB, 4GiB. LABEL=SIZE for one task. Repeatable.",
    "retries": "How often a failed quantum is tried again. LABEL=N for one task. Repeatable.",
    "retry_on": "Exceptions to try again, or memory, timeout, killed: A,B. LABEL=A,B for one task. Repeatable.",
}
_HANDOVER_HELP = (
    "Memory of each worker for results that it hands to their only reader; 0 hands nothing over. Default: up to 1GiB."
)
_LEFTOVERS_HELP = (
    "What becomes of files that tasks leave in their scratch folder; kept or packed ones go below the run's folder."
)


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options and pass them as ``limits``, plain values by label; ``memory_budget`` and ``handover`` in bytes."""
    may_grow = command.__name__ == "retry"

    @functools.wraps(command)
    def with_limits(*args: Any, memory_budget: str | None, handover: str | None, **kwargs: Any) -> Any:
        from bunter.pipeline.resources import read_size

        told = {name: kwargs.pop(name) for name in _OPTIONS}
        try:
            limits = limits_in(told, may_grow=may_grow)
            sizes = {"memory_budget": memory_budget, "handover": handover}
            read = {name: None if text is None else read_size(text) for name, text in sizes.items()}
        except PipelineError as error:
            raise click.UsageError(str(error)) from error
        return command(*args, limits=limits, **read, **kwargs)

    wrapped: Callable[..., Any] = with_limits
    for name, text in reversed(_OPTIONS.items()):
        option = click.option(f"--{name.replace('_', '-')}", name, multiple=True, metavar="[LABEL=]VALUE", help=text)
        wrapped = option(wrapped)
    words = click.Choice(["drop", "keep", "pack"])
    wrapped = click.option("--leftovers", type=words, default="drop", show_default=True, help=_LEFTOVERS_HELP)(wrapped)
    wrapped = click.option("--handover", metavar="SIZE", help=_HANDOVER_HELP)(wrapped)
    help_text = "Memory for all quanta that run at a time; default: that of the machine."
    return click.option("--memory-budget", metavar="SIZE", help=help_text)(wrapped)


def profiles_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--cpu-profile`` and pass the folder as ``profiles``."""

    @functools.wraps(command)
    def with_profiles(*args: Any, profiles: str | None, **kwargs: Any) -> Any:
        return command(*args, profiles=None if profiles is None else Path(profiles).absolute(), **kwargs)

    text = "Folder that gets a profile of each quantum, TASK-NUMBER-TRY.pstats: which calls took its time."
    option = click.option("--cpu-profile", "profiles", type=click.Path(file_okay=False), metavar="FOLDER", help=text)
    return option(with_profiles)


def limits_in(told: Mapping[str, tuple[str, ...]], *, may_grow: bool = True) -> dict[str, dict[str, Any]]:
    """Read the values of the options: by label of the task, ``""`` for all.

    ``x2`` as memory becomes ``memory_times``, where that has a meaning.

    Raises
    ------
    PipelineError
        If a value cannot be meant.
    """
    from bunter.pipeline.resources import plain_resources

    found: dict[str, dict[str, Any]] = {}
    for name, values in told.items():
        for value in values:
            label, _, text = value.rpartition("=")
            if may_grow and name == "memory" and (factor := _FACTOR.fullmatch(text)):
                found.setdefault(label, {})["memory_times"] = float(factor[1])
                continue
            found.setdefault(label, {}).update(plain_resources({name: text}))
    return found

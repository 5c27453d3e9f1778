"""Options of commands that run quanta: how many at a time, within which limits, and what becomes of what is left."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.commands.limit_options import limit_options, profiles_option
from bunter.cli.worker_logs import worker_logging

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bunter.execution import RunOptions

__all__ = ["Working", "partial_option", "working_options"]

partial_option = click.option(
    "--raise-on-partial-outputs/--no-raise-on-partial-outputs",
    "refuses_partial",
    default=True,
    help="Whether tasks that made flawed outputs count as failed (default).",
)


@dataclass(frozen=True, slots=True)
class Working:
    """How quanta are to be run, as asked for.

    Parameters
    ----------
    jobs : int
        Quanta at a time.
    fail_fast : bool
        Whether the first failure stops everything.
    limits : dict
        Time, memory and tries, by label of the task; ``""`` for all.
    memory_budget, handover : int or None
        Memory for all quanta together, and of each worker for results that it hands on; in bytes.
    leftovers : {'drop', 'keep', 'pack'}
        What becomes of files in the scratch folder.
    profiles : Path or None
        Folder that gets a profile of each quantum.
    """

    jobs: int
    fail_fast: bool
    limits: dict[str, dict[str, Any]]
    memory_budget: int | None
    handover: int | None
    leftovers: Any
    profiles: Path | None

    def options(self, context: click.Context, **more: Any) -> RunOptions:
        """Return the options of a run, with workers that log as the command's global options say."""
        from bunter.execution import RunOptions

        return RunOptions(**asdict(self), on_worker_start=worker_logging(context), **more)


_OPTIONS = (
    click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Quanta at a time."),
    click.option("--fail-fast", is_flag=True, help="Stop everything at the first failure."),
    limit_options,
    profiles_option,
)


def working_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options and pass them as ``working``."""
    names = Working.__slots__

    @functools.wraps(command)
    def with_working(*args: Any, **kwargs: Any) -> Any:
        working = Working(**{name: kwargs.pop(name) for name in names})
        return command(*args, working=working, **kwargs)

    wrapped: Callable[..., Any] = with_working
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped

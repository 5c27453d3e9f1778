"""Logging in worker processes, as the global options ask for it."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from bunter.cli.logs import LogOptions, start_logging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import click

__all__ = ["worker_logging"]


def worker_logging(context: click.Context) -> Callable[[], None]:
    """Return what sets up logging in a worker process as the global options ask for it."""
    asked: Mapping[str, Any] = context.find_root().params
    options = LogOptions(
        asked["log_levels"], asked["long_log"], asked["log_files"], asked["log_tty"], asked["log_labels"]
    )
    if not options.levels:
        _only_warnings_of_tasks()
        return functools.partial(_start_quietly, options)
    return functools.partial(start_logging, options)


def _start_quietly(options: LogOptions) -> None:
    start_logging(options)
    _only_warnings_of_tasks()


def _only_warnings_of_tasks() -> None:
    """Keep what tasks report as information for their logs, unless the user asked for a level."""
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.addFilter(_is_worth_showing)


def _is_worth_showing(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or not record.name.startswith("bunter.task")

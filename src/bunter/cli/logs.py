"""Logging as the global options ask for it."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass

import click

__all__ = ["TRACE", "VERBOSE", "LogOptions", "start_logging"]

VERBOSE, TRACE = 15, 5
_LONG = "%(levelname)s %(asctime)s %(process)d %(name)s (%(filename)s:%(lineno)d) %(message)s"
_SHORT = "%(levelname)s %(name)s: %(message)s"


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The global logging options, as typed."""

    levels: tuple[str, ...] = ()
    long: bool = False
    files: tuple[str, ...] = ()
    tty: bool = True
    labels: tuple[str, ...] = ()

    def label_map(self) -> dict[str, str]:
        """Return the labels as a mapping; a usage error names one without '='."""
        for label in self.labels:
            if "=" not in label:
                raise click.BadParameter(f"{label!r} is not KEY=VALUE", param_hint="--log-label")
        return dict(label.split("=", 1) for label in self.labels)


class _JsonLines(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "name": record.name,
            "message": record.getMessage(),
            "process": record.process,
            "file": record.filename,
            "line": record.lineno,
            **getattr(record, "labels", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _Lines(logging.Formatter):
    """One line a record, with the labels behind it."""

    def format(self, record: logging.LogRecord) -> str:
        labels = " ".join(f"{name}={value}" for name, value in getattr(record, "labels", {}).items())
        return f"{super().format(record)} [{labels}]" if labels else super().format(record)


def _level(word: str) -> int:
    number = logging.getLevelNamesMapping().get(word.upper())
    if number is None:
        raise click.BadParameter(
            f"no level {word!r}; use TRACE, DEBUG, VERBOSE, INFO, WARNING or ERROR", param_hint="--log-level"
        )
    return number


def _set_levels(words: tuple[str, ...]) -> None:
    logging.getLogger("bunter").setLevel(logging.INFO)
    for word in words:
        component, _, level = word.rpartition("=")
        logger = logging.getLogger(None if component == "." else component or "bunter")
        logger.setLevel(_level(level))


def _handlers(options: LogOptions) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    if options.tty:
        handlers.append(logging.StreamHandler(sys.stderr))
    handlers += [_file_handler(path) for path in options.files]
    for handler in handlers:
        as_json = isinstance(handler, logging.FileHandler) and handler.baseFilename.endswith(".json")
        handler.setFormatter(_JsonLines() if as_json else _Lines(_LONG if options.long else _SHORT))
    return handlers


def _file_handler(path: str) -> logging.FileHandler:
    try:
        return logging.FileHandler(path, mode="a", encoding="utf-8")
    except OSError as exc:
        raise click.BadParameter(f"cannot write {path}: {exc.strerror}", param_hint="--log-file") from exc


def start_logging(options: LogOptions) -> None:
    """Set levels, handlers and labels of this process."""
    logging.addLevelName(VERBOSE, "VERBOSE")
    logging.addLevelName(TRACE, "TRACE")
    _set_levels(options.levels)
    labels = options.label_map()

    def label(record: logging.LogRecord) -> bool:
        record.labels = labels
        return True

    root = logging.getLogger()
    for handler in [h for h in root.handlers if getattr(h, "of_bunter", False)]:
        root.removeHandler(handler)
        handler.close()
    for handler in _handlers(options):
        handler.addFilter(label)
        handler.of_bunter = True  # type: ignore[attr-defined]
        root.addHandler(handler)

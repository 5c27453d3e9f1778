"""Logs and spans of a command sent to a collector, where the user asks for it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.execution.otlp import Exporter
    from bunter.execution.watch import Watcher

__all__ = ["exported", "watched"]

_KEY = "bunter.exporter"
_OWN = "bunter.execution.otlp"


class _Handler(logging.Handler):
    """Hands log records over to an exporter."""

    def __init__(self, exporter: Exporter) -> None:
        super().__init__()
        self._exporter = exporter
        self.of_bunter = True

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record over."""
        from bunter.execution.otlp import log_record

        if record.name == _OWN or _is_of_a_quantum(record):
            return
        try:
            facts = {
                "logger.name": record.name,
                "code.file.path": record.pathname,
                "code.line.number": record.lineno,
                **getattr(record, "labels", {}),
            }
            if record.exc_info and record.exc_info[1] is not None:
                facts["exception.stacktrace"] = logging.Formatter().formatException(record.exc_info)
            said = log_record(int(record.created * 1e9), record.levelname, record.getMessage(), facts)
            self._exporter.send("logs", said)
        except Exception:  # noqa: BLE001 - a record that cannot be formatted must not fail the command
            self.handleError(record)


def _is_of_a_quantum(record: logging.LogRecord) -> bool:
    """Whether a quantum that runs in this process keeps a record in its log, which is sent with its span."""
    from bunter.execution.quantum_log import QuantumLog

    logs = [each for each in logging.getLogger().handlers if isinstance(each, QuantumLog)]
    return any(record.levelno >= each.level for each in logs)


@contextmanager
def exported(endpoint: str, labels: Mapping[str, str], meta: dict[str, Any]) -> Iterator[None]:
    """Send what is logged in the block, and let `watched` find the exporter.

    Parameters
    ----------
    endpoint : str
        Address of the collector.
    labels : mapping of str to str
        What stands in each log record.
    meta : dict
        Keeps the exporter for the length of a command.
    """
    from bunter.errors import ConfigurationError
    from bunter.execution.otlp import Exporter

    try:
        exporter = Exporter(endpoint, labels)
    except ConfigurationError as exc:
        raise click.BadParameter(str(exc), param_hint="--otlp") from exc
    handler = _Handler(exporter)
    logging.getLogger().addHandler(handler)
    meta[_KEY] = exporter
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        meta.pop(_KEY, None)
        exporter.close()


@contextmanager
def watched(context: click.Context, watcher: Watcher) -> Iterator[Watcher]:
    """Let a watcher also send spans, if the user asks for it."""
    exporter: Exporter | None = context.meta.get(_KEY)
    if exporter is None:
        yield watcher
        return
    from bunter.execution.spans import Spans

    with Spans(watcher, exporter) as spans:
        yield spans

"""The log of one quantum: what the task and its libraries say, bounded, as records."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from bunter.execution.spill import Spill

__all__ = ["QuantumLog", "log_text"]

_LIMIT = 1 << 20


class QuantumLog(logging.Handler):
    """Collects log records while it is entered; keeps head and tail of what is longer than ``limit`` characters.

    Parameters
    ----------
    label : str
        Label of the task; stands in every record.
    limit : int, optional
        Characters of messages that are kept, half of them from the beginning and half from the end.
    level : int, optional
        Least level that is collected, also from loggers whose own level nobody has set.
    spill : Spill, optional
        Gets every record at once, in case that the process dies.
    """

    def __init__(
        self, label: str, *, limit: int = _LIMIT, level: int = logging.INFO, spill: Spill | None = None
    ) -> None:
        super().__init__(level)
        self._spill = spill
        self._label, self._half = label, limit // 2
        self._head: list[dict[str, Any]] = []
        self._tail: deque[dict[str, Any]] = deque()
        self._head_size = self._tail_size = self._dropped = 0

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as plain values."""
        try:
            plain = self._plain(record)
            self._keep(plain)
            if self._spill is not None:
                self._spill.add(plain)
        except Exception:  # noqa: BLE001 - a message that cannot be formatted must not fail the task
            self.handleError(record)

    def _plain(self, record: logging.LogRecord) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "time": record.created,
            "level": record.levelname,
            "name": record.name,
            "message": self._cut(record.getMessage()),
            "file": record.filename,
            "line": record.lineno,
            "label": self._label,
        }
        if record.exc_info and record.exc_info[1] is not None:
            plain["exception"] = self._cut("".join(traceback.format_exception(record.exc_info[1])))
        return plain

    def _cut(self, text: str) -> str:
        if len(text) <= self._half:
            return text
        quarter = self._half // 2
        return f"{text[:quarter]}\n... {len(text) - 2 * quarter} characters left out ...\n{text[-quarter:]}"

    def _keep(self, plain: dict[str, Any]) -> None:
        size = _size(plain)
        if not self._tail and self._head_size + size <= self._half:
            self._head.append(plain)
            self._head_size += size
            return
        self._tail.append(plain)
        self._tail_size += size
        while self._tail_size > self._half and len(self._tail) > 1:
            self._tail_size -= _size(self._tail.popleft())
            self._dropped += 1

    def failed(self, error: BaseException) -> None:
        """Add the traceback of what ended the quantum."""
        record = logging.LogRecord("bunter.execution", logging.ERROR, "", 0, "%s", (_sentence(error),), None)
        record.exc_info = (type(error), error, error.__traceback__)
        self.emit(record)

    def records(self) -> list[dict[str, Any]]:
        """All that was kept, oldest first, with a record that says how many are missing in the middle."""
        gap = (
            [{"level": "WARNING", "name": "bunter", "message": f"{self._dropped} records left out"}]
            if self._dropped
            else []
        )
        return [*self._head, *gap, *self._tail]

    def text(self) -> str:
        """Write the log for people."""
        return log_text(self.records())


def log_text(records: Iterable[dict[str, Any]]) -> str:
    """Write log records for people."""
    return "".join(_line(record) for record in records)


def _size(plain: dict[str, Any]) -> int:
    return 200 + len(plain["message"]) + len(plain.get("exception", ""))


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _line(record: dict[str, Any]) -> str:
    import datetime as dt

    stamp = dt.datetime.fromtimestamp(record.get("time", 0.0), dt.UTC).isoformat(timespec="milliseconds")
    exception = f"\n{record['exception'].rstrip()}" if "exception" in record else ""
    return f"{stamp} {record['level']:7} {record['name']}: {record['message']}{exception}\n"

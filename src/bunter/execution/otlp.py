"""Telemetry sent to a collector by OTLP over HTTP, as JSON; never waited for.

The encoding is that of the OpenTelemetry protocol 1.x (``opentelemetry-proto``, JSON mapping): ids are hexadecimal, 64-bit
numbers are texts. The packages of OpenTelemetry are not needed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Literal

from bunter import effects
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Exporter", "attributes", "log_record"]

Signal = Literal["logs", "traces"]

_BATCH, _ROOM = 512, 20_000
_TIMEOUT_S, _PAUSE_S, _LONGEST_PAUSE_S, _LAST_S = 5.0, 1.0, 30.0, 3.0
_KEYS = {"logs": ("resourceLogs", "scopeLogs", "logRecords"), "traces": ("resourceSpans", "scopeSpans", "spans")}
_SEVERITY = {"TRACE": 1, "DEBUG": 5, "VERBOSE": 7, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}
_log = logging.getLogger(__name__)


class Exporter:
    """Sends log records and spans from a thread of its own, many at once.

    Whoever has something to send never waits. What a collector that is slow or dead does not take is dropped once there is
    no more room for it, and `close` says how much.

    Parameters
    ----------
    endpoint : str
        Address of the collector, such as ``http://localhost:4318``; ``/v1/logs`` and ``/v1/traces`` are added.
    labels : mapping of str to str, optional
        Attributes of the resource that sends, besides name, version, host and process.

    Raises
    ------
    ConfigurationError
        If it is no address.
    """

    def __init__(self, endpoint: str, labels: Mapping[str, str] | None = None) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise ConfigurationError(f"a collector has an address such as http://localhost:4318, not {endpoint!r}")
        self.endpoint = endpoint.rstrip("/")
        self._resource = {"attributes": attributes({**_resource(), **(labels or {})})}
        self._headers = {"Content-Type": "application/json", **_headers_asked()}
        self._waiting: queue.Queue[tuple[Signal, dict[str, Any]] | None] = queue.Queue(_ROOM)
        self._unsent = self._in_hand = 0
        self._problem = ""
        self._is_closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def send(self, signal: Signal, item: dict[str, Any]) -> None:
        """Take a record or a span, to be sent soon."""
        if self._thread is None:
            self._start()
        try:
            self._waiting.put_nowait((signal, item))
        except queue.Full:
            self._unsent += 1

    def close(self, limit_s: float | None = None) -> int:
        """Send what is left, for as long as the limit, three seconds by default; return how many items were lost."""
        self._is_closing.set()
        if self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(None)
            self._thread.join(_LAST_S if limit_s is None else limit_s)
            self._unsent += self._in_hand + sum(1 for item in list(self._waiting.queue) if item is not None)
        if self._unsent:
            _log.warning(
                "%s did not take %s records and spans: %s",
                self.endpoint,
                f"{self._unsent:,}",
                self._problem or "no answer",
            )
        return self._unsent

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="bunter-otlp", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        is_over = False
        while not is_over:
            batch: dict[Signal, list[dict[str, Any]]] = {"logs": [], "traces": []}
            is_over = self._gather(batch)
            self._in_hand = sum(map(len, batch.values()))
            for signal, items in batch.items():
                if items and not self._posted(signal, items):
                    self._unsent += len(items)
                self._in_hand -= len(items)

    def _gather(self, batch: dict[Signal, list[dict[str, Any]]]) -> bool:
        """Wait for something, take what is there; say whether it is all."""
        taken = 0
        end = effects.monotonic() + _PAUSE_S
        while taken < _BATCH:
            try:
                item = self._waiting.get(timeout=max(end - effects.monotonic(), 0.01))
            except queue.Empty:
                if taken or self._is_closing.is_set():
                    return self._is_closing.is_set()
                end = effects.monotonic() + _PAUSE_S
                continue
            if item is None:
                return True
            batch[item[0]].append(item[1])
            taken += 1
        return False

    def _posted(self, signal: Signal, items: list[dict[str, Any]]) -> bool:
        """Post a batch, again after growing pauses; give it up when closing."""
        body, pause_s = self._body(signal, items), _PAUSE_S
        while True:
            try:
                effects.request("post", f"{self.endpoint}/v1/{signal}", changes=False)
                asked = urllib.request.Request(f"{self.endpoint}/v1/{signal}", body, self._headers, method="POST")  # noqa: S310 - http only, see __init__
                with urllib.request.urlopen(asked, timeout=_TIMEOUT_S):  # noqa: S310 - as above
                    return True
            except urllib.error.HTTPError as exc:
                exc.close()
                self._problem = f"it answered {exc.code} {exc.reason}"
                if exc.code not in {429, 502, 503, 504}:  # the protocol says that others are final
                    return False
            except Exception as exc:  # noqa: BLE001 - whatever is wrong with a collector is no business of ours
                self._problem = str(getattr(exc, "reason", None) or exc) or type(exc).__name__
            if self._is_closing.wait(pause_s):
                return False
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _body(self, signal: Signal, items: list[dict[str, Any]]) -> bytes:
        resources, scopes, records = _KEYS[signal]
        scope = {"name": "bunter", "version": _version()}
        return json.dumps(
            {resources: [{"resource": self._resource, scopes: [{"scope": scope, records: items}]}]}
        ).encode()


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write attributes; None is left out, and what is not plain becomes its text."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case _:
            return {"stringValue": str(value)}


def log_record(time_ns: int, level: str, message: str, facts: Mapping[str, Any], **ids: str) -> dict[str, Any]:
    """Write a log record.

    Parameters
    ----------
    time_ns : int
        When, ns since 1970, UTC.
    level, message : str
        As logging has them.
    facts : mapping
        Attributes.
    **ids
        ``traceId`` and ``spanId`` of what it belongs to, hexadecimal.
    """
    return {
        "timeUnixNano": str(time_ns),
        "observedTimeUnixNano": str(effects.now_ns()),
        "severityNumber": _SEVERITY.get(level, 9),
        "severityText": level,
        "body": {"stringValue": message},
        "attributes": attributes(facts),
        **ids,
    }


def _resource() -> dict[str, Any]:
    return {
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or "bunter",
        "service.version": _version(),
        "host.name": os.uname().nodename,
        "process.pid": os.getpid(),
    }


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bunter")
    except PackageNotFoundError:
        return "unknown"


def _headers_asked() -> dict[str, str]:
    """Read the headers, such as tokens, that the environment asks for."""
    from urllib.parse import unquote

    pairs = (pair.partition("=") for pair in os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(","))
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs if name.strip()}

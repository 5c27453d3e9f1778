"""Runs as traces: a span for the run, one for each try of a quantum, and their logs beside them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Self

from bunter import effects
from bunter.execution.otlp import attributes, log_record
from bunter.execution.summary import required_data_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.execution.message import Outcome
    from bunter.execution.otlp import Exporter
    from bunter.execution.scheduling import State
    from bunter.execution.summary import FailedQuantum
    from bunter.execution.watch import Watcher
    from bunter.graph import QuantumGraph

__all__ = ["Spans", "span_id", "trace_id"]

_OK, _ERROR, _INTERNAL = 1, 2, 1


def trace_id(graph_id: str) -> str:
    """Return the id of the trace of a run: the same for all its jobs and attempts, wherever they run."""
    return hashlib.sha256(f"bunter:{graph_id}".encode()).hexdigest()[:32]


def span_id(*parts: object) -> str:
    """Return the id of a span, which follows from what it is."""
    return hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()[:16]


class Spans:
    """Looks on like another one, and sends what it sees.

    Parameters
    ----------
    watcher : Watcher
        The other one.
    exporter : Exporter
        Sends.
    """

    def __init__(self, watcher: Watcher, exporter: Exporter) -> None:
        self._watcher, self._exporter = watcher, exporter
        self._run, self._begin_ns = "", effects.now_ns()
        self._graph: QuantumGraph | None = None
        self._attempt = self._quanta = self._failures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end("" if error[1] is None else str(error[1]) or type(error[1]).__name__)

    def begun(self, run: str, totals: Mapping[str, tuple[int, int]]) -> None:
        """See `Watcher`."""
        self._watcher.begun(run, totals)
        self._run, self._begin_ns = run, effects.now_ns()

    def ended(self, label: str, state: State) -> None:
        """See `Watcher`."""
        self._watcher.ended(label, state)

    def failed(self, failure: FailedQuantum, *, again: bool) -> None:
        """See `Watcher`."""
        self._watcher.failed(failure, again=again)
        self._failures += not again

    def tried(self, graph: QuantumGraph, outcome: Outcome) -> None:
        """Send the span of a try of a quantum, and what it has logged."""
        self._graph, receipt = graph, outcome.receipt
        self._attempt, self._quanta = receipt.attempt, self._quanta + 1
        label, own = graph.place(receipt.quantum)
        trace = trace_id(graph.header.graph_id)
        span = span_id(graph.header.graph_id, receipt.quantum, receipt.attempt, receipt.retry)
        spent, problem = receipt.resources, receipt.problem
        end_ns = effects.now_ns() if spent is None else spent.begin_ns + int(spent.wall_s * 1e9)
        facts: dict[str, Any] = {
            "bunter.run": graph.header.output_run,
            "bunter.task": label,
            "bunter.quantum": receipt.quantum,
            "bunter.attempt": receipt.attempt,
            "bunter.retry": receipt.retry,
            "bunter.end": receipt.end,
            **{f"bunter.data_id.{key}": value for key, value in required_data_id(graph, label, own).items()},
        }
        if spent is not None:
            facts |= {
                "bunter.cpu_s": spent.cpu_s,
                "bunter.peak_memory": spent.peak_memory,
                "host.name": spent.host,
                "process.pid": spent.process,
            }
        if problem is not None:
            facts |= {"error.type": problem.type, "bunter.reason": str(problem)}
        self._exporter.send(
            "traces",
            {
                "traceId": trace,
                "spanId": span,
                "parentSpanId": self._root(graph),
                "name": label,
                "kind": _INTERNAL,
                "startTimeUnixNano": str(end_ns if spent is None else spent.begin_ns),
                "endTimeUnixNano": str(end_ns),
                "attributes": attributes(facts),
                "status": {"code": _OK} if receipt.is_success else {"code": _ERROR, "message": str(problem or "")},
            },
        )
        self._send_logs(outcome, trace, span, label)

    def _send_logs(self, outcome: Outcome, trace: str, span: str, label: str) -> None:
        for record in json.loads(outcome.log) if outcome.log else ():
            facts = {
                "bunter.task": label,
                "logger.name": record.get("name"),
                "code.file.path": record.get("file"),
                "code.line.number": record.get("line"),
                "exception.stacktrace": record.get("exception"),
            }
            when = int(record.get("time", 0.0) * 1e9)
            said = log_record(when, record["level"], record["message"], facts, traceId=trace, spanId=span)
            self._exporter.send("logs", said)

    def _root(self, graph: QuantumGraph) -> str:
        return span_id(graph.header.graph_id, self._run, self._attempt)

    def _end(self, error: str) -> None:
        """Send the span of the run, or job: the parent of the others comes last."""
        if self._graph is None:
            return
        message = error or (f"{self._failures} quanta failed" if self._failures else "")
        self._exporter.send(
            "traces",
            {
                "traceId": trace_id(self._graph.header.graph_id),
                "spanId": self._root(self._graph),
                "name": self._run,
                "kind": _INTERNAL,
                "startTimeUnixNano": str(self._begin_ns),
                "endTimeUnixNano": str(effects.now_ns()),
                "attributes": attributes(
                    {
                        "bunter.run": self._graph.header.output_run,
                        "bunter.graph": self._graph.header.graph_id,
                        "bunter.attempt": self._attempt,
                        "bunter.quanta": self._quanta,
                        "bunter.failures": self._failures,
                    }
                ),
                "status": {"code": _ERROR, "message": message} if message else {"code": _OK},
            },
        )

"""Logs and spans sent to a collector: what arrives, and that nothing waits for one that is slow, broken or gone."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from small_survey import make_repository

from bunter.butler import Butler
from bunter.cli.program import run
from bunter.errors import ConfigurationError
from bunter.execution import otlp
from bunter.execution.otlp import Exporter, attributes
from bunter.execution.spans import span_id, trace_id

PIPELINE = "tasks:\n  reduce: {class: run_tasks.Reduce, config: {faults: {FAULTS}}}\n  gather: run_tasks.Gather\n"


class Collector(BaseHTTPRequestHandler):
    """Records what it is sent; answers as the server's mood says."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers.items())))
        mood = self.server.moods.pop(0) if self.server.moods else 200
        if mood == "hang":
            self.server.go_on.wait(30)
            return
        if mood == 200:
            self.server.bodies.append((self.path, body))
        self.send_response(mood)
        self.end_headers()
        if mood == 200:
            self.wfile.write(b"{}")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def collector():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.asked, server.bodies, server.moods, server.go_on = [], [], [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(otlp, "_PAUSE_S", 0.1)
    monkeypatch.setattr(otlp, "_LAST_S", 20.0)


def address(server):
    return f"http://127.0.0.1:{server.server_port}"


def items(server, signal):
    keys = {"logs": ("resourceLogs", "scopeLogs", "logRecords"), "traces": ("resourceSpans", "scopeSpans", "spans")}
    resources, scopes, records = keys[signal]
    return [
        record
        for path, body in server.bodies
        if path == f"/v1/{signal}"
        for resource in body[resources]
        for scope in resource[scopes]
        for record in scope[records]
    ]


def facts(item):
    return {each["key"]: next(iter(each["value"].values())) for each in item["attributes"]}


@pytest.fixture
def ask(tmp_path, monkeypatch, capfd):
    make_repository(tmp_path / "repo").close()
    monkeypatch.chdir(tmp_path)

    def command(*words, endpoint, faults="", jobs=1):
        (tmp_path / "p.yaml").write_text(PIPELINE.replace("FAULTS", faults))
        base = ("run", "-b", "repo", "-p", "p.yaml", "-i", "raw", "-o", "out", "-d", "instrument = 'Cam'")
        code = run(["--otlp", endpoint, *words, *base, "-j", str(jobs)])
        return code, *capfd.readouterr()

    return command


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_is_a_trace_with_a_span_for_each_quantum_and_its_logs_beside_it(ask, collector, jobs):
    code, _, err = ask("--log-label", "night=3", endpoint=address(collector), jobs=jobs)
    assert code == 0, err
    spans = items(collector, "traces")
    [root] = [span for span in spans if "parentSpanId" not in span]
    children = [span for span in spans if "parentSpanId" in span]
    assert len(children) == 12
    assert {span["traceId"] for span in spans} == {root["traceId"]}
    assert {span["parentSpanId"] for span in children} == {root["spanId"]}
    assert len({span["spanId"] for span in spans}) == 13
    assert [span["name"] for span in children].count("gather") == 4
    assert all(int(root["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) for span in children)
    assert all(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) for span in spans)
    one = next(facts(span) for span in children if facts(span).get("bunter.data_id.exposure") == "3")
    assert one["bunter.end"] == "succeeded"
    assert one["bunter.data_id.instrument"] == "Cam"
    logs = [log for log in items(collector, "logs") if log["body"]["stringValue"] == "reducing 3"]
    assert len(logs) == 2
    reduced = {span["spanId"] for span in children if span["name"] == "reduce"}
    assert {log["spanId"] for log in logs} < reduced
    resource = collector.bodies[0][1].popitem()[1][0]["resource"]
    assert facts(resource)["service.name"] == "bunter"
    assert facts(resource)["night"] == "3"
    with Butler("repo") as butler:
        [name] = butler.info("out").children[:1]
    assert facts(root)["bunter.run"] == name


def test_a_failure_is_an_error_with_its_reason(ask, collector):
    code, *_ = ask(endpoint=address(collector), faults='"2": raise')
    assert code == 1
    failed = [span for span in items(collector, "traces") if span["status"]["code"] == 2]
    assert {span["name"] for span in failed if "parentSpanId" in span} == {"reduce"}
    assert all(span["status"]["message"] for span in failed)
    assert any("Traceback" in facts(log).get("exception.stacktrace", "") for log in items(collector, "logs"))


def test_logs_of_any_command_arrive(collector, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address(collector))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret,x-team=sky")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "night")
    assert run(["--log-level", "VERBOSE", "create", "repo"]) == 0
    capfd.readouterr()
    logs = items(collector, "logs")
    assert any(log["body"]["stringValue"].startswith("begins:") for log in logs)
    assert {log["severityText"] for log in logs} == {"VERBOSE"}
    headers = collector.asked[0][1]
    assert (headers["Authorization"], headers["X-Team"]) == ("Bearer secret", "sky")


@pytest.mark.parametrize("mood", ["gone", "hang", 500, 404])
def test_a_collector_that_does_not_work_changes_nothing_but_a_warning(ask, collector, mood, monkeypatch):
    monkeypatch.setattr(otlp, "_LAST_S", 1.0)
    begin = time.monotonic()
    endpoint = "http://127.0.0.1:9" if mood == "gone" else address(collector)
    collector.moods += [mood] * 1000
    code, out, err = ask(endpoint=endpoint)
    assert code == 0, err
    assert out.startswith("12 of 12 quanta succeeded")
    assert "did not take" in err
    assert time.monotonic() - begin < 25  # a request that hangs does so for 30


def test_sending_takes_no_time_however_dead_the_collector_is():
    exporter = Exporter("http://127.0.0.1:9")
    begin = time.monotonic()
    for n in range(50_000):
        exporter.send("logs", {"n": n})
    assert time.monotonic() - begin < 10
    begin = time.monotonic()
    assert exporter.close(limit_s=0.5) >= 49_000
    assert time.monotonic() - begin < 10


def test_what_a_busy_collector_refuses_comes_again(collector):
    collector.moods += [503, 429]
    exporter = Exporter(address(collector))
    exporter.send("traces", {"name": "x"})
    end = time.monotonic() + 60
    while not collector.bodies and time.monotonic() < end:
        time.sleep(0.05)
    assert exporter.close() == 0
    assert items(collector, "traces") == [{"name": "x"}]


def test_thousands_of_records_go_in_few_requests(collector):
    exporter = Exporter(address(collector))
    for n in range(5000):
        exporter.send("logs", {"n": n})
    assert exporter.close(limit_s=20) == 0
    assert [item["n"] for item in items(collector, "logs")] == list(range(5000))
    assert len(collector.bodies) < 30


def test_ids_are_those_of_the_protocol_and_the_same_everywhere():
    assert len(bytes.fromhex(trace_id("g"))) == 16
    assert len(bytes.fromhex(span_id("g", 1, 0, 0))) == 8
    assert span_id("g", 1, 0, 0) != span_id("g", 1, 0, 1)
    assert attributes({"a": 2**60, "b": True, "c": None, "d": [1.5]}) == [
        {"key": "a", "value": {"intValue": str(2**60)}},
        {"key": "b", "value": {"boolValue": True}},
        {"key": "d", "value": {"arrayValue": {"values": [{"doubleValue": 1.5}]}}},
    ]


def test_an_address_that_is_none_is_a_sentence(capfd):
    with pytest.raises(ConfigurationError, match="such as http://localhost:4318"):
        Exporter("localhost:4318")
    assert run(["--otlp", "localhost:4318", "query-collections", "nowhere"]) == 2
    assert "--otlp" in capfd.readouterr().err


def test_no_collector_no_thread(tmp_path, monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    before = set(threading.enumerate())
    Exporter("http://127.0.0.1:9").close()
    assert set(threading.enumerate()) <= before

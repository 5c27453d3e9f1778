"""A service that takes no connections is told within seconds; one that is busy is waited for."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bunter import Butler
from bunter.butler.diagnosis import diagnose
from bunter.datastore import patience
from bunter.datastore.bucket import Upload
from bunter.datastore.services import open_bucket
from bunter.errors import ButlerError, StoreUnavailableError
from services_at import services_at

LARGE = bytes(9_000_000)
SERVICES = {
    "s3": "s3://bucket/x",
    "swift": "swift://container/x",
    "webdav": "webdav://127.0.0.1:{port}/x",
    "http": "http://127.0.0.1:{port}/x",
}
DEEDS = {
    "read": lambda bucket: bucket.read("k"),
    "list": lambda bucket: list(bucket.walk()),
    "write": lambda bucket: bucket.write_many([Upload("k", b"1", 1)]),
    "write large": lambda bucket: bucket.write_many([Upload("k", LARGE, len(LARGE))]),
    "look": lambda bucket: bucket.stat_many(["a", "b"]),
    "remove": lambda bucket: bucket.delete_many(["a", "b"]),
}


@pytest.fixture
def nobody():
    """A port on which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def _soon_given_up(monkeypatch):
    """Look for a service that takes no connection for a second; with the last pause before it is given up that may be three."""
    monkeypatch.setattr(patience, "ABSENT_S", 1.0)


@pytest.mark.slow
@pytest.mark.usefixtures("_soon_given_up")
@pytest.mark.parametrize(
    ("service", "deed"),
    [
        *(("s3", deed) for deed in DEEDS),
        *((name, deed) for name in ("swift", "webdav") for deed in ("read", "write large")),
    ],
)
def test_a_refused_connection_is_told_in_seconds_and_not_after_a_minute(service, deed, nobody, monkeypatch):
    services_at(monkeypatch, nobody)
    bucket = open_bucket(SERVICES[service].format(port=nobody))
    begin = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=r"service or the network is down|refused") as caught:
        DEEDS[deed](bucket)
    assert time.monotonic() - begin < 20
    assert "doctor" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address", [*SERVICES.values(), "sftp://127.0.0.1:{port}/x", "postgresql://u@127.0.0.1:{port}/d"]
)
def test_the_doctor_tells_a_refused_connection_within_three_seconds(address, nobody, monkeypatch):
    services_at(monkeypatch, nobody)
    last, took_s = None, []
    while min(took_s, default=3.0) >= 3 and len(took_s) < 3:  # the first also imports, and others may have the cores
        begin = time.monotonic()
        last = diagnose(address.format(port=nobody))[-1]
        took_s.append(time.monotonic() - begin)
    assert min(took_s) < 3
    assert last.verdict == "wrong"
    assert str(nobody) in last.detail or "cannot be reached" in last.detail


@pytest.mark.parametrize("address", ["sftp://127.0.0.1:{port}/x", "postgresql://u@127.0.0.1:{port}/d"])
def test_a_host_that_refuses_is_told_when_the_repository_is_opened(address, nobody):
    begin = time.monotonic()
    with pytest.raises(ButlerError) as caught:
        Butler(address.format(port=nobody))
    assert time.monotonic() - begin < 20
    assert "\n" not in str(caught.value)


class Busy(BaseHTTPRequestHandler):
    """Answers 503 for a while, then as if nothing were there."""

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if "auth" in self.path:
            self.answer(200, {"X-Storage-Url": f"http://127.0.0.1:{self.server.server_port}/v1/a", "X-Auth-Token": "t"})
        else:
            self.answer(503 if time.monotonic() < self.server.busy_until else 404)

    do_HEAD = do_PUT = do_GET  # noqa: N815 - names of the standard library

    def answer(self, status, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.slow
@pytest.mark.usefixtures("_soon_given_up")
@pytest.mark.parametrize("service", ["s3", "swift"])
def test_a_service_that_is_busy_is_waited_for_longer_than_one_that_is_away(service, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    server.busy_until = time.monotonic() + 6
    threading.Thread(target=server.serve_forever, daemon=True).start()
    services_at(monkeypatch, server.server_port)
    try:
        assert open_bucket(SERVICES[service]).stat_many(["k"]) == [None]
    finally:
        server.shutdown()
        server.server_close()
    assert time.monotonic() > server.busy_until

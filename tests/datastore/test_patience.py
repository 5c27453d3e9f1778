"""Requests are made again where an answer may pass and where a connection breaks, by each of the clients in the same way."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from bunter.datastore import patience
from bunter.datastore.bucket import Upload
from bunter.datastore.services import open_bucket
from bunter.errors import StoreDeniedError, StoreUnavailableError
from services_at import services_at

CONTENT = b"0123456789" * 10
LARGE = bytes(9_000_000)  # goes through a client of our own to HTTP servers
SERVICES = {
    "s3": "s3://bucket/x",
    "swift": "swift://container/x",
    "http": "http://127.0.0.1:{port}/x",
}
DEEDS = {
    "s3": lambda bucket: bucket.read("k"),
    "swift": lambda bucket: bucket.read("k"),
    "http": lambda bucket: bucket.write_many([Upload("k", LARGE, len(LARGE))]),
}


class Service(BaseHTTPRequestHandler):
    """Fails in one way until it has been asked for some time."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if "auth" in self.path:
            here = f"http://127.0.0.1:{self.server.server_port}"
            return self.answer(200, b"", {"X-Storage-Url": f"{here}/v1/a", "X-Auth-Token": "t"})
        if self.command == "MKCOL":
            return self.answer(201, b"")
        self.server.asked += 1
        self.server.begin = self.server.begin or time.monotonic()
        if time.monotonic() - self.server.begin > self.server.fails_s:
            return self.answer(201 if self.command == "PUT" else 200, CONTENT)
        return self.server.fail(self)

    do_PUT = do_MKCOL = do_GET  # noqa: N815 - names of the standard library

    def answer(self, status, body, headers=(), size=None):
        """Send an answer, or the begin of one that says to be longer."""
        asked = self.headers.get("range")
        begin = int(asked[6:].split("-")[0]) if asked and status == 200 else 0
        self.send_response(206 if asked and status == 200 else status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if asked and status == 200:
            self.send_header("Content-Range", f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("ETag", '"one"')
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 20:00:00 GMT")
        self.send_header("Content-Length", str((size or len(body)) - begin))
        self.end_headers()
        self.wfile.write(body[begin:])

    def log_message(self, *_):
        """Say nothing."""


def status(number):
    return lambda request: request.answer(number, b"no")


def close(request):
    """Hang up without a word."""
    request.close_connection = True


def cut(request):
    """Hang up in the midst of the body."""
    request.answer(200, CONTENT[:30], size=len(CONTENT))
    request.close_connection = True


@pytest.fixture
def service(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.asked, server.begin, server.fails_s = 0, 0.0, 0.6
    Thread(target=server.serve_forever, daemon=True).start()
    services_at(monkeypatch, server.server_port)
    # What obstore waits by itself: so that the tests see who goes on after it.
    monkeypatch.setattr(patience, "ABSENT_S", 0.3)
    yield server
    server.shutdown()
    server.server_close()


def done(service, name):
    return DEEDS[name](open_bucket(SERVICES[name].format(port=service.server_port)))


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("number", [429, 520])
def test_an_answer_that_passes_is_waited_for(service, name, number):
    service.fail = status(number)
    assert done(service, name) in ([CONTENT], None)
    assert service.asked > 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_connection_that_is_closed_is_opened_again(service, name):
    service.fail = close
    assert done(service, name) in ([CONTENT], None)
    assert service.asked > 1


@pytest.mark.parametrize("name", ["s3", "swift"])
def test_an_answer_that_breaks_off_is_asked_for_again(service, name):
    service.fail = cut
    assert done(service, name) == [CONTENT]
    assert service.asked > 1


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("number", [501, 507])
def test_what_a_server_will_not_do_later_either_is_told_soon(service, name, number):
    service.fail, service.fails_s = status(number), 1000
    begin = time.monotonic()
    with pytest.raises((StoreDeniedError, StoreUnavailableError), match=str(number)):
        done(service, name)
    assert time.monotonic() - begin < 20

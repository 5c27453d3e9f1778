"""Real storage services for tests, on loopback: each is started when first asked for, once per worker.

All that is needed comes with ``pip install 'bunter[test]'``.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_numbers = itertools.count()
KEY, SECRET = "AKTEST", "sktest"
_WATCH = (
    '"$0" "$@" & server=$!; read -r _; kill -KILL $server; wait $server'  # the pipe closes when the tests end, however
)


def free_port():
    """A port that is free, and stays so: below those that systems give to who asks for any, or connects."""
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def needed(name):
    """Path of a program that the extra `test` brings."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.fail(f"no {name} for tests; `pip install 'bunter[test]'` brings it")
    return found


class Service:
    """A server process that dies with the tests; `start` after `stop` takes the same port."""

    def __init__(self, command, port, folder, environment=None):
        self.command, self.port, self.folder = [str(word) for word in command], port, folder
        self.environment = {**os.environ, **(environment or {})}
        self.start()

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", _WATCH, *self.command], stdin=subprocess.PIPE, stdout=log, stderr=log, env=self.environment
            )
        end = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"{self.command[0]} does not start: {(self.folder / 'log').read_text()[-500:]}")
                time.sleep(0.02)
            else:
                return

    def stop(self):
        """Kill it, as a crash would."""
        self.process.stdin.close()
        self.process.wait(120)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class S3Server(Service):
    """`rclone serve s3` over a folder with two buckets."""

    def __init__(self):
        folder, port = Path(tempfile.mkdtemp(prefix="s3")), free_port()
        for bucket in ("bucket", "other"):
            (folder / "data" / bucket).mkdir(parents=True)
        program = [needed("rclone"), "serve", "s3", folder / "data", "--addr", f"127.0.0.1:{port}"]
        super().__init__(
            [*program, "--auth-key", f"{KEY},{SECRET}"],
            port,
            folder,
            {"RCLONE_CONFIG": str(folder / "none")},
        )

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment_of_clients(self):
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def new_place(self):
        return f"s3://bucket/place{next(_numbers)}"

    def objects(self, address):
        top = self.folder / "data" / address.removeprefix("s3://")
        return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def s3_server():
    server = S3Server()
    yield server
    server.remove()


@pytest.fixture
def s3_place(s3_server, monkeypatch):
    """Address of an empty place in a bucket, with the environment that opens it."""
    for name, value in s3_server.environment_of_clients.items():
        monkeypatch.setenv(name, value)
    return s3_server.new_place()


class Storm:
    """A service that answers 503 to a share of the requests and hands the others on to another one; ``moved`` counts bytes."""

    def __init__(self, port, share):
        self.answered, self.refused, self.moved = 0, 0, 0
        storm, chance = self, random.Random(1)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if chance.random() < share:
                    storm.refused += 1
                    self.answer(503, {}, b"slow down")
                    return
                storm.answered += 1
                upstream = HTTPConnection("127.0.0.1", port, timeout=120)
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    upstream.putheader(name, value)
                upstream.endheaders(body)
                answer = upstream.getresponse()
                self.answer(answer.status, dict(answer.getheaders()), answer.read())
                upstream.close()

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_one  # noqa: N815 - names of the standard library

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                        self.send_header(name, value)
                length = headers.get("Content-Length") if self.command == "HEAD" else len(body)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command != "HEAD":
                    storm.moved += len(body)
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class WebDAVServer(Service):
    """WsgiDAV over a folder, with a user and a password."""

    def __init__(self):
        folder, port = Path(tempfile.mkdtemp(prefix="dav")), free_port()
        (folder / "data").mkdir()
        if importlib.util.find_spec("wsgidav") is None or importlib.util.find_spec("cheroot") is None:
            pytest.fail("no wsgidav for tests; `pip install 'bunter[test]'` brings it")
        (folder / "dav.json").write_text(
            f'{{"host": "127.0.0.1", "port": {port}, "provider_mapping": {{"/": "{folder}/data"}}, "verbose": 1, '
            '"simple_dc": {"user_mapping": {"*": {"u": {"password": "p"}}}}, '
            '"http_authenticator": {"accept_basic": true, "accept_digest": false, "default_to_digest": false}}'
        )
        (folder / "netrc").write_text(f"machine 127.0.0.1:{port}\nlogin u\npassword p\n")
        (folder / "netrc").chmod(0o600)
        super().__init__([needed("wsgidav"), "--config", folder / "dav.json"], port, folder)


class SFTPServer(Service):
    """`rclone serve sftp` over a folder, with a user and a password."""

    def __init__(self):
        folder, port = Path(tempfile.mkdtemp(prefix="sftp")), free_port()
        (folder / "data").mkdir()
        home = folder / "home"
        (home / ".ssh").mkdir(parents=True)
        (home / ".netrc").write_text(f"machine 127.0.0.1:{port}\nlogin u\npassword p\n")
        (home / ".netrc").chmod(0o600)
        program = [needed("rclone"), "serve", "sftp", folder / "data", "--addr", f"127.0.0.1:{port}"]
        environment = {"RCLONE_CONFIG": str(folder / "none"), "XDG_CACHE_HOME": str(folder / "cache")}
        super().__init__([*program, "--user", "u", "--pass", "p"], port, folder, environment)
        self.known_hosts = home / ".ssh" / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{port} {self._host_key()}\n")

    def _host_key(self):
        from paramiko import Transport

        with closing(Transport(("127.0.0.1", self.port))) as transport:
            transport.start_client(timeout=120)
            key = transport.get_remote_server_key()
        return f"{key.get_name()} {key.get_base64()}"


@pytest.fixture(scope="session")
def sftp_server():
    server = SFTPServer()
    yield server
    server.remove()


@pytest.fixture
def sftp_folder(sftp_server, monkeypatch):
    """Address of an empty folder, with the home folder of somebody who may open it and knows the key of the host."""
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(sftp_server.folder / "home"))
    return f"sftp://127.0.0.1:{sftp_server.port}/folder{next(_numbers)}"


@pytest.fixture(scope="session")
def webdav_server():
    server = WebDAVServer()
    yield server
    server.remove()


@pytest.fixture
def webdav_folder(webdav_server, monkeypatch):
    """Address of an empty folder, with the password file that opens it."""
    monkeypatch.setenv("NETRC", str(webdav_server.folder / "netrc"))
    name = f"folder{next(_numbers)}"
    (webdav_server.folder / "data" / name).mkdir()
    return f"webdav://127.0.0.1:{webdav_server.port}/{name}"

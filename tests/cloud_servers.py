"""Azure and Google storage on loopback for tests.

Azure is Azurite, Microsoft's own emulator (``make azurite``). Google has no emulator in a package registry that speaks the XML
protocol, which is what clients in C, Rust and Go send; but that protocol is S3's with other credentials. So a front checks Google's
credentials, as Google documents them, and hands the requests on to rclone's S3 service.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import shutil
import sys
import tempfile
import threading
import time
from email.utils import formatdate
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit
from urllib.request import Request, urlopen

import pytest

from object_store_servers import Service, free_port, needed

_numbers = itertools.count()
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Account and key that Azurite has, as its documentation gives them."""


def azurite():
    """Command that starts Azurite's blob service; the test is skipped where it is not installed."""
    script = Path(sys.prefix) / "npm/node_modules/azurite/dist/src/blob/main.js"
    if (node := shutil.which("node")) and script.exists():
        return [node, script]
    if found := shutil.which("azurite-blob"):
        return [found]
    return pytest.skip("no Azurite here; `make azurite` brings it from npm")


class AzureServer(Service):
    """Azurite over a folder with one container."""

    def __init__(self):
        command, folder, port = azurite(), Path(tempfile.mkdtemp(prefix="azure")), free_port()
        options = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        place = ["--blobHost", "127.0.0.1", "--blobPort", port, "--location", folder / "data"]
        super().__init__([*command, *place, *options], port, folder)
        self._make_container("container")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def connection_string(self):
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={self.url};"

    def _make_container(self, name):
        date = formatdate(usegmt=True)
        resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-08-06\n{resource}"
        digest = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
        headers = {
            "x-ms-date": date,
            "x-ms-version": "2021-08-06",
            "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
            "Content-Length": "0",
        }
        address = f"{self.url}/{name}?restype=container"
        with urlopen(Request(address, method="PUT", headers=headers), timeout=120) as answer:
            assert answer.status == 201


class GoogleServer(Service):
    """Google's XML protocol: credentials are checked here, the objects are rclone's."""

    def __init__(self):
        folder, port = Path(tempfile.mkdtemp(prefix="google")), free_port()
        (folder / "data" / "bucket").mkdir(parents=True)
        program = [needed("rclone"), "serve", "s3", folder / "data", "--addr", f"127.0.0.1:{port}"]
        super().__init__(program, port, folder, {"RCLONE_CONFIG": str(folder / "none")})
        self.account = ServiceAccount(folder / "account.json")
        self.seen = []  # method and headers of the requests
        self.front = ThreadingHTTPServer(("127.0.0.1", 0), _front(self))
        self.url = f"http://127.0.0.1:{self.front.server_port}"
        threading.Thread(target=self.front.serve_forever, daemon=True).start()

    def remove(self):
        self.front.shutdown()
        self.front.server_close()
        super().remove()


class ServiceAccount:
    """A Google service account: its key file, and what is signed with it."""

    email = "observer@project.iam.gserviceaccount.com"

    def __init__(self, path):
        from cryptography.hazmat.primitives import serialization as forms
        from cryptography.hazmat.primitives.asymmetric import rsa

        self.path, self._key = path, rsa.generate_private_key(65537, 2048)
        pem = self._key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()).decode()
        content = {"type": "service_account", "client_email": self.email, "private_key": pem, "private_key_id": "k1"}
        path.write_text(json.dumps(content))

    def has_signed(self, text, signature):
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        try:
            self._key.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def has_issued(self, token):
        """Whether a token is one of its own (a self-signed JWT), and holds still."""
        text, _, signature = token.rpartition(".")
        if not text or not self.has_signed(text, _decoded(signature)):
            return False
        claims = json.loads(_decoded(text.partition(".")[2]))
        return claims["iss"] == self.email and claims["exp"] > time.time()

    def has_allowed(self, method, address):
        """Whether an address is signed (GOOG4-RSA-SHA256), for this method and still; clients sign for Google's own host."""
        parts = urlsplit(address)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        signature = bytes.fromhex(query.pop("X-Goog-Signature", ""))
        if not signature:
            return False
        begin = time.mktime(time.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ")) - time.timezone
        listed = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
        request = f"{method}\n{parts.path}\n{listed}\nhost:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD"
        scope = query["X-Goog-Credential"].partition("/")[2]
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest}"
        return self.has_signed(text, signature) and time.time() < begin + int(query["X-Goog-Expires"])


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _front(google):
    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            google.seen.append((self.command, dict(self.headers)))
            token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
            allowed = google.account.has_allowed(self.command, self.path)
            if not allowed and not google.account.has_issued(token):
                self.answer(403, {}, b"<Error><Code>AccessDenied</Code></Error>")
                return
            upstream = HTTPConnection("127.0.0.1", google.port, timeout=120)
            path = urlsplit(self.path).path if allowed else self.path
            headers = {name: value for name, value in self.headers.items() if name.lower() in {"range", "content-type"}}
            if source := self.headers.get("x-goog-copy-source"):
                headers["x-amz-copy-source"] = source
            upstream.request(self.command, path, body, headers)
            answer = upstream.getresponse()
            ranged = answer.status == 200 and answer.getheader("Content-Range")  # as rclone (seen in 1.75) answers
            self.answer(206 if ranged else answer.status, dict(answer.getheaders()), answer.read())
            upstream.close()

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_one  # noqa: N815 - names of the standard library

        def answer(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Front


@pytest.fixture(scope="session")
def azure_server():
    server = AzureServer()
    yield server
    server.remove()


@pytest.fixture
def azure_place(azure_server, monkeypatch):
    """Address of an empty place in a container, with the environment that opens it."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure_server.connection_string)
    return f"az://container/place{next(_numbers)}"


@pytest.fixture(scope="session")
def google_server():
    server = GoogleServer()
    yield server
    server.remove()


@pytest.fixture
def google_place(google_server, monkeypatch):
    """Address of an empty place in a bucket, with the environment that opens it."""
    monkeypatch.setenv("GOOGLE_BASE_URL", google_server.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google_server.account.path))
    return f"gs://bucket/place{next(_numbers)}"

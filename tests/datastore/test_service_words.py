"""What a user reads when a service refuses: a sentence with the next step, and no markup of the service."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bunter.butler.diagnosis import diagnose
from bunter.datastore.bucket import Upload
from bunter.datastore.services import open_bucket
from bunter.errors import StoreDeniedError, StoreUnavailableError

_EMPTY = (
    b'<?xml version="1.0"?><ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>'
)


class Refusing(BaseHTTPRequestHandler):
    """An S3 service that lists an empty bucket, if it may be listed, and refuses all else with a code."""

    def do_GET(self):
        self.answer(200, _EMPTY) if self.server.lists and "list-type" in self.path else self.refuse()

    def refuse(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status, code = self.server.refusal
        self.answer(status, f"<Error><Code>{code}</Code><Message>words of its own</Message></Error>".encode())

    do_PUT = do_HEAD = do_POST = do_DELETE = refuse  # noqa: N815 - names of the standard library

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def refusing(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.lists, server.refusal = True, (403, "AccessDenied")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "SignatureDoesNotMatch", "the secret is not the one of the access key; see AWS_ACCESS_KEY_ID"),
        (403, "InvalidAccessKeyId", "does not know the access key; see AWS_ACCESS_KEY_ID"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
        (400, "ExpiredToken", "the session has expired"),
        (400, "AuthorizationHeaderMalformed", "the region is another one; say it in AWS_REGION"),
        (403, "AccessDenied", "does not let these credentials write this (AccessDenied)"),
    ],
)
def test_a_refusal_names_the_cause_and_the_cure(refusing, status, code, words):
    refusing.refusal = status, code
    with pytest.raises((StoreDeniedError, StoreUnavailableError)) as caught:
        open_bucket("s3://bucket/x").write_many([Upload("a", b"1", 1)])
    assert words in str(caught.value)
    assert "<" not in str(caught.value)
    assert "words of its own" not in str(caught.value)


@pytest.mark.parametrize("act", ["list", "read", "write"])
def test_a_bucket_that_is_gone_is_no_missing_artifact(refusing, act):
    refusing.lists, refusing.refusal = False, (404, "NoSuchBucket")
    bucket = open_bucket("s3://bucket/x")
    deeds = {
        "list": lambda: list(bucket.walk()),
        "read": lambda: bucket.read("a"),
        "write": lambda: bucket.write_many([Upload("a", b"1", 1)]),
    }
    with pytest.raises(StoreUnavailableError, match=r"there is no bucket 'bucket' at http://127\.0\.0\.1"):
        deeds[act]()


def test_the_doctor_says_that_a_bucket_may_only_be_read(refusing):
    found = {symptom.check: symptom for symptom in diagnose("s3://bucket/x")}
    assert found["list"].verdict == "ok"
    assert found["put"].verdict == "wrong"
    assert "does not let these credentials write" in found["put"].detail
    assert "get" not in found


def test_the_doctor_finds_a_healthy_webdav_server_and_leaves_nothing(webdav_folder):
    assert {symptom.verdict for symptom in diagnose(f"{webdav_folder}/new")} == {"ok"}
    assert list(open_bucket(webdav_folder).walk()) == []


def test_a_server_of_files_that_wants_a_password_is_told_apart(webdav_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with pytest.raises(StoreDeniedError, match=r"wants a user and a password.*~/\.netrc"):
        list(open_bucket(webdav_folder).walk())


def test_a_container_of_swift_that_is_not_there_is_named(swift_place):
    with pytest.raises(StoreUnavailableError, match="there is no container 'nowhere'"):
        list(open_bucket("swift://nowhere/x").walk())
    assert list(open_bucket(swift_place).walk()) == []

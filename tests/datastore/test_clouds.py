"""Credentials, signed addresses and pieces of objects in Google's, Microsoft's and Amazon's services."""

import json
import socket
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from bunter import Butler
from bunter.butler.diagnosis import diagnose
from bunter.contracts.artifact_store import put
from bunter.contracts.small_camera import fill_small_camera
from bunter.datastore.bucket import Upload
from bunter.datastore.intents import MemoryJournal
from bunter.datastore.object_store import ObjectStore
from bunter.datastore.services import open_bucket
from bunter.errors import ConfigurationError, StoreDeniedError
from bunter.values import ByteRange
from cloud_servers import ACCOUNT, ACCOUNT_KEY, ServiceAccount
from object_store_servers import KEY, SECRET

CLOUDS = ["google_place", pytest.param("azure_place", marks=pytest.mark.slow)]
NOTHING = "http://127.0.0.1:9"


@pytest.fixture
def nothing_set(monkeypatch, tmp_path):
    """A machine that has no credentials, and no role."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AZURE_STORAGE_CONNECTION_STRING",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", NOTHING)
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    monkeypatch.setattr("bunter.datastore.cloud_options.METADATA", NOTHING)


@pytest.mark.parametrize("place", CLOUDS)
def test_the_doctor_finds_a_service_healthy(place, request):
    found = {each.check: each for each in diagnose(request.getfixturevalue(place))}
    assert list(found) == [
        "address",
        "list",
        "put",
        "get",
        "consistency",
        "clock",
        "multipart",
        "sign",
        "speed",
        "delete",
    ]
    assert [each.detail for each in found.values() if each.verdict == "wrong"] == []
    assert found["sign"].detail == "signed addresses open objects"


@pytest.mark.parametrize("place", CLOUDS)
def test_a_large_object_goes_in_parts_and_comes_back_in_ranges(place, request, tmp_path):
    content = bytes(range(256)) * 80_000
    (tmp_path / "file").write_bytes(content)
    bucket = open_bucket(request.getfixturevalue(place))
    bucket.write_many([Upload("a", content, len(content)), Upload("b", tmp_path / "file", len(content))])
    pieces = [ByteRange(12_000_000, 300), ByteRange(0, 10), ByteRange(len(content) - 5, 100)]
    for key in ("a", "b"):
        assert bucket.read(key) == [content]
        assert bucket.read(key, pieces) == [content[12_000_000:12_000_300], content[:10], content[-5:]]


@pytest.mark.parametrize("place", CLOUDS)
def test_a_signed_address_opens_one_object_for_reading(place, request):
    store = ObjectStore(open_bucket(request.getfixturevalue(place)), MemoryJournal())
    put(store, {"k": b"content", "l": b"other"})
    address = store.sign("k", 60)
    assert ACCOUNT_KEY not in address
    with urlopen(address) as answer:
        assert answer.read() == b"content"
    kind = {"x-ms-blob-type": "BlockBlob"}
    for other in (Request(address, b"new", kind, method="PUT"), Request(address.replace("/k?", "/l?"))):
        with pytest.raises(HTTPError, match="403"):
            urlopen(other)
    assert store.read("k") == [b"content"]


@pytest.mark.parametrize("place", CLOUDS)
def test_a_repository_lives_in_a_service(place, request, tmp_path):
    with Butler.create(f"{request.getfixturevalue(place)}/repo", database=str(tmp_path / "registry.sqlite3")) as butler:
        fill_small_camera(butler)
        keys = [{"instrument": "Cam", "exposure": 0, "detector": n} for n in range(2)]
        refs = butler.put_many([{"n": n} for n in range(2)], "thing", keys, run="run1")
        assert [butler.get(ref) for ref in refs] == [{"n": 0}, {"n": 1}]
        assert butler.check(deep=True).is_clean
        butler.remove_runs("run1")
        assert butler.check().is_clean


def test_another_accounts_file_is_refused_by_google(google_place, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(ServiceAccount(tmp_path / "other.json").path))
    with pytest.raises(StoreDeniedError, match=r"does not let these credentials read this \(AccessDenied\)"):
        open_bucket(google_place).stat_many(["k"])


def test_an_endpoint_of_google_names_a_service_account(google_server, tmp_path, monkeypatch, nothing_set):
    said = {"endpoint": google_server.url, "credentials": str(google_server.account.path)}
    (tmp_path / "endpoints.yaml").write_text(json.dumps({"here": said, "open": {**said, "anonymous": True}}))
    monkeypatch.setenv("BUNTER_ENDPOINTS", str(tmp_path / "endpoints.yaml"))
    bucket = open_bucket("gs://here@bucket/endpoint")
    bucket.write_many([Upload("k", b"1", 1)])
    assert bucket.read("k") == [b"1"]
    google_server.seen.clear()
    with pytest.raises(StoreDeniedError):
        open_bucket("gs://open@bucket/endpoint").read("k")
    assert "authorization" not in {name.lower() for _, headers in google_server.seen for name in headers}


@pytest.mark.slow
def test_an_endpoint_of_azure_names_the_account(azure_server, tmp_path, monkeypatch, nothing_set):
    (tmp_path / "endpoints.yaml").write_text(f"here: {{endpoint: '{azure_server.url}'}}\n")
    monkeypatch.setenv("BUNTER_ENDPOINTS", str(tmp_path / "endpoints.yaml"))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY)
    bucket = open_bucket("az://here@container/endpoint")
    bucket.write_many([Upload("k", b"1", 1)])
    assert bucket.read("k") == [b"1"]
    assert azure_server.url.endswith(ACCOUNT)
    wrong = ACCOUNT_KEY.replace("Eby8", "Eby9")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", wrong)
    with pytest.raises(StoreDeniedError) as caught:
        open_bucket("az://here@container/endpoint").read("k")
    assert wrong not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("s3://b/x", "AWS_ACCESS_KEY_ID"),
        ("gs://b/x", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://b/x", "AZURE_STORAGE_SAS_TOKEN"),
    ],
)
def test_without_credentials_the_doctor_says_so_at_once(address, named, nothing_set, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "survey")
    begin = time.monotonic()
    [symptom] = diagnose(address)
    assert time.monotonic() - begin < 3
    assert symptom.verdict == "wrong"
    assert symptom.detail.startswith(f"no credentials for {address}: none in ")
    assert named in symptom.detail
    assert "doctor" not in symptom.detail


def test_a_machine_that_does_not_answer_is_not_waited_for(nothing_set, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begin = time.monotonic()
        with pytest.raises(StoreDeniedError, match="no role of this machine"):
            open_bucket("s3://bucket/x")
        assert time.monotonic() - begin < 15  # a question is given a second; who repeats it takes a minute


def test_a_machine_that_must_not_be_asked_is_not(nothing_set, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreDeniedError) as caught:
        open_bucket("s3://bucket/x")
    assert "role" not in str(caught.value)


def test_the_role_of_a_machine_opens_a_bucket(s3_place, nothing_set, monkeypatch):
    with machine_with_a_role() as address:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)
        bucket = open_bucket(s3_place)
        bucket.write_many([Upload("k", b"1", 1)])
        assert bucket.read("k") == [b"1"]


def test_a_file_of_credentials_that_is_not_there_is_named(nothing_set, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(ConfigurationError, match=r"none\.json, which is not there"):
        open_bucket("gs://bucket/x")


def test_a_container_without_an_account_is_refused(nothing_set):
    with pytest.raises(ConfigurationError, match="does not say whose container it is"):
        open_bucket("az://container/x")


def test_a_service_that_is_not_there_is_told_in_words(nothing_set, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOTHING)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    listed = diagnose("s3://bucket/x")[-1]
    assert listed.check == "list"
    assert listed.detail.endswith(
        f"nothing answers at {NOTHING}, so the endpoint is wrong, or the service or the network is down"
    )


@pytest.fixture
def profiles(nothing_set, tmp_path, monkeypatch):
    """Write the files of Amazon's own tools."""

    def write(config, credentials=""):
        (tmp_path / ".aws").mkdir(exist_ok=True)
        (tmp_path / ".aws/config").write_text(config)
        (tmp_path / ".aws/credentials").write_text(credentials)
        monkeypatch.setenv("AWS_PROFILE", "survey")

    return write


def keys_by(tmp_path, expression):
    """Write a command that gives keys, and counts how often it is asked."""
    script = tmp_path / "keys.py"
    script.write_text(f"import json, sys\nopen({str(tmp_path / 'asked')!r}, 'a').write('x')\n{expression}\n")
    return f"credential_process = {sys.executable} {script}"


def test_a_command_of_the_profile_gives_keys_again_when_they_end(s3_place, profiles, tmp_path):
    told = {"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET, "Expiration": "2020-01-01T00:00:00Z"}
    profiles(f"[profile survey]\n{keys_by(tmp_path, f'print(json.dumps({told!r}))')}\n")
    bucket = open_bucket(s3_place)
    bucket.write_many([Upload("k", b"1", 1)])
    assert bucket.read("k") == [b"1"]
    assert (tmp_path / "asked").read_text() == "xx"
    told["Expiration"] = "2100-01-01T00:00:00Z"
    profiles(f"[profile survey]\n{keys_by(tmp_path, f'print(json.dumps({told!r}))')}\n")
    bucket = open_bucket(s3_place)
    assert [bucket.read("k") for _ in range(3)] == [[b"1"]] * 3
    assert (tmp_path / "asked").read_text() == "xxx"


def test_a_command_that_fails_is_told_with_what_it_says(s3_place, profiles, tmp_path):
    profiles(f"[profile survey]\n{keys_by(tmp_path, 'sys.exit(chr(115) + chr(111))')}\n")
    with pytest.raises(
        StoreDeniedError, match=r"the credential_process of the profile 'survey'.*gives no keys: so; run it"
    ):
        open_bucket(s3_place).read("k")


def test_keys_and_region_of_a_profile_come_from_both_files(s3_place, profiles):
    keys = f"[survey]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    profiles("[profile survey]\nregion = eu-north-1\n", keys)
    assert open_bucket(s3_place).stat_many(["k"]) == [None]
    assert "eu-north-1" in open_bucket(s3_place).sign("k", 60)


def test_a_profile_that_signs_in_by_a_browser_is_told_what_to_do(profiles):
    profiles("[profile survey]\nsso_session = site\n")
    with pytest.raises(StoreDeniedError, match="export-credentials --profile survey --format process"):
        open_bucket("s3://bucket/x")


@contextmanager
def machine_with_a_role():
    """What a machine of Amazon answers about its role (IMDSv2)."""
    keys = {
        "AccessKeyId": KEY,
        "SecretAccessKey": SECRET,
        "Token": "",
        "Expiration": (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    answers = {
        "/latest/api/token": "token",
        "/latest/meta-data/iam/security-credentials/": "observer",
        "/latest/meta-data/iam/security-credentials/observer": json.dumps(keys),
    }

    class Machine(BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET  # noqa: N815 - a name of the standard library

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Machine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()

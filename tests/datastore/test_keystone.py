"""Swift opened by way of Keystone: the tokens are the real service's, Keystone's part is played here by its documented answers."""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bunter.butler.diagnosis import diagnose
from bunter.datastore.bucket import Upload
from bunter.datastore.services import open_bucket
from bunter.errors import ConfigurationError, StoreDeniedError

USER = {"name": "ann", "domain": {"name": "Default"}, "password": "moonless"}
SCOPE = {"project": {"name": "survey", "domain": {"id": "default"}}}
LOGIN = {
    "OS_USERNAME": "ann",
    "OS_PASSWORD": "moonless",
    "OS_PROJECT_NAME": "survey",
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_PROJECT_DOMAIN_ID": "default",
    "OS_REGION_NAME": "north",
}
APPLICATION = {"id": "a1", "secret": "starless"}


def account_of(swift):
    """Address of the account, and a token for it, from the service's own user list."""
    who = {"X-Auth-User": "test:tester", "X-Auth-Key": "testing"}
    with urllib.request.urlopen(urllib.request.Request(f"{swift.url}/auth/v1.0", headers=who), timeout=120) as answer:
        return answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]


def allows(auth):
    """Whether Keystone knows who asks."""
    identity = auth["identity"]
    if identity["methods"] == ["application_credential"]:
        return identity["application_credential"] == APPLICATION and "scope" not in auth
    return identity == {"methods": ["password"], "password": {"user": USER}} and auth.get("scope") == SCOPE


@pytest.fixture
def keystone(swift_server, monkeypatch, tmp_path):
    class Keystone(BaseHTTPRequestHandler):
        def do_POST(self):
            auth = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["auth"]
            account, token = account_of(swift_server)
            self.server.asked += 1
            token = token if self.server.asked > self.server.stale else "expired"
            endpoints = [
                {
                    "id": "1",
                    "interface": "internal",
                    "region": "north",
                    "region_id": "north",
                    "url": "http://127.0.0.1:9",
                },
                {
                    "id": "2",
                    "interface": "public",
                    "region": "south",
                    "region_id": "south",
                    "url": "http://127.0.0.1:9",
                },
                {"id": "3", "interface": "public", "region": "north", "region_id": "north", "url": f"{account}/"},
            ]
            catalogue = [
                {"type": "identity", "id": "i", "name": "keystone", "endpoints": []},
                {"type": "object-store", "id": "s", "name": "swift", "endpoints": endpoints},
            ]
            known = allows(auth) and self.path == "/identity/v3/auth/tokens"
            body = {"token": {"methods": ["password"], "catalog": catalogue}} if known else {"error": {"code": 401}}
            content = json.dumps(body).encode()
            self.send_response(201 if known else 401)
            if known:
                self.send_header("X-Subject-Token", token)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keystone)
    server.asked, server.stale = 0, 0
    server.url = f"http://127.0.0.1:{server.server_port}/identity"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("ST_AUTH", "ST_USER", "ST_KEY", "OS_STORAGE_URL", "OS_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def logged_in(keystone, monkeypatch):
    for name, value in {**LOGIN, "OS_AUTH_URL": keystone.url}.items():
        monkeypatch.setenv(name, value)
    return keystone


def is_open(address):
    bucket = open_bucket(address)
    bucket.write_many([Upload("k", b"1", 1)])
    return bucket.read("k") == [b"1"]


def test_user_password_and_project_open_a_container(logged_in, swift_server):
    assert is_open(f"swift://{swift_server.new_place()}")
    assert logged_in.asked == 1


def test_a_token_that_has_ended_is_renewed(logged_in, swift_server):
    logged_in.stale = 1
    assert is_open(f"swift://{swift_server.new_place()}")
    assert logged_in.asked == 2


def test_an_entry_of_clouds_yaml_opens_a_container(keystone, swift_server, tmp_path, monkeypatch):
    credential = {"application_credential_id": "a1", "application_credential_secret": "starless"}
    cloud = {
        "auth_type": "v3applicationcredential",
        "region_name": "north",
        "auth": {"auth_url": f"{keystone.url}/v3", **credential},
    }
    folder = tmp_path / ".config/openstack"
    folder.mkdir(parents=True)
    (folder / "clouds.yaml").write_text(json.dumps({"clouds": {"survey": cloud}}))
    monkeypatch.setenv("OS_CLOUD", "survey")
    assert is_open(f"swift://{swift_server.new_place()}")
    monkeypatch.setenv("OS_CLOUD", "survy")
    with pytest.raises(ConfigurationError, match="did you mean 'survey'"):
        is_open(f"swift://{swift_server.new_place()}")


def test_a_wrong_password_is_told_and_not_repeated(logged_in, swift_server, monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "cloudless")
    with pytest.raises(StoreDeniedError, match="refuses the user 'ann' for the project 'survey'") as caught:
        is_open(f"swift://{swift_server.new_place()}")
    assert "cloudless" not in str(caught.value)
    assert logged_in.asked == 1


def test_a_region_without_an_object_store_is_told(logged_in, swift_server, monkeypatch):
    monkeypatch.setenv("OS_REGION_NAME", "east")
    with pytest.raises(ConfigurationError, match=r"in region 'east' \(public\); it has north \(internal\), north"):
        is_open(f"swift://{swift_server.new_place()}")


def test_what_is_lacking_is_named(keystone, swift_server, monkeypatch):
    [opened, listed] = diagnose("swift://bucket/x")
    assert opened.verdict == "ok"
    assert listed.detail.startswith("no credentials for swift://bucket/x: it needs OS_AUTH_URL")
    monkeypatch.setenv("OS_AUTH_URL", keystone.url)
    with pytest.raises(ConfigurationError, match="needs OS_PASSWORD"):
        is_open(f"swift://{swift_server.new_place()}")

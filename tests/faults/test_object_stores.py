"""What goes wrong with a storage service: killed writers, killed servers, storms of errors; nothing is lost or left."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bunter import Butler, FileDataset, effects
from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef
from bunter.errors import StoreUnavailableError
from bunter.values import new_id
from object_store_servers import S3Server, Storm

DEEDS = (
    "put", "put_many", "copy", "move", "copy in lots", "move in lots", "transfer", "import", "prune", "prune, kept", "remove-runs", "remove-runs, kept",
    "undo", "gc",
)  # fmt: skip


def killed(name, s3_place, tmp_path, *words, timeout_s=500):
    """Kill a deed again and again; return what the script tells of each time."""
    script = Path(__file__).with_name("s3_kills.py")
    command = [sys.executable, str(script), name, s3_place, str(tmp_path), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [{"died": died, **told} for died, told in zip(lines[::2], lines[1::2], strict=True)]


def all_or_nothing(name, kills):
    for told in kills:
        assert told["values"] in (told["had"], told["done"])
        assert told["values"] == told["done"] or not told["acknowledged"]
        assert told["died"] or told["acknowledged"]
        assert told["findings"] == []
        if name in {"move", "move in lots"}:
            assert len(told["sources"]) == 3 or told["values"] == told["done"]
        assert (told["again"], told["clean"]) == (told["done"], True)


@pytest.fixture(params=[pytest.param(4, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)])
def stride(request):
    """Every how many effects a deed is killed."""
    return request.param


@pytest.mark.parametrize("name", DEEDS)
def test_a_deed_killed_at_an_effect_is_done_or_not_and_completed_by_the_same_command(name, stride, s3_place, tmp_path):
    kills = killed(name, s3_place, tmp_path, stride)
    assert any(told["died"] for told in kills)
    all_or_nothing(name, kills)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DEEDS)
def test_a_kill_at_fifty_random_moments_loses_nothing(name, s3_place, tmp_path):
    kills = killed(name, s3_place, tmp_path, 50, os.environ["BUNTER_SEED"], timeout_s=3000)
    assert sum(told["died"] for told in kills) > 10
    all_or_nothing(name, kills)


@pytest.fixture
def registry_on_postgres(postgres_server, monkeypatch):
    monkeypatch.setenv("BUNTER_FAULTS_DATABASE", postgres_server.dsn())


@pytest.mark.parametrize("name", ["move", "import", "remove-runs, kept", "gc"])
@pytest.mark.usefixtures("registry_on_postgres")
def test_so_it_is_with_the_registry_on_postgres(name, stride, s3_place, tmp_path):
    all_or_nothing(name, killed(name, s3_place, tmp_path, stride))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("registry_on_postgres")
@pytest.mark.parametrize("name", DEEDS)
def test_fifty_random_kills_with_the_registry_on_postgres_lose_nothing(name, s3_place, tmp_path):
    test_a_kill_at_fifty_random_moments_loses_nothing(name, s3_place, tmp_path)


@pytest.fixture
def impatient(tmp_path, monkeypatch):
    """A site whose failing requests are repeated for a second only."""
    (tmp_path / "endpoints.yaml").write_text("s3: {retry_s: 1}\n")
    monkeypatch.setenv("BUNTER_ENDPOINTS", str(tmp_path / "endpoints.yaml"))


@pytest.fixture
def own_server():
    server = S3Server()
    yield server
    server.remove()


def new_repository(address, tmp_path):
    with Butler.create(address, database=str(tmp_path / "registry.sqlite3")) as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.dataset_types.register("blob", ["instrument", "detector"], "StructuredDataDict")
        butler.collections.register("run1")


@pytest.mark.slow
def test_a_server_killed_in_the_middle_of_a_large_object_leaves_nothing(own_server, impatient, tmp_path, monkeypatch):
    for name, value in own_server.environment_of_clients.items():
        monkeypatch.setenv(name, value)
    address = own_server.new_place()
    new_repository(address, tmp_path)
    large = tmp_path / "large.json"
    large.write_text(json.dumps({"x": "0" * 64_000_000}))

    def ingest():
        with Butler(address) as butler:
            kind = butler.dataset_types.get("blob")
            data_id = butler.standardize({"instrument": "Cam", "detector": 0}, kind.dimensions.required)
            butler.ingest(FileDataset(str(large), [DatasetRef(new_id(), kind, data_id, "run1")]), transfer="copy")

    effects.set_hook(lambda operation, _: operation == "store_put" and threading.Timer(0.05, own_server.stop).start())
    try:
        with pytest.raises(StoreUnavailableError, match="bunter doctor"):
            ingest()
    finally:
        effects.set_hook(None)
    own_server.start()
    with Butler(address, writeable=True) as butler:
        assert butler.query_datasets("blob", "*", find_first=False).count() == 0
        butler.repository.recover()
        assert butler.check().is_clean
    ingest()
    with Butler(address) as butler:
        assert butler.check(deep=True).is_clean
        assert butler.get("blob", instrument="Cam", detector=0)["x"] == "0" * 64_000_000


def test_a_storm_of_errors_is_waited_out(s3_server, s3_place, tmp_path, monkeypatch):
    with Storm(s3_server.port, share=0.3) as storm:
        monkeypatch.setenv("AWS_ENDPOINT_URL", storm.url)
        new_repository(s3_place, tmp_path)
        with Butler(s3_place, run="run1") as butler:
            data_ids = [{"instrument": "Cam", "exposure": e, "detector": d} for e in range(4) for d in range(3)]
            refs = butler.put_many([{"n": n} for n in range(12)], "thing", data_ids)
            assert [butler.get(ref)["n"] for ref in refs] == list(range(12))
            assert butler.check(deep=True).is_clean
        assert storm.refused > 5


def test_a_service_that_stays_away_is_named(own_server, impatient, tmp_path, monkeypatch):
    for name, value in own_server.environment_of_clients.items():
        monkeypatch.setenv(name, value)
    address = own_server.new_place()
    new_repository(address, tmp_path)
    with Butler(address, run="run1") as butler:
        own_server.stop()
        with pytest.raises(StoreUnavailableError, match=r"s3://bucket/place\d+/data/run1/thing"):
            butler.put({"n": 0}, "thing", instrument="Cam", exposure=0, detector=0)
        own_server.start()
        butler.put({"n": 0}, "thing", instrument="Cam", exposure=0, detector=0)
        assert butler.check().counts() in ({}, {"unfinished": 1})

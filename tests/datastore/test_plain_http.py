"""A store that is only read over plain HTTP, as releases are given out, and endpoints by name."""

import threading
import time
from functools import partial
from http.server import ThreadingHTTPServer

import numpy as np
import pytest
from astropy.nddata import CCDData

from bunter import Butler
from bunter.butler.diagnosis import diagnose
from bunter.butler.overlaying import overlay_repository
from bunter.contracts.small_camera import fill_dimensions, fill_small_camera
from bunter.datastore.bucket import Upload
from bunter.datastore.services import open_bucket
from bunter.errors import ConfigurationError, StoreDeniedError
from file_server import WithRanges
from object_store_servers import KEY, SECRET

DATA_ID = {"instrument": "Cam", "exposure": 0, "detector": 0}


@pytest.fixture
def web(tmp_path):
    (tmp_path / "www").mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(WithRanges, directory=str(tmp_path / "www")))
    server.sent = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def release(tmp_path):
    """A release below the folder that the web server shows."""
    with Butler.create(tmp_path / "www" / "dr1") as butler:
        fill_dimensions(butler)
        for name, kind in {"thing": "StructuredDataDict", "image": "CCDData"}.items():
            butler.dataset_types.register(name, ["instrument", "exposure", "detector"], kind)
        butler.collections.register("dr1")
        butler.put({"n": 1}, "thing", DATA_ID, run="dr1")
        pixels = np.arange(1_000_000, dtype=np.float32).reshape(1000, 1000)
        butler.put(CCDData(pixels, unit="adu"), "image", DATA_ID, run="dr1")
    return tmp_path / "www" / "dr1"


@pytest.fixture
def mine(release, web, tmp_path):
    """A repository of one's own whose release is read over HTTP."""
    overlay_repository(release, tmp_path / "mine")
    config = tmp_path / "mine" / "bunter.yaml"
    config.write_text(config.read_text().replace(str(release / "data"), f"http://127.0.0.1:{web.server_port}/dr1/data"))
    assert "http://127" in config.read_text()
    return tmp_path / "mine"


def test_a_release_is_read_over_plain_http_and_written_over_by_nobody(mine):
    with Butler(mine, collections="dr1", run="u/me") as butler:
        assert butler.get("thing", DATA_ID) == {"n": 1}
        assert str(butler.get_uri("thing", DATA_ID)).startswith("http://")
        assert butler.exists("thing", DATA_ID)
        new = butler.put({"n": 2}, "thing", DATA_ID)
        assert str(butler.get_uri(new)).startswith("file://")
        assert butler.check(deep=True).is_clean


def test_a_cutout_over_plain_http_moves_little(mine, web):
    with Butler(mine, collections="dr1") as butler:
        part = butler.get("image", DATA_ID, parameters={"bbox": (100, 200, 120, 210)})
        assert part.data.size < 1_000
        assert sum(web.sent) < 0.2 * 4_000_000


def test_what_is_gone_from_the_web_server_is_said(mine, release):
    with Butler(mine, collections="dr1") as butler:
        next((release / "data").rglob("thing*.json")).unlink()
        assert not butler.exists("thing", DATA_ID)
        [finding] = butler.check().findings
        assert finding.problem == "missing"


@pytest.mark.slow
def test_a_server_that_takes_no_files_is_told_so(web):
    address = f"http://127.0.0.1:{web.server_port}/dr1"
    begun_s = time.monotonic()
    with pytest.raises(StoreDeniedError, match=r"neither takes nor lists them.*'read_only: true'"):
        open_bucket(address).write_many([Upload("k", b"1", 1)])
    assert time.monotonic() - begun_s < 20, "what a server never does is not tried for a minute"
    assert [each.verdict for each in diagnose(address)] == ["ok", "wrong"]
    assert "neither takes nor lists" in diagnose(address)[1].detail


def test_an_endpoint_by_name_says_where_the_service_is(s3_server, tmp_path, monkeypatch):
    for name in s3_server.environment_of_clients:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    (tmp_path / "endpoints.yaml").write_text(f"site:\n  endpoint: {s3_server.url}\n")
    monkeypatch.setenv("BUNTER_ENDPOINTS", str(tmp_path / "endpoints.yaml"))
    place = s3_server.new_place().replace("s3://", "s3://site@")
    with Butler.create(f"{place}/repo", database=str(tmp_path / "registry.sqlite3")) as butler:
        fill_small_camera(butler)
        ref = butler.put({"n": 1}, "thing", DATA_ID, run="run1")
        assert butler.get(ref) == {"n": 1}
        assert "s3://site@bucket" in str(butler.get_uri(ref))
    with pytest.raises(ConfigurationError, match="did you mean 'site'"):
        Butler(f"{place}/repo".replace("site@", "sitr@"))

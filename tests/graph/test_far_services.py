"""One quantum of a graph, from every kind of service that can hold one."""

from __future__ import annotations

import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from survey_graph import known_of, survey_graph

from bunter.graph import GraphFile

PLACES = ("swift_place", "swift_s3_place", "webdav_folder", "sftp_folder")


class Silent(SimpleHTTPRequestHandler):
    """Files of a folder, whole only: it knows no ranges."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def web_place(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("exposures", [2, 60])
@pytest.mark.parametrize("place", PLACES)
def test_a_quantum_is_the_same_from_every_service(request, place, exposures):
    graph, address = survey_graph(exposures=exposures), f"{request.getfixturevalue(place)}/plan-{exposures}.bqg"
    graph.write(address)
    for row in (0, len(graph) - 1):
        assert known_of(GraphFile(address).quantum(row)) == known_of(graph.quantum(row))


def test_a_server_that_knows_no_ranges_gives_the_whole(web_place, tmp_path):
    graph = survey_graph(exposures=60)
    graph.write(tmp_path / "plan.bqg")
    assert known_of(GraphFile(f"{web_place}/plan.bqg").quantum(7)) == known_of(graph.quantum(7))

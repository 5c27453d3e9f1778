from __future__ import annotations

import threading

import pytest
from small_survey import make_repository, pipeline

from bunter import effects
from bunter.butler import Butler
from bunter.datastore.cache import ArtifactCache
from bunter.datastore.local import LocalStore
from bunter.execution import Wish, run_pipeline


@pytest.fixture
def butler(tmp_path, monkeypatch):
    """A repository whose store counts as far away, with a cache."""
    make_repository(tmp_path / "repo").close()
    config = tmp_path / "repo" / "bunter.yaml"
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__CACHE__ROOT", str(tmp_path / "cache"))
    monkeypatch.setattr(LocalStore, "is_remote", True, raising=False)
    assert config.is_file()
    with Butler(tmp_path / "repo", writeable=True) as butler:
        yield butler


def test_inputs_of_the_next_quanta_come_while_others_run(butler, monkeypatch):
    readers = set()
    original = ArtifactCache.fetch

    def fetch(self, store, stored):
        found = original(self, store, stored)
        if found is not None and "raw" in stored.key:
            readers.add(threading.current_thread().name.partition("_")[0])
        return found

    monkeypatch.setattr(ArtifactCache, "fetch", fetch)
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    graph = pipeline(sleep_s=0.05).resolve(butler.universe, known)
    assert run_pipeline(butler, graph, Wish(inputs=("raw",), output="out")).status == "succeeded"
    assert "bunter-prefetch" in readers
    assert butler.datastore.fetching.cache.entries()


def test_what_cannot_be_fetched_fails_only_the_quantum_that_reads_it(butler):
    ref = butler.query_datasets("raw", "raw").first()
    effects.unlink(butler.get_uri(ref).path)
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    summary = run_pipeline(butler, pipeline().resolve(butler.universe, known), Wish(inputs=("raw",), output="out"))
    assert summary.tasks["reduce"].failed == 1
    assert summary.tasks["reduce"].succeeded == 7


def test_nothing_is_begun_where_everything_is_near(tmp_path):
    from bunter.execution.prefetch import Prefetcher

    with make_repository(tmp_path / "near") as butler:
        place = type("Place", (), {"datastore": butler.datastore})()
        assert Prefetcher.of(place) is None

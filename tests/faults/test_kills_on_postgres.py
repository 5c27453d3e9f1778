"""Writers that are killed, and a server that stops, with the registry on PostgreSQL: files and rows agree afterwards."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from bunter import Butler, effects
from bunter.butler.cloning import clone_registry
from bunter.contracts.small_camera import fill_small_camera, put_thing
from bunter.errors import DatabaseUnavailableError
from killing import at_every_step, sound
from postgres_server import Server

_spec = importlib.util.spec_from_file_location("kills", Path(__file__).with_name("test_kill_at_every_step.py"))
kills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(kills)

template = kills.template  # a fixture


@pytest.fixture(autouse=True)
def _on_server(postgres_server, monkeypatch):
    """Give each copy of a repository a schema of its own."""

    def copied(source, place):
        shutil.copytree(source, place)
        if (place / "repo" / "bunter.yaml").exists():
            clone_registry(place / "repo", postgres_server.url(), switch=True)

    class Shutil:
        copytree = staticmethod(copied)
        rmtree = staticmethod(shutil.rmtree)

    monkeypatch.setattr(kills, "shutil", Shutil)


@pytest.mark.slow
def test_put(template, tmp_path):
    kills.test_put(template, tmp_path)


@pytest.mark.slow
def test_ingest(template, tmp_path):
    kills.test_ingest(template, tmp_path, "move")


def test_removal(template, tmp_path, monkeypatch):
    full = tmp_path / "full"
    shutil.copytree(template, full)
    with Butler(full / "repo", run="run1") as butler:
        butler.put_many([{"n": n} for n in range(3)], "thing", [kills.key(n) for n in range(3)])

    def act(place):
        with Butler(place / "repo") as butler:
            butler.remove_datasets(butler.query_datasets("thing", where="exposure IN (0, 1)"))

    def verify(place, *, died):
        _, values = sound(place / "repo")
        assert len(values) in (1, 3)
        act(place)
        assert sound(place / "repo")[1] == [{"n": 2}]

    at_every_step(full, tmp_path, act, verify)


@pytest.mark.parametrize("moment", ["write_new", "commit"])
def test_a_server_that_stops_during_a_put_is_told_and_nothing_is_left(tmp_path, moment):
    server = Server(safe=True)
    try:
        with Butler.create(tmp_path / "repo", database=server.url()) as butler:
            fill_small_camera(butler)
            first = put_thing(butler, 0, 0)

            def stop(operation, path):
                if moment in {operation, path}:
                    effects.set_hook(None)
                    server.stop()

            effects.set_hook(stop)
            try:
                with pytest.raises(DatabaseUnavailableError, match="does not answer"):
                    put_thing(butler, 1, 0)
            finally:
                effects.set_hook(None)
            server.start()
            assert butler.get(first) == {"e": 0, "d": 0}
            again = put_thing(butler, 1, 0)
            assert butler.get(again) == {"e": 1, "d": 0}
        refs, _ = sound(tmp_path / "repo")
        assert len(refs) == 2
    finally:
        server.remove()

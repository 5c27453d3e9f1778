"""SIGKILL before each effect of transfers, imports, exports, dumps and loads: whole or not there, and done by doing it again."""

import importlib.util
from pathlib import Path

import pytest

from bunter import Butler
from bunter.contracts.repository import RepositoryContract, fill_dimensions

_spec = importlib.util.spec_from_file_location("kills", Path(__file__).with_name("test_kill_at_every_step.py"))
kills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(kills)
at_every_step, sound = kills.at_every_step, kills.sound

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A source with three things, its export, its dump, a bundle, and an empty target."""
    base = tmp_path_factory.mktemp("template")
    with Butler.create(base / "source") as butler:
        fill_dimensions(butler, exposures=3, detectors=1)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        refs = [RepositoryContract.put(butler, n, 0, run="run1") for n in range(3)]
        butler.collections.register("tag", "TAGGED")
        butler.collections.associate("tag", refs[:1])
        butler.export(base / "exported")
        butler.dump(base / "dumped")
        butler.bundle(base / "bundle.zip")
    Butler.create(base / "repo").close()
    return base


def complete(root):
    _, values = sound(root)
    assert sorted(value["e"] for value in values) == [0, 1, 2]
    with Butler(root) as butler:
        assert butler.query_datasets("thing", "tag").count() == 1


def partly(root, whole):
    """What is registered after a crash is whole; ``whole`` are the contents that may be there."""
    with Butler(root) as butler:
        if "thing" not in butler.dataset_types:
            return
    _, values = sound(root)
    assert all(value in whole for value in values)


WHOLE = [{"e": n, "d": 0} for n in range(3)]


@pytest.mark.parametrize("transfer", ["auto", "copy", "direct"])
def test_transfer(template, tmp_path, transfer):
    def act(place):
        with Butler(place / "source", writeable=False) as source, Butler(place / "repo") as butler:
            butler.transfers.take(source.transfers.parcel(), transfer=transfer)

    def verify(place, *, died):
        partly(place / "repo", WHOLE)
        act(place)
        complete(place / "repo")
        complete(place / "source")

    assert at_every_step(template, tmp_path, act, verify) > 4


@pytest.mark.parametrize("transfer", ["copy", "move"])
def test_import(template, tmp_path, transfer):
    def act(place):
        with Butler(place / "repo") as butler:
            butler.import_(place / "exported", transfer=transfer)

    def verify(place, *, died):
        partly(place / "repo", WHOLE)
        kept = len(list((place / "exported/files").rglob("*.json")))
        with Butler(place / "repo") as butler:
            there = butler.query_datasets("thing", "*").count() if "thing" in butler.dataset_types else 0
        assert kept + there >= 3, "no original is lost by a move"
        act(place)
        complete(place / "repo")

    assert at_every_step(template, tmp_path, act, verify) > 4


def test_ingest_of_a_zip_by_move(template, tmp_path):
    def act(place):
        with Butler(place / "repo") as butler:
            butler.ingest_zip(place / "bundle.zip", transfer="move")

    def verify(place, *, died):
        partly(place / "repo", WHOLE)
        if (place / "bundle.zip").exists():
            act(place)
        complete(place / "repo")

    assert at_every_step(template, tmp_path, act, verify) > 4


def test_load(template, tmp_path):
    def act(place):
        Butler.load(place / "dumped", place / "loaded").close()

    def verify(place, *, died):
        if (place / "loaded/bunter.yaml").exists():
            complete(place / "loaded")
        if not (place / "loaded/bunter.yaml").exists() or (place / "loaded/.bunter-load").exists():
            act(place)
        complete(place / "loaded")

    assert at_every_step(template, tmp_path, act, verify) > 8


@pytest.mark.parametrize("what", ["export", "dump"])
def test_export_and_dump(template, tmp_path, what):
    def act(place):
        with Butler(place / "source", writeable=False) as butler:
            getattr(butler, what)(place / "out")

    def verify(place, *, died):
        act(place)
        if what == "export":
            with Butler(place / "repo") as butler:
                butler.import_(place / "out")
            complete(place / "repo")
        else:
            Butler.load(place / "out", place / "loaded").close()
            complete(place / "loaded")
        leavings = [
            path.name for path in (place / "out").rglob("*") if path.name.startswith(".") or ".part" in path.name
        ]
        assert died or leavings == []

    assert at_every_step(template, tmp_path, act, verify) > 8


def test_bundle_is_whole_or_not_there(template, tmp_path):
    def act(place):
        with Butler(place / "source", writeable=False) as butler:
            butler.bundle(place / "new.zip")

    def verify(place, *, died):
        if not (place / "new.zip").exists():
            act(place)
        with Butler(place / "new.zip") as butler:
            assert butler.check(deep=True).is_clean
            assert len(butler.query_datasets("thing", "run1")) == 3

    assert at_every_step(template, tmp_path, act, verify) > 4


def test_retrieval_is_completed_by_the_same_call(template, tmp_path):
    def act(place):
        with Butler(place / "source", writeable=False) as butler:
            butler.retrieve_artifacts(butler.query_datasets("thing", "run1"), place / "files")

    def verify(place, *, died):
        act(place)
        assert len([path for path in (place / "files").iterdir() if not path.name.startswith(".")]) == 3

    assert at_every_step(template, tmp_path, act, verify) > 4

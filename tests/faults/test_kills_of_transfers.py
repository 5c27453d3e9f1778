"""SIGKILL before each effect of transfers, imports, exports, dumps and loads: whole or not there, and done by doing it again."""

import random
import shutil
from functools import partial

import pytest

from bunter import Butler
from bunter.butler.transfers.syncing import synchronise
from bunter.contracts.small_camera import fill_dimensions, put_thing
from killing import at_every_step, killed, sound


@pytest.fixture(params=[pytest.param("some", marks=pytest.mark.slow), pytest.param("every", marks=pytest.mark.soak)])
def killing(request, template, tmp_path):
    """Kills an action at every step, or at two steps that differ from test to test, and verifies what is left."""
    if request.param == "every":
        return partial(at_every_step, template, tmp_path)

    def at_some_steps(act, verify):
        steps = random.Random(request.node.name).sample(range(1, 20), 2)
        for step in (*sorted(steps), 10**6):
            place = tmp_path / f"step{step}"
            shutil.copytree(template, place)
            died = killed(partial(act, place), step)
            verify(place, died=died)
            shutil.rmtree(place)
        assert not died
        return step

    return at_some_steps


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A source with three things, its export, its dump, a bundle, two things retrieved, and an empty target."""
    base = tmp_path_factory.mktemp("template")
    with Butler.create(base / "source") as butler:
        fill_dimensions(butler, exposures=3, detectors=1)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        refs = [put_thing(butler, n, 0, run="run1") for n in range(3)]
        butler.collections.register("tag", "TAGGED")
        butler.collections.associate("tag", refs[:1])
        butler.export(base / "exported")
        butler.dump(base / "dumped")
        butler.bundle(base / "bundle.zip")
        butler.retrieve_artifacts(refs[:2], base / "begun")
    Butler.create(base / "repo").close()
    with Butler.create(base / "other") as butler:
        fill_dimensions(butler, exposures=4, detectors=1)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run2")
        put_thing(butler, 3, 0, run="run2")
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
def test_transfer(killing, transfer):
    def act(place):
        with Butler(place / "source", writeable=False) as source, Butler(place / "repo") as butler:
            butler.transfers.take(source.transfers.parcel(), transfer=transfer)

    def verify(place, *, died):
        partly(place / "repo", WHOLE)
        act(place)
        complete(place / "repo")
        complete(place / "source")

    assert killing(act, verify) > 4


def test_sync_brings_each_dataset_once_however_often_it_is_interrupted(killing):
    def act(place):
        with Butler(place / "source") as one, Butler(place / "other") as other:
            synchronise(one, other)

    def verify(place, *, died):
        partly(place / "other", [*WHOLE, {"e": 3, "d": 0}])
        act(place)
        act(place)
        for side in ("source", "other"):
            _, values = sound(place / side)
            assert sorted(value["e"] for value in values) == [0, 1, 2, 3]
        with Butler(place / "other", writeable=False) as butler:
            origins = butler.origins(list(butler.query_datasets("thing", "run1")))
            assert all(origin.made_by is not None and origin.made_by.kind == "session" for origin in origins)
            assert butler.query_datasets("thing", "tag").count() == 1

    assert killing(act, verify) > 8


@pytest.mark.parametrize("transfer", ["copy", "move"])
def test_import(killing, transfer):
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

    assert killing(act, verify) > 4


def test_ingest_of_a_zip_by_move(killing):
    def act(place):
        with Butler(place / "repo") as butler:
            butler.ingest_zip(place / "bundle.zip", transfer="move")

    def verify(place, *, died):
        partly(place / "repo", WHOLE)
        if (place / "bundle.zip").exists():
            act(place)
        complete(place / "repo")

    assert killing(act, verify) > 4


def test_load(killing):
    def act(place):
        Butler.load(place / "dumped", place / "loaded").close()

    def verify(place, *, died):
        if (place / "loaded/bunter.yaml").exists():
            complete(place / "loaded")
        if not (place / "loaded/bunter.yaml").exists() or (place / "loaded/.bunter-load").exists():
            act(place)
        complete(place / "loaded")

    assert killing(act, verify) > 8


@pytest.mark.parametrize("what", ["export", "dump"])
def test_export_and_dump(killing, what):
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

    assert killing(act, verify) > 8


def test_bundle_is_whole_or_not_there(killing):
    def act(place):
        with Butler(place / "source", writeable=False) as butler:
            butler.bundle(place / "new.zip")

    def verify(place, *, died):
        if not (place / "new.zip").exists():
            act(place)
        with Butler(place / "new.zip") as butler:
            assert butler.check(deep=True).is_clean
            assert len(butler.query_datasets("thing", "run1")) == 3

    assert killing(act, verify) > 4


def test_retrieval_is_completed_by_the_same_call(killing):
    def act(place):
        with Butler(place / "source", writeable=False) as butler:
            butler.retrieve_artifacts(butler.query_datasets("thing", "run1"), place / "files")

    def verify(place, *, died):
        act(place)
        assert len(list((place / "files").glob("thing*.json"))) == 3
        opens_whole(place / "files")

    assert killing(act, verify) > 4


def test_a_second_retrieval_that_is_killed_leaves_the_first_as_it_was(killing):
    def act(place):
        with Butler(place / "source", writeable=False) as butler:
            butler.retrieve_artifacts(butler.query_datasets("thing", "run1", where="exposure > 0"), place / "begun")

    def verify(place, *, died):
        with Butler(place / "begun") as butler:
            there = sorted(butler.get(ref)["e"] for ref in butler.query_datasets("thing", "run1"))
        assert there in ([0, 1], [0, 1, 2])
        act(place)
        opens_whole(place / "begun")

    assert killing(act, verify) > 4


def opens_whole(folder):
    with Butler(folder) as butler:
        assert butler.check(deep=True).is_clean
        assert sorted(butler.get(ref)["e"] for ref in butler.query_datasets("thing", "run1")) == [0, 1, 2]
    assert len(list(folder.glob("tables-*"))) == 1

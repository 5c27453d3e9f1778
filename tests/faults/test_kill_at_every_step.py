"""SIGKILL before each effect of a write path: nothing registered is missing, recovery leaves no orphan, redoing works."""

import shutil

import pytest

from bunter import Butler, FileDataset
from bunter.butler import file_lots, files
from bunter.contracts.small_camera import fill_small_camera
from bunter.dataset import DatasetRef
from bunter.datastore import links, stable
from bunter.values import new_id
from killing import at_every_step, sound


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    base = tmp_path_factory.mktemp("template")
    with Butler.create(base / "repo") as butler:
        fill_small_camera(butler)
    (base / "in").mkdir()
    for number in range(3):
        (base / "in" / f"f{number}.json").write_text(f'{{"n": {number}}}')
    return base


def key(number):
    return {"instrument": "Cam", "exposure": number, "detector": 0}


def test_put(template, tmp_path):
    def act(place):
        with Butler(place / "repo", run="run1") as butler:
            butler.put({"n": 0}, "thing", key(0))
            (place / "acknowledged").touch()

    def verify(place, *, died):
        _, values = sound(place / "repo")
        if (place / "acknowledged").exists():
            assert values == [{"n": 0}]
        with Butler(place / "repo", run="run1") as butler:
            butler.put({"n": 0}, "thing", key(0))
        assert sound(place / "repo")[1] == [{"n": 0}]

    assert at_every_step(template, tmp_path, act, verify) >= 6


def test_transaction_of_several_puts_is_whole_or_not_there(template, tmp_path):
    def act(place):
        with Butler(place / "repo", run="run1") as butler, butler.transaction():
            for number in range(3):
                butler.put({"n": number}, "thing", key(number))

    def verify(place, *, died):
        refs, _ = sound(place / "repo")
        assert len(refs) in (0, 3)
        act(place)
        assert len(sound(place / "repo")[0]) == 3

    at_every_step(template, tmp_path, act, verify)


@pytest.mark.parametrize("transfer", ["copy", "move", "hardlink", "direct"])
def test_ingest(template, tmp_path, transfer):
    ingest_and_verify(template, tmp_path, transfer)


@pytest.mark.parametrize("transfer", ["hardlink", "auto", "relsymlink"])
def test_ingest_of_files_that_are_not_staged(template, tmp_path, transfer, monkeypatch):
    monkeypatch.setattr(links, "_FEW", 2)
    monkeypatch.setattr(stable, "_MANY", 3)
    ingest_and_verify(template, tmp_path, transfer)


@pytest.mark.parametrize("transfer", ["copy", "move", "hardlink", "direct"])
def test_ingest_in_several_lots(template, tmp_path, transfer, monkeypatch):
    in_small_lots(monkeypatch)
    monkeypatch.setattr(links, "_FEW", 1)
    ingest_and_verify(template, tmp_path, transfer)


def in_small_lots(monkeypatch):
    monkeypatch.setattr(files, "LOT_FILES", 2)
    monkeypatch.setattr(file_lots, "_IN_MEMORY", 0)


def ingest_and_verify(template, tmp_path, transfer):
    def act(place):
        with Butler(place / "repo") as butler:
            kind = butler.dataset_types.get("thing")
            group = kind.dimensions
            given = [
                FileDataset(
                    str(place / "in" / f"f{n}.json"),
                    [DatasetRef(new_id(), kind, butler.standardize(key(n), group.required), "run1")],
                )
                for n in range(3)
            ]
            butler.ingest(*given, transfer=transfer)

    def verify(place, *, died):
        refs, _ = sound(place / "repo")
        assert len(refs) in (0, 3)
        originals = sorted((place / "in").iterdir())
        if transfer != "move" or not refs:
            assert len(originals) == 3
        else:
            assert originals == []
        if not refs:
            act(place)
            assert len(sound(place / "repo")[0]) == 3

    at_every_step(template, tmp_path, act, verify)


def test_removal(template, tmp_path):
    full = tmp_path / "full"
    shutil.copytree(template, full)
    with Butler(full / "repo", run="run1") as butler:
        butler.put_many([{"n": n} for n in range(3)], "thing", [key(n) for n in range(3)])

    def act(place):
        with Butler(place / "repo") as butler:
            butler.remove_datasets(butler.query_datasets("thing", where="exposure IN (0, 1)"))

    def verify(place, *, died):
        _, values = sound(place / "repo")
        assert len(values) in (1, 3)
        act(place)
        assert sound(place / "repo")[1] == [{"n": 2}]

    at_every_step(full, tmp_path, act, verify)


def test_create_leaves_no_half_repository(tmp_path):
    (tmp_path / "empty").mkdir()

    def act(place):
        Butler.create(place / "repo").close()

    def verify(place, *, died):
        if (place / "repo" / "bunter.yaml").exists():
            Butler(place / "repo").close()
        else:
            shutil.rmtree(place / "repo", ignore_errors=True)
            act(place)

    at_every_step(tmp_path / "empty", tmp_path, act, verify)

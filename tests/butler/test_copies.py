"""Copies that a store is to keep, and places of components."""

import numpy as np
import pytest
from astropy.nddata import CCDData

from bunter import Butler
from bunter.butler.overlaying import overlay_repository
from bunter.cli.program import run as command
from bunter.contracts.small_camera import fill_dimensions, fill_small_camera
from bunter.datastore.check import Problem
from bunter.datastore.local import LocalStore
from bunter.errors import ButlerError, DatasetNotFoundError

COPIES = {"stores": {"spare": {"root": "spare", "copies": True, "constraints": {"reject": ["note"]}}}}
KEY = {"instrument": "Cam", "exposure": 0, "detector": 0}


def make(root, datastore=None):
    butler = Butler.create(root, datastore=datastore)
    fill_dimensions(butler)
    for name in ("thing", "note"):
        butler.dataset_types.register(name, ["instrument", "exposure", "detector"], "StructuredDataDict")
    butler.dataset_types.register("image", ["instrument", "exposure", "detector"], "CCDData")
    butler.collections.register("run1")
    return butler


def spares(root):
    return sorted(path for path in (root / "spare").rglob("*.json"))


def test_check_says_which_copies_are_lacking_and_repair_makes_them(tmp_path, capfd):
    root = tmp_path / "repo"
    with make(root, COPIES) as butler:
        butler.put({"n": 1}, "thing", KEY, run="run1")
        butler.put({"n": 2}, "note", KEY, run="run1")
        assert butler.check().is_clean
        [copy] = spares(root)
        content = copy.read_bytes()
        copy.unlink()
        [finding] = butler.check().findings
        assert (finding.problem, finding.datastore) == (Problem.UNCOPIED, "spare")
    assert command(["check", str(root)]) == 1
    assert "uncopied" in capfd.readouterr().out
    assert command(["check", str(root), "--repair"]) == 0
    assert [path.read_bytes() for path in spares(root)] == [content]


def test_a_store_of_copies_that_is_added_later_is_filled_by_repair(tmp_path):
    root = tmp_path / "repo"
    with make(root) as butler:
        butler.put_many([{"n": n} for n in range(3)], "thing", [{**KEY, "exposure": n} for n in range(3)], run="run1")
    with (root / "bunter.yaml").open("a") as file:
        file.write("datastore: {stores: {spare: {root: spare, copies: true}}}\n")
    assert command(["check", str(root)]) == 1
    assert command(["check", str(root), "--repair"]) == 0
    assert len(spares(root)) == 3


def test_an_overlay_is_checked_in_bulk(tmp_path, monkeypatch):
    with make(tmp_path / "dr1") as butler:
        keys = [{**KEY, "exposure": e, "detector": d} for e in range(3) for d in range(2)]
        butler.put_many([{"n": n} for n in range(len(keys))], "thing", keys, run="run1")
    overlay_repository(tmp_path / "dr1", tmp_path / "mine")
    asked = []
    stat_many = LocalStore.stat_many
    monkeypatch.setattr(LocalStore, "stat_many", lambda self, keys: asked.append(len(keys)) or stat_many(self, keys))
    with Butler(tmp_path / "mine") as mine:
        assert mine.check().is_clean
        assert max(asked) == len(keys)
        assert len(asked) < len(keys)


@pytest.fixture
def image():
    return CCDData(np.ones((4, 4)), unit="adu", mask=np.zeros((4, 4), bool))


def test_a_component_lies_where_its_dataset_does_or_in_an_artifact_of_its_own(tmp_path, image):
    for name, datastore in {"whole": None, "apart": {"composites": {"image": True}}}.items():
        with make(tmp_path / name, datastore) as butler:
            ref = butler.put(image, "image", KEY, run="run1")
            parts = {uri.stored.component: str(uri) for uri in butler.get_uris([ref])[0]}
            mask = str(butler.get_uri("image.mask", KEY, collections="run1"))
            assert mask == str(butler.get_uri(ref.part("mask"))) == parts.get("mask", parts.get(""))
            assert str(butler.get_uri("image.wcs", KEY, collections="run1")) == parts.get("header", parts.get(""))
            with pytest.raises(ButlerError, match="maks"):
                butler.get_uri("image.maks", KEY, collections="run1")
    with Butler(tmp_path / "apart") as butler:
        with pytest.raises(DatasetNotFoundError, match=r"butler\.get_uri\('image\."):
            butler.get_uri("image", KEY, collections="run1")
        with pytest.raises(DatasetNotFoundError, match="has no 'uncertainty'"):
            butler.get_uri("image.uncertainty", KEY, collections="run1")


def test_offline_what_is_in_the_cache_exists(s3_place, tmp_path, monkeypatch):
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__CACHE__ROOT", str(tmp_path / "cache"))
    root = f"{s3_place}/repo"
    with Butler.create(root, database=str(tmp_path / "registry.sqlite3")) as butler:
        fill_small_camera(butler)
        refs = [butler.put({"n": n}, "thing", {**KEY, "exposure": n}, run="run1") for n in range(2)]
        butler.get(refs[0])
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__OFFLINE", "true")
    with Butler(root) as butler:
        assert butler.exists_many(refs) == [True, False]
        assert butler.get(refs[0]) == {"n": 0}
    assert list((tmp_path / "cache").iterdir())

"""Repositories whose artifacts are in a storage service, with a cache and without a network."""

import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.table import Table

from bunter import Butler, effects
from bunter.contracts.small_camera import fill_dimensions
from bunter.errors import NotLocalError

KEY = {"instrument": "Cam", "detector": 0}


@pytest.fixture
def place(s3_place, tmp_path):
    with Butler.create(tmp_path / "repo", datastore={"root": f"{s3_place}/data"}) as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        for detector in range(2):
            butler.put({"d": detector}, "thing", {**KEY, "detector": detector}, run="run1")
    return tmp_path / "repo"


@pytest.fixture
def requests():
    seen = []
    effects.set_hook(lambda operation, path: seen.append(path) if str(path).startswith("s3://") else None)
    yield seen
    effects.set_hook(None)


def test_the_service_is_asked_once_and_offline_never(place, tmp_path, monkeypatch, requests):
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__CACHE__ROOT", str(tmp_path / "cache"))
    with Butler(place, writeable=False) as butler:
        assert butler.get("thing", KEY) == {"d": 0}
    asked = len(requests)
    assert asked > 0
    with Butler(place, writeable=False) as butler:
        assert butler.get("thing", KEY) == {"d": 0}
    assert len(requests) == asked
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__OFFLINE", "true")
    with Butler(place, writeable=False) as butler:
        assert butler.get("thing", KEY) == {"d": 0}
        with pytest.raises(NotLocalError, match="not on this machine"):
            butler.get("thing", {**KEY, "detector": 1})
    assert len(requests) == asked


def test_offline_a_part_of_an_array_is_refused_for_what_it_is_and_its_place_is_told(s3_place, tmp_path, monkeypatch):
    with Butler.create(tmp_path / "repo", datastore={"root": f"{s3_place}/data"}) as butler:
        fill_dimensions(butler)
        butler.collections.register("run1")
        for name, kind, obj in (
            ("array", "NumpyArray", np.ones((3, 3))),
            ("table", "AstropyTable", Table({"a": [1]})),
            ("image", "CCDData", CCDData(np.ones((3, 3)), unit="adu")),
        ):
            butler.dataset_types.register(name, ["instrument", "detector"], kind)
            butler.put(obj, name, KEY, run="run1")
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__OFFLINE", "true")
    with Butler(tmp_path / "repo", writeable=False, collections="run1") as butler:
        for name, parameters in (
            ("array", {"bbox": (0, 0, 1, 1)}),
            ("image", {"bbox": (0, 0, 1, 1)}),
            ("table", {"columns": ["a"]}),
        ):
            with pytest.raises(NotLocalError, match=rf"is in {s3_place}/data and not on this machine") as caught:
                butler.get(name, KEY, parameters=parameters)
            assert "not a" not in str(caught.value)
            assert str(butler.get_uri(name, KEY)).startswith(f"{s3_place}/data/run1/{name}/")


def test_a_memory_store_in_front_of_a_service_and_a_copy_beside_it(s3_place, tmp_path):
    stores = {"near": {"root": "near", "copies": True}, "ram": {"kind": "memory", "copies": True}}
    datastore = {"root": f"{s3_place}/data", "stores": stores, "order": ["ram", "near"]}
    with Butler.create(tmp_path / "repo", datastore=datastore) as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        ref = butler.put({"d": 0}, "thing", KEY, run="run1")
        assert butler.check(deep=True).is_clean
        key = butler.get_uri(ref).stored.key
        assert [store.stat_many([key])[0] is not None for store in butler.datastore.stores.values()] == [True] * 3
        butler.remove_datasets([ref])
        assert [store.stat_many([key])[0] for store in butler.datastore.stores.values()] == [None] * 3
        assert butler.check(deep=True).is_clean


@pytest.mark.parametrize("said", ["thing", "StructuredDataDict", "instrument+detector", "default"])
def test_what_is_not_worth_keeping_is_read_and_not_kept(place, tmp_path, monkeypatch, requests, said):
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__CACHE__ROOT", str(tmp_path / "cache"))
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__CACHE__CACHEABLE", f'{{"{said}": false, "other": true}}')
    with Butler(place, writeable=False) as butler:
        assert butler.get("thing", KEY) == {"d": 0}
        asked = len(requests)
        assert butler.get("thing", KEY) == {"d": 0}
        assert len(requests) > asked
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.suffix == ".json"]
    monkeypatch.setenv("BUNTER_CONFIG__DATASTORE__CACHE__CACHEABLE", '{"thing": true, "default": false}')
    with Butler(place, writeable=False) as butler:
        butler.get("thing", KEY)
        asked = len(requests)
        assert butler.get("thing", KEY) == {"d": 0}
        assert len(requests) == asked

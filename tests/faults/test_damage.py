"""Artifacts that were cut or changed on the disk: found by every whole get, by deep checks, and by transfers; never passed on."""

import random

import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.table import Table

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions
from bunter.datastore.check import Problem
from bunter.errors import FileIntegrityError

KEY = {"instrument": "Cam", "exposure": 0, "detector": 0}
OBJECTS = {
    "StructuredDataDict": {"a": list(range(50))},
    "AstropyTable": Table({"x": np.arange(50), "y": np.linspace(0, 1, 50)}),
    "CCDData": CCDData(np.arange(400, dtype=np.float32).reshape(20, 20), unit="adu"),
    "NumpyArray": np.arange(60.0),
}


def flip(content, place):
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


DAMAGES = {
    "a bit flipped": lambda content, draw: flip(content, draw.randrange(8 * len(content))),
    "cut": lambda content, draw: content[: draw.randrange(len(content))],
    "a block of zeros": lambda content, draw: content[:20] + bytes(len(content[20:])),
    "longer": lambda content, _: content + b" ",
    "two pieces swapped": lambda content, _: content[len(content) // 2 :] + content[: len(content) // 2],
}


@pytest.fixture(params=OBJECTS)
def repository(request, tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], request.param)
        butler.collections.register("run1")
        butler.put(OBJECTS[request.param], "thing", KEY, run="run1")
    [path] = [path for path in (tmp_path / "repo/data/run1").rglob("*") if path.is_file()]
    return tmp_path / "repo", path


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_not_passed_on(repository, damage, tmp_path):
    root, path = repository
    whole = path.read_bytes()
    draw = random.Random(damage)
    for number in range(2 if damage == "a bit flipped" else 1):
        path.write_bytes(DAMAGES[damage](whole, draw))
        with Butler(root, writeable=False) as butler, Butler.create(tmp_path / f"other{number}") as other:
            with pytest.raises(FileIntegrityError, match="bunter check"):
                butler.get("thing", KEY, collections="run1")
            [finding] = butler.check(deep=True).findings
            assert finding.problem in {Problem.DAMAGED, Problem.SIZE}
            with pytest.raises(FileIntegrityError):
                other.transfers.take(butler.transfers.parcel(), transfer="copy")
            assert [name for name, _ in other.datastore.stores["main"].walk()] == []
            assert "thing" not in other.dataset_types or other.query_datasets("thing", "*").count() == 0
    path.write_bytes(whole)
    with Butler(root, writeable=False) as butler:
        assert butler.check(deep=True).is_clean


def test_damaged_files_leave_by_no_other_door_either(repository, tmp_path):
    root, path = repository
    path.write_bytes(flip(path.read_bytes(), 77))
    with Butler(root, writeable=False) as butler:
        for name in ("export", "dump"):
            with pytest.raises(FileIntegrityError):
                getattr(butler, name)(tmp_path / name)
        with pytest.raises(FileIntegrityError):
            butler.bundle(tmp_path / "bundle.zip")
        with pytest.raises(FileIntegrityError):
            butler.retrieve_artifacts(butler.query_datasets("thing", "run1"), tmp_path / "files")

"""Storage classes name Python types without importing them, and turn objects into each other."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.table import MaskedColumn, Table

from bunter import safe_yaml
from bunter.errors import MissingExtraError, StorageClassError
from bunter.storage_class import StorageClass, storage_class, storage_class_of, storage_classes


def table():
    made = Table({"a": [1.0, 2.5], "s": ["x", "yy"], "v": np.arange(6.0).reshape(2, 3), "n": [1, 2]}, meta={"k": 1})
    made["a"].unit = "deg"
    made["m"] = MaskedColumn([1, 2], mask=[False, True])
    return made


def test_nothing_heavy_is_imported_to_know_them():
    code = (
        "import sys; from bunter.storage_class import storage_classes, storage_class_of; storage_classes(); "
        "storage_class_of({}); storage_classes()['CCDData'].accepts({}); "
        "print([m for m in ('astropy', 'pyarrow', 'pandas', 'numpy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_parts_and_conversions_name_classes_that_exist():
    known = storage_classes()
    for each in known.values():
        for other in (*each.components.values(), *each.derived.values(), *each.converts_from):
            assert other in known
        assert each.doc
        assert isinstance(each.pytype(), type)
    written = safe_yaml.load(files("bunter.storage_class").joinpath("storage_classes.yaml").read_bytes())
    for name, spec in written.items():
        assert list(known[name].converts_from) == list(spec.get("converts_from") or ())


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ({}, "StructuredDataDict"), ([], "StructuredDataList"), ("", "Text"), (b"", "Bytes"), (1, "Number"), (1.5, "Number"),
        (np.float64(1), "Number"), (np.zeros(2), "NumpyArray"), (Table(), "AstropyTable"),
        (CCDData(np.zeros((2, 2)), unit="adu"), "CCDData"),
    ],
)  # fmt: skip
def test_an_object_has_a_storage_class(made, name):
    found = storage_class_of(made)
    assert found.name == name
    assert found.convert(made) is made


def test_an_object_of_no_storage_class_is_named():
    with pytest.raises(StorageClassError, match="no storage class holds"):
        storage_class_of(object())
    with pytest.raises(StorageClassError, match="cannot be turned"):
        storage_class("CCDData").convert({})


def test_an_unknown_name_or_part_is_answered_with_the_nearest():
    with pytest.raises(StorageClassError, match="did you mean 'AstropyTable'"):
        storage_class("AstropyTabel")
    with pytest.raises(StorageClassError, match="did you mean 'mask'"):
        storage_class("CCDData").component("maks")
    assert storage_class("CCDData").component("wcs") == "Wcs"
    assert storage_class("CCDData").component("shape") == "StructuredDataList"


def test_a_package_that_is_missing_is_named_with_the_command():
    with pytest.raises(MissingExtraError, match="pip install nothere"):
        StorageClass("X", "nothere:Thing").pytype()


@pytest.mark.parametrize("way", [["ArrowTable"], ["DataFrame", "ArrowTable"]])
def test_tables_keep_values_on_the_way_and_back(way):
    made = table()
    if "DataFrame" in way:
        made.remove_column("v")  # pandas has no columns of arrays
    there = made
    for name in way:
        there = storage_class(name).convert(there)
    back = storage_class("AstropyTable").convert(there)
    assert back.colnames == made.colnames
    for name in ("a", "s", "n"):
        assert list(back[name]) == list(made[name])
    assert bool(back["m"].mask[1])


def test_arrow_keeps_units_metadata_shapes_and_masks():
    back = storage_class("AstropyTable").convert(storage_class("ArrowTable").convert(table()))
    assert (str(back["a"].unit), back.meta) == ("deg", {"k": 1})
    assert back["v"].shape == (2, 3)
    assert back["m"].mask.tolist() == [False, True]
    assert back["s"].dtype.kind == "U"


def test_storage_classes_pickle():
    assert pickle.loads(pickle.dumps(storage_class("CCDData"))) == storage_class("CCDData")


def test_figures_become_the_same_picture_each_time():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2])
    first, second = (storage_class("Plot").convert(figure) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_plug_ins_are_looked_for_when_a_name_is_not_known():
    code = """
from importlib import metadata
asked = []
metadata.entry_points = lambda **group: asked.append(group) or []
from bunter.errors import StorageClassError
from bunter.storage_class import storage_class
storage_class("StructuredDataDict")
print(len(asked))
try:
    storage_class("Nothing")
except StorageClassError:
    print(asked)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert told == ["0", "[{'group': 'bunter.storage_classes'}]"]

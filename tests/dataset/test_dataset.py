"""Dataset types, references, collections and columns check themselves and travel."""

from __future__ import annotations

import pickle
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.dataset import (
    CollectionInfo,
    CollectionType,
    DatasetColumns,
    DatasetRef,
    DatasetType,
    FileDataset,
    changes,
    collection_name_problem,
    split_component,
)
from bunter.dimensions import DataCoordinate, Records, Universe
from bunter.errors import ConflictingDefinitionError
from bunter.values import Timespan, new_id, new_ids

UNIVERSE = Universe.default()
RAW = DatasetType("raw", UNIVERSE.conform(["exposure", "detector"]), "Raw")
NOTE = DatasetType("note", UNIVERSE.empty, "Text")


def ref(exposure, detector=0, run="r", kind=RAW):
    values = ("I", detector, exposure) if kind is RAW else ()
    return DatasetRef(new_id(), kind, DataCoordinate(kind.dimensions, values), run)


@pytest.mark.parametrize("name", ["", "a b", "1a", "a.b", "a/b", "é", "x" * 129, "../x"])
def test_a_dataset_type_with_a_bad_name_is_refused(name):
    with pytest.raises(ConflictingDefinitionError, match="letters, digits and underscores"):
        DatasetType(name, UNIVERSE.empty, "Text")


def test_a_component_stands_behind_the_dot():
    assert split_component("calexp.wcs") == ("calexp", "wcs")
    assert split_component("calexp") == ("calexp", None)


def test_refs_are_equal_by_id_and_sort_by_what_they_are():
    a, b = ref(1), ref(2)
    assert sorted([b, a]) == [a, b]
    assert a == DatasetRef(a.id, RAW, a.data_id, "elsewhere")
    assert a != a.part("wcs")
    assert a.part("wcs").name == "raw.wcs"
    assert pickle.loads(pickle.dumps(a)) == a
    assert repr(a).startswith("raw@{instrument: 'I', detector: 0, exposure: 1} in 'r' (")
    assert "<table>" in a._repr_html_()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.sampled_from("ab"), st.booleans()), max_size=20))
def test_columns_hold_what_the_refs_say(rows):
    refs = [ref(exposure, detector, run, NOTE if note else RAW) for exposure, detector, run, note in rows]
    back = [each for columns in DatasetColumns.from_refs(refs) for each in columns.refs()]
    assert sorted(back) == sorted(refs)
    by_id = {each.id: each for each in refs}
    assert all((each.data_id, each.run) == (by_id[each.id].data_id, by_id[each.id].run) for each in back)


def test_columns_of_the_wrong_shape_are_refused():
    ids = new_ids(2)
    with pytest.raises(ValueError, match="instrument, detector, exposure"):
        DatasetColumns(RAW, "r", ids, {"exposure": [1, 2]})
    with pytest.raises(ValueError, match="as many values of 'exposure'"):
        DatasetColumns(RAW, "r", ids, {"instrument": ["I", "I"], "detector": [1, 2], "exposure": [1]})
    assert DatasetColumns(NOTE, "r", ids, {}).required_rows() == [(), ()]


@pytest.mark.parametrize("name", ["HSC/raw/all", "u/someone/DM-1", "runs/2024-01-01T12:00:00", "a b", "é", "x@y~1"])
def test_ordinary_collection_names_are_allowed(name):
    assert collection_name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a/.b", "a\nb", "a\\b", "a*", "-x", "e\u0301", "x" * 201,
     "a ", " a", "a.", "\ud800", "a%2f", "a'b"],
)  # fmt: skip
def test_hostile_collection_names_are_refused_with_a_sentence(name):
    assert len(collection_name_problem(name) or "") > 20


def test_collections_show_their_members():
    info = CollectionInfo("c", CollectionType.CHAINED, children=("a", "b"))
    assert repr(info) == "<CHAINED 'c' [a, b]>"
    assert CollectionType(4) is CollectionType.CALIBRATION


def test_a_file_needs_datasets_and_a_selector_for_each():
    with pytest.raises(ValueError, match="at least one"):
        FileDataset("x.fits", [])
    with pytest.raises(ValueError, match="each of its 2"):
        FileDataset("x.fits", [ref(1), ref(2)], selectors=["1"])


def test_changes_travel_to_other_processes():
    records = Records.from_rows(UNIVERSE["instrument"], [{"name": "I"}])
    sent = [
        changes.RegisterCollection("r", CollectionType.RUN),
        changes.RegisterDatasetType(RAW),
        changes.InsertRecords(records, "same"),
        changes.AddDatasets(DatasetColumns.from_refs([ref(1)])[0]),
        changes.Certify("c", new_ids(1), Timespan(1, 2)),
    ]
    assert pickle.loads(pickle.dumps(sent)) == sent
    assert isinstance(uuid.UUID(bytes=sent[3].columns.ids[0]), uuid.UUID)

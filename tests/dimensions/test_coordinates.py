"""Data IDs: checked when made of what users give, equal by required values, and round trips."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.dimensions import DataCoordinate, Universe
from bunter.errors import DataIdError, DimensionNameError, DimensionValueError, InconsistentDataIdError

UNIVERSE = Universe.default()
RAW = UNIVERSE.conform(["exposure", "detector"])
FULL = {"band": "r", "day_obs": 20240101, "group": "g", "physical_filter": "r1"}


@st.composite
def coordinates(draw):
    group = UNIVERSE.conform(draw(st.sets(st.sampled_from(UNIVERSE.dimensions), max_size=4)))
    full = draw(st.booleans())
    keys = group.data_id_keys if full else group.required
    kinds = {name: kind for name, kind, _ in group.coercions}
    value = {"int": st.integers(-(2**63), 2**63 - 1), "str": st.sampled_from(["a", "b c", "é"])}
    return DataCoordinate(group, tuple(draw(value[kinds[key]]) for key in keys))


@given(coordinates())
def test_a_data_id_is_made_again_from_its_mapping(coordinate):
    again = DataCoordinate.standardize(coordinate.mapping, group=coordinate.group)
    assert again == coordinate
    assert again.values == coordinate.values
    named = {name: value for name, value in coordinate.mapping.items() if name != "group"}
    assert DataCoordinate.standardize(coordinate, group=coordinate.group, **named) == coordinate
    copy = pickle.loads(pickle.dumps(coordinate))
    assert (copy, copy.values, hash(copy)) == (coordinate, coordinate.values, hash(coordinate))


@given(coordinates(), st.data())
def test_subset_keeps_values_and_union_gives_the_whole_back(coordinate, data):
    smaller = UNIVERSE.conform(data.draw(st.sets(st.sampled_from(coordinate.group.required or ("band",)))))
    if not smaller <= coordinate.group or (smaller.required and not set(smaller.required) <= set(coordinate.keys())):
        return
    part = coordinate.subset(smaller)
    assert part.mapping.items() <= coordinate.mapping.items()
    assert part.union(coordinate) == coordinate


def test_equality_looks_only_at_required_values():
    short = DataCoordinate.standardize(instrument="I", exposure=1, detector=2, group=RAW)
    full = DataCoordinate.standardize({**FULL, "instrument": "I", "exposure": 1, "detector": 2}, group=RAW)
    assert (short.is_full, full.is_full) == (False, True)
    assert short == full
    assert hash(short) == hash(full)
    assert repr(full) == "{instrument: 'I', detector: 2, exposure: 1}"
    assert full["band"] == "r"
    assert "exposure" in full._repr_html_()


def test_keywords_win_defaults_fill_gaps_and_other_dimensions_are_dropped():
    made = DataCoordinate.standardize(
        {"exposure": 1, "detector": 1, "tract": 5}, group=RAW, defaults={"instrument": "I", "detector": 9}, detector=2
    )
    assert made.required_values == ("I", 2, 1)


def test_numbers_of_numpy_are_numbers():
    made = DataCoordinate.standardize(instrument=np.str_("I"), exposure=np.int64(3), detector=np.uint8(1), group=RAW)
    assert [type(value) for value in made.values] == [str, int, int]


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        ({"instrument": "I", "exposure": 1}, DimensionNameError, "needs a value for 'detector'"),
        ({"instrument": "I", "exposure": 1, "detectr": 1}, DimensionNameError, "did you mean 'detector'"),
        ({"instrument": "I", "exposure": 1, "detector": 1, "vist": 1}, DimensionNameError, "did you mean 'visit'"),
        ({"instrument": "I", "exposure": "1", "detector": 1}, DimensionValueError, "must be an integer"),
        ({"instrument": "I", "exposure": True, "detector": 1}, DimensionValueError, "must be an integer"),
        ({"instrument": "I", "exposure": 1.0, "detector": 1}, DimensionValueError, "must be an integer"),
        ({"instrument": "I", "exposure": 2**63, "detector": 1}, DimensionValueError, "64 bits"),
        ({"instrument": 3, "exposure": 1, "detector": 1}, DimensionValueError, "must be text"),
        ({"instrument": "", "exposure": 1, "detector": 1}, DimensionValueError, "printable"),
        ({"instrument": "a\nb", "exposure": 1, "detector": 1}, DimensionValueError, "printable"),
        ({"instrument": "I" * 33, "exposure": 1, "detector": 1}, DimensionValueError, "32 characters"),
    ],
)
def test_what_cannot_be_a_data_id_is_refused_in_one_sentence(given, kind, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        DataCoordinate.standardize(given, group=RAW)
    assert isinstance(caught.value, DataIdError)
    assert "\n" not in str(caught.value)


def test_data_ids_that_contradict_each_other_have_no_union():
    group = UNIVERSE.conform(["instrument"])
    one, other = (DataCoordinate(group, (name,)) for name in "ab")
    with pytest.raises(InconsistentDataIdError, match="'a'"):
        one.union(other)


def test_a_value_that_is_not_known_is_named():
    short = DataCoordinate.standardize(instrument="I", exposure=1, detector=2, group=RAW)
    with pytest.raises(DimensionNameError, match="no value for 'band'"):
        short["band"]
    assert short.get("band") is None
    assert "band" not in short


def test_a_misspelt_name_is_not_hidden_by_a_default():
    with pytest.raises(DimensionNameError, match="did you mean 'instrument'"):
        DataCoordinate.standardize(instrumnt="I", group=UNIVERSE.conform(["instrument"]), defaults={"instrument": "J"})

"""Data IDs as integers and back."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table
from hypothesis import assume, given
from hypothesis import strategies as st

from bunter.dimensions import Layout, PackedField, Packer, Universe
from bunter.dimensions.recipes import Recipe
from bunter.errors import DimensionNameError, DimensionValueError, UniverseError

UNIVERSE = Universe.default()
RECORD = {"visit_max": 999, "exposure_max": 999, "detector_max": 112}


def visit_detector(**record):
    recipe = UNIVERSE.packers["visit_detector"]
    return Packer(recipe.layout({"instrument": "HSC"}, lambda _element, field: {**RECORD, **record}[field]), UNIVERSE)


def test_visits_and_detectors_have_the_numbers_they_have_elsewhere():
    """The figures are those of the reference system's observation packer for the same instrument record."""
    packer = visit_detector()
    assert packer.pack(instrument="HSC", visit=42, detector=7) == 4711
    assert packer.pack(visit=999, detector=111) == 111999
    assert packer.max_bits == 17
    assert packer.unpack(4711).mapping == {"instrument": "HSC", "detector": 7, "visit": 42}


@pytest.mark.parametrize(
    ("visit", "detector", "says"), [(1000, 0, "visit=1000 .*0 to 999"), (0, 112, "detector=112"), (-1, 0, "visit=-1")]
)
def test_a_value_that_does_not_fit_is_refused(visit, detector, says):
    with pytest.raises(DimensionValueError, match=says):
        visit_detector().pack(visit=visit, detector=detector)
    with pytest.raises(DimensionValueError, match=says):
        visit_detector().pack(visit=[1, visit], detector=[1, detector])


def test_columns_of_every_kind_are_packed():
    packer = visit_detector()
    columns = {"visit": [1, 2, 3], "detector": [4, 5, 6]}
    want = [116, 229, 342]
    for table in (
        columns,
        {**columns, "instrument": "HSC"},
        Table({**columns, "instrument": ["HSC"] * 3, "run": ["x"] * 3}),
        pa.table(columns),
        [{"instrument": "HSC", "visit": v, "detector": d} for v, d in zip(*columns.values(), strict=True)],
        packer.unpack(np.array(want)),
    ):
        assert packer.pack(table).tolist() == want
    assert packer.pack(visit=np.arange(3), detector=0).dtype == np.int64
    assert packer.pack({"visit": np.array([], int), "detector": np.array([], int)}).tolist() == []


def test_what_is_missing_or_another_instruments_is_named():
    packer = visit_detector()
    with pytest.raises(DimensionNameError, match="'detector'"):
        packer.pack(visit=1)
    with pytest.raises(DimensionValueError, match=r"for instrument='HSC', not 'LSSTCam'"):
        packer.pack(instrument="LSSTCam", visit=1, detector=1)
    with pytest.raises(DimensionValueError, match="integers"):
        packer.pack(visit="a", detector=1)


@pytest.mark.parametrize("number", [-1, 112000, 2**63])
def test_a_number_of_no_data_id_is_refused(number):
    with pytest.raises(DimensionValueError, match="0 to 111999"):
        visit_detector().unpack(number)


def test_names_are_packed_by_their_place():
    fields = (PackedField("band", 8, values=("g", "r", "i")), PackedField("tract", 100), PackedField("patch", 16))
    packer = Packer(Layout("coadd", (("skymap", "s"),), fields), UNIVERSE)
    number = packer.pack(skymap="s", tract=3, patch=5, band="i")
    assert number == (2 * 100 + 3) * 16 + 5
    assert packer.unpack(number)["band"] == "i"
    with pytest.raises(DimensionValueError, match=r"band='z' .*'g', 'r', 'i'"):
        packer.pack(tract=1, patch=1, band="z")
    with pytest.raises(DimensionValueError, match="no band"):
        packer.unpack(7 * 1600)


def test_a_layout_grows_only_where_numbers_keep_their_meaning():
    old = Layout("p", (), (PackedField("band", 4, values=("g",)), PackedField("htm7", 10)))
    assert Layout("p", (), (PackedField("band", 8, values=("g", "r")), PackedField("htm7", 10))).extends(old)
    assert not Layout("p", (), (PackedField("band", 4, values=("r", "g")), PackedField("htm7", 10))).extends(old)
    assert not Layout("p", (), (PackedField("band", 4, values=("g",)), PackedField("htm7", 11))).extends(old)


def test_a_layout_that_cannot_be_is_refused():
    with pytest.raises(UniverseError, match="64 bits"):
        Layout("p", (), (PackedField("visit", 2**40), PackedField("detector", 2**24)))
    with pytest.raises(UniverseError, match="no fields"):
        Layout("p", (), ())
    with pytest.raises(DimensionNameError, match="needs instrument"):
        Packer(Layout("p", (), (PackedField("visit", 8),)), UNIVERSE)
    with pytest.raises(DimensionNameError, match="'band', which other dimensions"):
        fields = (PackedField("visit", 8), PackedField("band", 8))
        Packer(Layout("p", (("instrument", "HSC"),), fields), UNIVERSE)


def test_a_recipe_says_what_it_needs():
    recipe = UNIVERSE.packers["visit_detector"]
    with pytest.raises(DimensionNameError, match="give instrument="):
        recipe.layout({}, lambda *_: 1)
    with pytest.raises(DimensionNameError, match="not per skymap"):
        recipe.layout({"instrument": "HSC", "skymap": "s"}, lambda *_: 1)
    with pytest.raises(UniverseError, match="visit_max of the instrument record"):
        recipe.layout({"instrument": "HSC"}, lambda *_: None)
    with pytest.raises(UniverseError, match="did you mean 'size'"):
        Recipe.simple("p", [], [{"dimension": "visit", "sise": 3}])


names = st.sampled_from(["exposure", "visit", "detector"])


@st.composite
def layouts(draw):
    chosen = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    fields = []
    for name in chosen:
        size = draw(st.integers(1, 2**21))
        fields.append(PackedField(name, size, draw(st.integers(-(2**40), 2**40))))
    fixed = (("instrument", "X"),)
    if draw(st.booleans()):
        values = draw(st.lists(st.text("abcXYZ_", min_size=1, max_size=5), min_size=1, max_size=5, unique=True))
        fields.insert(
            draw(st.integers(0, len(fields))),
            PackedField("instrument", len(values) + draw(st.integers(0, 3)), values=tuple(values)),
        )
        fixed = ()
    assume(np.prod([float(each.size) for each in fields]) < 2.0**62)
    return Layout("p", fixed, tuple(fields))


@given(layouts(), st.data())
def test_packing_and_unpacking_are_inverse(layout, data):
    packer = Packer(Layout.from_dict(layout.to_dict()), UNIVERSE)
    rows = data.draw(
        st.lists(
            st.tuples(
                *(
                    st.sampled_from(f.values) if f.values else st.integers(f.base, f.base + f.size - 1)
                    for f in layout.fields
                )
            ),
            min_size=1,
            max_size=6,
        )
    )
    columns = {field.dimension: [row[place] for row in rows] for place, field in enumerate(layout.fields)}
    numbers = packer.pack(columns)
    assert ((numbers >= 0) & (numbers < 2**packer.max_bits)).all()
    back = packer.unpack(numbers)
    assert {name: back[name].tolist() for name in columns} == columns
    for row, number in zip(rows, numbers.tolist(), strict=True):
        data_id = packer.unpack(number)
        assert packer.pack(data_id) == number
        assert [data_id[field.dimension] for field in layout.fields] == list(row)
    assert len(set(numbers.tolist())) == len(set(rows))


def test_layouts_and_packers_are_values():
    packer = visit_detector()
    assert pickle.loads(pickle.dumps(packer.layout)) == packer.layout
    assert packer == visit_detector()
    assert (
        repr(packer)
        == "<Packer 'visit_detector' for instrument='HSC': visit (0 to 999) + detector (0 to 111); 17 bits>"
    )

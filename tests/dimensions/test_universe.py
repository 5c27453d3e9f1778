"""The default universe means what that of the reference system means, and wrong definitions are refused."""

from __future__ import annotations

import pickle

import pytest
import yaml

from bunter.dimensions import Universe
from bunter.errors import ConfigurationError, DimensionNameError, UniverseError

UNIVERSE = Universe.default()


def test_the_default_universe_has_the_elements_of_daf_butler_version_8_in_their_order():
    assert (UNIVERSE.namespace, UNIVERSE.version) == ("daf_butler", 8)
    assert list(UNIVERSE.elements) == [
        "band",
        "instrument",
        "skymap",
        "ssp_hypothesis_table",
        "day_obs",
        "detector",
        "group",
        "physical_filter",
        "ssp_balanced_index",
        "ssp_hypothesis_bundle",
        "subfilter",
        "tract",
        "visit_system",
        "exposure",
        "patch",
        "visit",
        "visit_definition",
        "visit_detector_region",
        "visit_system_membership",
    ]
    assert "htm7" in UNIVERSE
    assert "healpix17" in UNIVERSE
    assert "htm25" not in UNIVERSE


def test_columns_come_in_their_order_with_keys_named_as_dimensions():
    assert [column.name for column in UNIVERSE["visit"].columns] == [
        "instrument",
        "visit",
        "name",
        "day_obs",
        "physical_filter",
        "seq_num",
        "exposure_time",
        "target_name",
        "observation_reason",
        "science_program",
        "azimuth",
        "zenith_angle",
        "region",
        "timespan",
    ]
    assert [column.name for column in UNIVERSE["visit_detector_region"].columns] == (
        ["instrument", "detector", "visit", "region"]
    )
    assert [column.name for column in UNIVERSE["htm7"].columns] == ["htm7"]


def test_fields_have_the_names_that_users_give_them():
    visit = UNIVERSE["visit"]
    assert visit.field("id").name == "visit"
    assert visit.field("name").name == "name"
    assert UNIVERSE["instrument"].field("name").name == "instrument"
    assert UNIVERSE["exposure"].field("physical_filter").kind == "str"
    with pytest.raises(DimensionNameError, match="'exposure_time'"):
        visit.field("exposuretime")


def test_elements_know_their_place():
    visit, band, htm = UNIVERSE["visit"], UNIVERSE["band"], UNIVERSE["htm7"]
    assert (visit.spatial, visit.temporal) == ("observation_regions", "observation_timespans")
    assert (band.has_table, band.implied_union_target) == (False, "physical_filter")
    assert (htm.skypix, htm.spatial, htm.has_table) == (True, "htm", False)
    assert UNIVERSE["instrument"].governor
    assert UNIVERSE["visit_definition"].always_join
    assert UNIVERSE["visit_definition"].populated_by == "visit"
    assert UNIVERSE["visit_definition"].required == ("instrument", "exposure", "visit")
    assert not UNIVERSE["patch"].field("cell_x").nullable


def test_equal_definitions_are_one_object_also_after_pickling():
    assert Universe.load(UNIVERSE.to_dict()) is UNIVERSE
    assert pickle.loads(pickle.dumps(UNIVERSE)) is UNIVERSE
    assert pickle.loads(pickle.dumps(UNIVERSE["visit"])) is UNIVERSE["visit"]


def test_an_unknown_dimension_is_answered_with_the_nearest():
    with pytest.raises(DimensionNameError, match="did you mean 'exposure'"):
        UNIVERSE["exposre"]
    with pytest.raises(DimensionNameError, match="combination of"):
        UNIVERSE.conform(["visit_definition"])


def small(**elements):
    base = {
        "instrument": {"governor": True, "keys": [{"name": "name", "type": "string", "length": 8}]},
        "shot": {"requires": ["instrument"], "keys": [{"name": "id", "type": "int"}]},
    }
    return {"namespace": "mine", "version": 1, "elements": {**base, **elements}}


def test_a_universe_can_be_read_from_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(small()))
    mine = Universe.load(path)
    assert mine.dimensions == ("instrument", "shot")
    assert mine is not UNIVERSE
    with pytest.raises(ConfigurationError, match="cannot read"):
        Universe.load(tmp_path / "other.yaml")


KEY = [{"name": "id", "type": "int"}]


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ({"elements": {}}, "needs 'elements'"),
        (small(lamp={"keys": KEY, "requires": ["shoot"]}), "did you mean 'shot'"),
        (small(lamp={"keys": KEY, "implied": ["shot"]}), "unknown key 'implied'; did you mean 'implies'"),
        (small(lamp={"doc": "nothing"}), "neither keys"),
        (small(lamp={"keys": [{"name": "id", "type": "float"}]}), "int or a string"),
        (small(lamp={"keys": [{"name": "id", "type": "integer"}]}), "unknown type"),
        (small(lamp={"keys": [{"name": "id"}]}), "'name' and 'type'"),
        (small(lamp={"keys": KEY, "always_join": True}), "combinations"),
        (small(lamp={"keys": KEY, "metadata": KEY}), "cannot have a column 'id'"),
        (small(lamp={"keys": KEY, "requires": ["oil"]}, oil={"keys": KEY, "requires": ["lamp"]}), "in a circle"),
        (small(lamp={"keys": KEY, "implied_union_target": "shot"}), "does not imply"),
        (small() | {"topology": {"spatial": {"a": ["lamp"]}}}, "not defined"),
        (small() | {"topology": {"temporal": {"a": ["shot"], "b": ["shot"]}}}, "two temporal families"),
        (small() | {"skypix": {"common": "q3c5", "htm": {}}}, "common pixelization"),
        (small() | {"skypix": {"q3c": {}}}, "unknown system"),
    ],
)
def test_a_definition_that_contradicts_itself_is_refused_in_one_sentence(definition, sentence):
    with pytest.raises(UniverseError, match=sentence):
        Universe.load(definition)

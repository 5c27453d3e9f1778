"""Instruments are YAML files, and wrong ones are refused in one sentence."""

from __future__ import annotations

import copy

import pytest
import yaml

from bunter.errors import ConfigurationError, ConflictingDefinitionError, InstrumentError
from bunter.ingest import Instrument, instrument_names, register_instrument, registered_instrument
from bunter.ingest.model import Headers
from bunter.ingest.rules import UnfitFileError, read_fields


@pytest.mark.parametrize("name", ["DemoCam", "DECam", "HSC"])
def test_the_installed_instruments_can_be_registered(butler, name):
    register_instrument(butler, name)
    camera = registered_instrument(butler, name)
    assert camera == Instrument.from_yaml(name)
    assert butler.query_dimension_records("detector", instrument=name).count() == len(camera.detectors)
    assert butler.query_dimension_records("physical_filter", instrument=name).count() == len(camera.filters)


def test_registering_again_changes_nothing_unless_the_description_is_another(butler):
    camera = Instrument.from_yaml("DemoCam")
    register_instrument(butler, camera)
    document = copy.deepcopy(camera.to_dict())
    document["filters"]["DemoCam-i"] = "i"
    changed = Instrument.from_dict(document)
    with pytest.raises(ConflictingDefinitionError, match="--update"):
        register_instrument(butler, changed)
    register_instrument(butler, changed, update=True)
    assert registered_instrument(butler, "DemoCam").filters["DemoCam-i"] == "i"
    register_instrument(butler, camera, update=True)
    assert "DemoCam-i" not in registered_instrument(butler, "DemoCam").filters


def test_an_unknown_instrument_is_answered_with_the_nearest(butler, tmp_path):
    assert set(instrument_names()) >= {"DemoCam", "DECam", "HSC"}
    with pytest.raises(InstrumentError, match="did you mean 'DemoCam'"):
        Instrument.from_yaml("DemoCma")
    with pytest.raises(InstrumentError, match="no instrument file"):
        Instrument.from_yaml(tmp_path / "x.yaml")
    with pytest.raises(InstrumentError, match="did you mean 'DemoCam'"):
        registered_instrument(butler, "DemCam")


def described(**changes):
    document = copy.deepcopy(Instrument.from_yaml("DemoCam").to_dict())
    for path, value in changes.items():
        *outer, last = path.split("__")
        place = document
        for name in outer:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return document


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"filter": {}}, "no setting 'filter'; did you mean 'filters'"),
        ({"filters": None}, "'filters' is missing"),
        ({"name": None}, "'name' is missing"),
        ({"headers__fields__exposure": None}, "how to read exposure"),
        ({"headers__fields__exposre": "X"}, "did you mean 'exposure'"),
        ({"headers__match": None}, "'match' must name a card"),
        ({"headers__fields__dark_time": {"optional": True}}, "one of 'card', 'value' and 'text'"),
        ({"focal_plane__pixel_scale": None}, "'pixel_scale' in arcsec"),
        ({"focal_plane__x_points": "up"}, "'west' or 'east'"),
        ({"detectors__rows": [[0, "A", 0, 0], [0, "B", 1, 1]]}, "two detectors have the id 0"),
        ({"detectors__rows": [[0, "A", 0]]}, "needs 4 values"),
        ({"raw__hdus": "all"}, "raw.hdus"),
    ],
)
def test_a_wrong_description_is_refused_in_one_sentence(changes, sentence):
    with pytest.raises(InstrumentError, match=sentence) as caught:
        Instrument.from_dict(described(**changes))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a: [1")
    with pytest.raises(ConfigurationError, match="is not YAML"):
        Instrument.from_yaml(path)
    path.write_text(yaml.safe_dump(described()))
    assert Instrument.from_yaml(path).name == "DemoCam"


def fields(header, **rules):
    base = {"exposure": "N", "detector": {"value": 0}, "physical_filter": {"value": "V"}, "begin": "T",
            "exposure_time": {"value": 1}, "observation_type": {"value": "science"}}  # fmt: skip
    return read_fields(Headers(match={"A": 1}, fields={**base, **rules}), {"N": 1, "T": "2025-01-01", **header})


@pytest.mark.parametrize(
    ("rule", "header", "value"),
    [
        ({"card": "RA", "read": "hours"}, {"RA": "02:30:00"}, 37.5),
        ({"card": "RA", "read": "hours"}, {"RA": 2.5}, 37.5),
        ({"card": "RA", "read": "degrees"}, {"RA": "-10 30 00"}, -10.5),
        ({"card": "RA", "read": "degrees"}, {"RA": "-00:30:00"}, -0.5),
        ({"card": "RA", "read": "altitude"}, {"RA": 60}, 30.0),
        ({"card": ["X", "RA"]}, {"RA": 1.5}, 1.5),
        ({"card": "RA", "optional": True}, {}, None),
        ({"card": "RA", "default": 7}, {"RA": ""}, 7.0),
        ({"value": 3}, {}, 3.0),
    ],
)
def test_rules_read_numbers(rule, header, value):
    assert fields(header, tracking_ra=rule)["tracking_ra"] == value


@pytest.mark.parametrize(
    ("rule", "header", "value"),
    [
        ("X", {"X": " a b "}, "a b"),
        ({"text": "{X}-{Y}"}, {"X": "a", "Y": 3}, "a-3"),
        ({"text": "{X}-{Y}", "default": "none"}, {"X": "a"}, "none"),
        ({"card": "X", "map": {"OBJ": "target"}}, {"X": "OBJ"}, "target"),
        ({"card": "X", "map": {"OBJ": "target"}}, {"X": "other"}, "other"),
        ({"card": "X", "map": {"OBJ": "target"}, "default": "x"}, {"X": "other"}, "x"),
        ({"card": "X", "default": "number {exposure}"}, {}, "number 1"),
        ("X", {"X": 12}, "12"),
    ],
)
def test_rules_read_texts(rule, header, value):
    assert fields(header, target_name=rule)["target_name"] == value


def test_rules_read_times_and_truths():
    found = fields({"D": "2025-01-01", "U": "12:00:00", "M": 60676.5, "S": "T"}, begin={"text": "{D}T{U}"},
                   end={"card": "M", "read": "mjd"}, can_see_sky="S", has_simulated={"value": False})  # fmt: skip
    assert found["begin"] == found["end"]
    assert (found["can_see_sky"], found["has_simulated"]) == (True, False)
    with pytest.raises(UnfitFileError, match="which is no truth value"):
        fields({"S": "perhaps"}, can_see_sky="S")
    with pytest.raises(UnfitFileError, match="which is no whole number"):
        fields({"N": 1.5})

"""Universes that extend others, told wrong by file and line; what differs between two."""

import pickle

import pytest

from bunter.dimensions import Universe
from bunter.dimensions.difference import universe_differences
from bunter.dimensions.drawing import mermaid
from bunter.dimensions.sources import NAMES
from bunter.errors import ConfigurationError, UniverseError

DEFAULT = Universe.default()

FIBRES = """\
extends: default
namespace: my_survey
version: 1
elements:
  fibre:
    requires: [instrument]
    keys:
      - {name: id, type: int}
  exposure:
    metadata:
      - {name: seeing, type: float, doc: Width of a star in arcseconds.}
    implies: [campaign]
  campaign:
    keys:
      - {name: name, type: string, length: 32}
topology:
  temporal:
    campaigns: [campaign]
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="mine.yaml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_an_overlay_adds_elements_and_columns(written):
    universe = Universe.load(written(FIBRES))
    assert universe.namespace == "my_survey"
    assert universe["fibre"].requires == ("instrument",)
    assert universe["exposure"].metadata[-1].name == "seeing"
    assert "campaign" in universe.conform(["exposure"]).implied
    assert universe["campaign"].temporal == "campaigns"
    assert universe.packers.keys() == DEFAULT.packers.keys()
    assert set(DEFAULT.elements) < set(universe.elements)
    assert Universe.load(universe.to_dict()) is universe
    assert pickle.loads(pickle.dumps(universe)) is universe


def test_overlays_of_several_teams_are_put_together(written):
    written(
        "extends: default\nelements: {fibre: {requires: [instrument], keys: [{name: id, type: int}]}}", "fibres.yaml"
    )
    written("elements: {site: {keys: [{name: name, type: string}]}}", "sites.yaml")
    both = written("extends: [fibres.yaml, sites.yaml]\nnamespace: both\n", "both.yaml")
    universe = Universe.load(both)
    assert {"fibre", "site", "exposure"} < set(universe.elements)


def test_universes_have_names():
    assert Universe.load("default") is DEFAULT
    for name in NAMES:
        assert Universe.load(name).dimensions
    with pytest.raises(ConfigurationError, match="did you mean 'default'"):
        Universe.load("defualt")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("extends: default\nelements:\n  fibre:\n    requires: [instrumnt]\n    keys: [{name: id, type: int}]", 4, "did you mean 'instrument'"),
        ("extends: default\nelements:\n  fibre:\n    kyes: [{name: id, type: int}]", 4, "unknown key 'kyes'; did you mean 'keys'"),
        ("extends: default\nelements:\n  fibre:\n    keys:\n      - {name: id, type: intt}", 5, "unknown type 'intt'; did you mean 'int'"),
        ("extends: default\nelements:\n  exposure:\n    metadata:\n      - {name: a, type: int}\n      - {name: dark_time, type: int}", 6, "has a column 'dark_time' already"),
        ("extends: default\nelements:\n  exposure:\n    requires: [skymap]", 4, "cannot change 'requires' of 'exposure'"),
        ("extends: default\nelement: {}", 2, "no part 'element'; did you mean 'elements'"),
        ("extends: default\ntopology:\n  spatial:\n    mine: [vizit]", 4, "did you mean 'visit'"),
        ("extends: default\nskypix:\n  common: htm70", 3, "did you mean 'htm7'"),
        ("extends: default\npackers:\n  mine:\n    fields: [{dimension: visti, size: 3}]", 3, "did you mean 'visit'"),
        ("elements:\n  a:\n    requires: [b]\n    keys: [{name: id, type: int}]\n  b:\n    requires: [a]\n    keys: [{name: id, type: int}]", 2, "in a circle: a, b"),
        ("extends: default\nelements:\n  a b: {}", 3, "letters, digits"),
        ("extends: default\nelements:\n  pair:\n    requires: [visit]\n    populated_by: exposure", 5, "populated by 'exposure'"),
        ("extends: []\nversion: 1", 1, "'extends' names no universe"),
        ("version: 1\nextends: repository", 2, "bunter upgrade"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(written, text, line, says):
    path = written(text)
    with pytest.raises(UniverseError) as caught:
        Universe.load(path)
    assert says in str(caught.value)
    if "repository" not in text:
        assert str(caught.value).startswith(f"{path}:{line}: ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_fault_in_what_is_extended_is_told_there(written):
    below = written(
        "extends: default\nelements:\n  fibre:\n    requires: [skymp]\n    keys: [{name: id, type: int}]", "below.yaml"
    )
    above = written("extends: below.yaml\nversion: 2\n", "above.yaml")
    with pytest.raises(UniverseError, match=rf"^{below}:4: .*'skymap'"):
        Universe.load(above)


def test_a_universe_cannot_extend_itself(written):
    written("extends: b.yaml", "a.yaml")
    path = written("extends: a.yaml", "b.yaml")
    with pytest.raises(UniverseError, match="extends itself"):
        Universe.load(path)


def test_nothing_differs_between_equal_universes():
    content = DEFAULT.to_dict()
    assert universe_differences(DEFAULT, Universe.load(content)) == []
    content["elements"]["visit"]["doc"] = "Something else."
    assert [str(each) for each in universe_differences(DEFAULT, Universe.load(content))] == [
        "the description of 'visit' changes"
    ]


def test_what_an_overlay_adds_is_additive_and_taking_it_away_is_not(written):
    wider = Universe.load(written(FIBRES))
    there = universe_differences(DEFAULT, wider)
    assert all(each.additive for each in there)
    assert sorted(str(each) for each in there if each.kind != "text") == [
        "'exposure' implies 'campaign'",
        "new column 'seeing' of 'exposure' (float)",
        "new dimension 'campaign'",
        "new dimension 'fibre' of instrument",
    ]
    back = [str(each) for each in universe_differences(wider, DEFAULT) if not each.additive]
    assert sorted(back) == [
        "'exposure' implies 'campaign' and would not any more",
        "column 'seeing' of 'exposure' would go, with its values",
        "element 'campaign' would go, with its records",
        "element 'fibre' would go, with its records",
    ]


@pytest.mark.parametrize(
    ("element", "change", "additive", "says"),
    [
        ("visit", lambda spec: spec["keys"][1].update(length=128), True, "takes values up to 128"),
        ("visit", lambda spec: spec["keys"][1].update(length=32), False, "would hold 32 characters"),
        ("visit", lambda spec: spec["metadata"][0].update(type="float"), False, "is int and would be float"),
        ("patch", lambda spec: spec["metadata"][0].update(nullable=True), True, "may be unknown"),
        ("visit", lambda spec: spec["metadata"][0].update(nullable=False), False, "would have to be given"),
        ("visit", lambda spec: spec.update(implies=["day_obs"]), False, "would not any more"),
        ("visit_detector_region", lambda spec: spec.update(populated_by="detector"), True, "travel with detector"),
        ("visit_definition", lambda spec: spec.update(always_join=False), False, "'always_join'"),
        ("visit", lambda spec: spec["metadata"][2].update(name="target"), False, "did you mean 'target'"),
    ],
)
def test_each_change_is_told_possible_or_not(element, change, additive, says):
    content = DEFAULT.to_dict()
    change(content["elements"][element])
    told = universe_differences(DEFAULT, Universe.load(content))
    assert any(says in str(each) and each.additive is additive for each in told), told
    assert all(each.additive for each in told) is additive


def test_an_older_version_and_another_order_of_a_family_are_refused():
    content = DEFAULT.to_dict() | {"version": 7}
    assert "older" in str(universe_differences(DEFAULT, Universe.load(content))[0])
    content = DEFAULT.to_dict()
    content["topology"]["temporal"]["observation_timespans"] = ["visit", "exposure", "day_obs"]
    assert [each.additive for each in universe_differences(DEFAULT, Universe.load(content))] == [False]


def test_a_universe_is_drawn():
    text = mermaid(DEFAULT)
    assert "instrument --> exposure" in text
    assert "exposure -.-> physical_filter" in text
    assert "instrument --> visit_detector_region" not in text  # by way of visit and detector

"""Groups are closed sets: conform is a closure, and union follows from it."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from bunter.dimensions import Universe

UNIVERSE = Universe.default()
NAMES = [*UNIVERSE.dimensions, "htm7", "htm9", "healpix5"]
sets = st.sets(st.sampled_from(NAMES), max_size=5)


@given(sets)
def test_conform_is_a_closure(names):
    group = UNIVERSE.conform(names)
    assert names <= set(group.names)
    assert UNIVERSE.conform(group.names) is group
    assert UNIVERSE.conform(reversed(group.names)) is group
    for name in group.names:
        element = UNIVERSE[name]
        assert set(element.requires) | set(element.implies) <= set(group.names)


@given(sets, sets)
def test_larger_sets_have_larger_closures_and_union_is_the_closure_of_both(a, b):
    one, other, both = UNIVERSE.conform(a), UNIVERSE.conform(b), UNIVERSE.conform(a | b)
    assert one <= both >= other
    assert (one | other) is both
    assert (one & other) <= one
    assert (one & other) <= other
    assert (one <= other) == ((one | other) is other)


@given(sets)
def test_the_required_dimensions_say_it_all(names):
    group = UNIVERSE.conform(names)
    assert UNIVERSE.conform(group.required) is group
    assert set(group.required) | set(group.implied) == set(group.names)
    assert set(group.required).isdisjoint(group.implied)
    assert sorted(group.lookup_order) == sorted(group.names)
    assert group.data_id_keys == group.required + group.implied


@given(sets)
def test_the_lookup_order_puts_a_dimension_after_what_implies_it(names):
    group = UNIVERSE.conform(names)
    order = {name: place for place, name in enumerate(group.lookup_order)}
    for name in group.implied:
        implying = [other for other in group.names if name in UNIVERSE[other].implies]
        assert min(order[other] for other in implying) < order[name]


@given(sets)
def test_groups_pickle_to_themselves(names):
    group = UNIVERSE.conform(names)
    assert pickle.loads(pickle.dumps(group)) is group


def test_the_group_of_a_raw_frame():
    group = UNIVERSE.conform(["exposure", "detector"])
    assert repr(group) == "{instrument, detector, exposure}"
    assert group.implied == ("band", "day_obs", "group", "physical_filter")
    assert group.key == "instrument+detector+exposure"
    assert group.governors == ("instrument",)
    assert UNIVERSE.empty.key == "empty"


def test_the_finest_element_stands_for_its_family():
    group = UNIVERSE.conform(["visit", "detector", "patch", "htm7", "htm9", "exposure"])
    assert {element.name for element in group.finest_spatial()} == {"visit_detector_region", "patch", "htm9"}
    assert [element.name for element in group.finest_temporal()] == ["exposure"]
    assert set(group.spatial) == {"observation_regions", "skymap_regions", "htm"}
    assert "visit_definition" in [element.name for element in group.elements]


def test_a_combination_belongs_to_a_group_with_all_its_dimensions():
    names = [element.name for element in UNIVERSE.conform(["visit"]).elements]
    assert names == ["band", "instrument", "day_obs", "physical_filter", "visit"]

"""Groups of dimensions, repeatable ids, times and sky pixels are the same in both systems."""

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

theirs = pytest.importorskip(
    "lsst.daf.butler", reason="the reference system is not installed; `make oracle` installs it"
)

from campaign import EXAMPLES, SEED
from lsst.sphgeom import HealpixPixelization, HtmPixelization

from bunter.dimensions import Universe
from bunter.geometry import Region, skypix
from bunter.values import deterministic_id, format_instant, parse_instant

pytestmark = pytest.mark.oracle

CAMPAIGN = settings(max_examples=EXAMPLES, database=None, deadline=None)
OURS, THEIRS = Universe.default(), theirs.DimensionUniverse()
NAMES = [*OURS.dimensions, "htm7", "htm3", "healpix9"]


def test_universes_have_the_same_elements():
    mine = dict(OURS.elements)
    other = {element.name: element for element in THEIRS.elements if element.name not in THEIRS.skypix_dimensions.names}
    assert mine.keys() == other.keys()
    for name, element in mine.items():
        there = other[name]
        assert set(element.required) == set(there.required.names), name
        assert set(element.implies) == set(there.implied.names), name
        fields = {column.name for column in element.columns}
        schema = there.schema
        names = {_renamed(there, field) for field in schema.names}
        assert fields == names, name
        assert element.governor == (name in THEIRS.governor_dimensions.names), name
        assert bool(element.always_join) == bool(getattr(there, "alwaysJoin", False)), name


def _renamed(element, field):
    key = getattr(element, "primaryKey", None)
    return element.name if key is not None and field == key.name else field


def test_the_order_of_dimensions_is_the_same():
    assert list(OURS.dimensions) == [
        name for name in THEIRS.sorted(THEIRS.dimensions.names) if name in OURS.dimensions
    ] or list(OURS.dimensions) == [d.name for d in THEIRS.sorted(THEIRS.dimensions) if d.name in OURS.dimensions]


@seed(SEED)
@CAMPAIGN
@given(one=st.sets(st.sampled_from(NAMES), max_size=4), two=st.sets(st.sampled_from(NAMES), max_size=4))
def test_groups(one, two):
    a, b = OURS.conform(one), OURS.conform(two)
    c, d = THEIRS.conform(one), THEIRS.conform(two)
    for mine, other in ((a, c), (a | b, c | d), (a & b, c & d)):
        assert mine.names == tuple(other.names)
        assert mine.required == tuple(other.required)
        assert mine.implied == tuple(other.implied)
        assert mine.data_id_keys == tuple(other.data_coordinate_keys)
        assert {element.name for element in mine.elements} == set(other.elements)
        assert set(mine.governors) == set(other.governors)
        assert set(mine.skypix) == set(other.skypix)
        assert len(mine.spatial) == len(other.spatial)
        assert len(mine.temporal) == len(other.temporal)
    assert (a <= b, a >= b, a < b, a.isdisjoint(b)) == (c <= d, c >= d, c < d, c.isdisjoint(d))


VALUES = {
    "int": st.integers(0, 2**31),
    "str": st.text("abcXYZ_-/+ .'", min_size=1, max_size=20).map(str.strip).filter(bool),
}


@seed(SEED)
@CAMPAIGN
@given(draw=st.data(), run=st.sampled_from(["r", "u/me/run"]), with_run=st.booleans())
def test_repeatable_ids(draw, run, with_run):
    names = draw.draw(st.sets(st.sampled_from(NAMES), max_size=4))
    group = OURS.conform(names)
    data_id = {key: draw.draw(VALUES[OURS.key_column(key).kind]) for key in group.required}
    kind = theirs.DatasetType("thing", THEIRS.conform(names), "int")
    mode = theirs.DatasetIdGenEnum.DATAID_TYPE_RUN if with_run else theirs.DatasetIdGenEnum.DATAID_TYPE
    coordinate = theirs.DataCoordinate.standardize(data_id, dimensions=kind.dimensions)
    expected = theirs.DatasetRef(kind, coordinate, run=run, id_generation_mode=mode).id
    assert deterministic_id("thing", data_id, run if with_run else None) == expected


@seed(SEED)
@CAMPAIGN
@given(
    begin=st.integers(10**17, 4 * 10**18),
    length=st.integers(1, 10**16),
    other=st.integers(10**17, 4 * 10**18),
    more=st.integers(1, 10**18),
)
def test_timespans(begin, length, other, more):
    from bunter.values import Timespan

    a, b = Timespan(begin, begin + length), Timespan(other, other + more)
    c, d = (theirs.Timespan(None, None, _nsec=each.bounds) for each in (a, b))
    assert a.overlaps(b) == c.overlaps(d)
    assert a.contains(b) == c.contains(d)
    assert a.intersection(b).is_empty == c.intersection(d).isEmpty()
    if not a.intersection(b).is_empty:
        assert a.intersection(b).bounds == c.intersection(d).nsec
    assert [each.bounds for each in a.difference(b)] == [each.nsec for each in c.difference(d)]


@seed(SEED)
@CAMPAIGN
@given(ns=st.integers(0, 4 * 10**18))
def test_times_of_export_files(ns):
    from lsst.daf.butler.time_utils import TimeConverter

    time = TimeConverter().nsec_to_astropy(ns)
    assert parse_instant(time) == ns
    assert TimeConverter().astropy_to_nsec(theirs.time_utils._AstropyTimeToYAML and time) == parse_instant(
        f"{format_instant(ns)}/tai"
    )


@seed(SEED)
@CAMPAIGN
@given(
    ra=st.floats(0, 359.9),
    dec=st.floats(-89, 89),
    size=st.floats(0.01, 4),
    system=st.sampled_from(["htm4", "htm7", "healpix3", "healpix6"]),
)
def test_sky_pixels(ra, dec, size, system):
    """The pixels of a circle lie between the interior and the envelope of the reference's pixelizations."""
    level = int(system.lstrip("htmealpix"))
    there = (HtmPixelization if system.startswith("htm") else HealpixPixelization)(level)
    circle = Region.circle(ra, dec, size)
    found = set(skypix(system).pixels_of(circle))
    envelope = {pixel for begin, end in there.envelope(circle.shape) for pixel in range(begin, end)}
    interior = {pixel for begin, end in there.interior(circle.shape) for pixel in range(begin, end)}
    assert interior <= found <= envelope
    assert skypix(system).pixel_at(ra, dec) in found

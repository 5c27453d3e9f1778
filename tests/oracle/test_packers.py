"""Numbers of data IDs are those that the reference system's packers make; both find the data ID again."""

import pytest
from hypothesis import strategies as st

theirs = pytest.importorskip(
    "lsst.daf.butler", reason="the reference system is not installed; `make oracle` installs it"
)

from campaign import campaign

from bunter.errors import UserError

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def limits(world):
    """For each instrument, how many visits, exposures and detectors it may have."""
    records = {record.instrument: record for record in world.ours.query_dimension_records("instrument")}
    found = {
        name: {"visit": record.visit_max, "exposure": record.exposure_max, "detector": record.detector_max}
        for name, record in records.items()
    }
    return {name: sizes for name, sizes in found.items() if None not in sizes.values()}


@st.composite
def observed(draw, limits):
    """An instrument, an observation and a detector, now and then beyond what the instrument has."""
    instrument = draw(st.sampled_from(sorted(limits)))
    kind = draw(st.sampled_from(["visit", "exposure"]))
    sizes = limits[instrument]
    return instrument, kind, draw(st.integers(0, sizes[kind])), draw(st.integers(0, sizes["detector"]))


def their_packer(world, instrument, kind):
    from lsst.pipe.base import ObservationDimensionPacker

    data_id = world.theirs.registry.expandDataId(instrument=instrument)
    return ObservationDimensionPacker(data_id, is_exposure=kind == "exposure")


def test_observations_and_detectors(world, limits):
    if not limits:
        return

    def check(asked):
        instrument, kind, number, detector = asked
        mine = world.ours.packers.define(f"{kind}_detector", instrument=instrument)
        other = their_packer(world, instrument, kind)
        data_id = {kind: number, "detector": detector}
        full = theirs.DataCoordinate.standardize(
            data_id, instrument=instrument, dimensions=other.dimensions, universe=world.theirs.dimensions
        )
        try:
            packed = other.pack(full)
        except ValueError:
            last = number == limits[instrument][kind] and detector < limits[instrument]["detector"]
            if last:  # an instrument's record names its greatest visit; only Bunter has a number for that one
                assert mine.unpack(mine.pack(data_id)).mapping == {"instrument": instrument, **data_id}
                return "only Bunter packs the last one"
            with pytest.raises(UserError):
                mine.pack(data_id)
            return "neither packs"
        assert mine.pack(data_id) == packed, asked
        assert dict(mine.unpack(packed).mapping) == dict(other.unpack(packed).mapping)
        assert mine.max_bits >= other.maxBits
        return "packed"

    campaign(observed(limits), check)

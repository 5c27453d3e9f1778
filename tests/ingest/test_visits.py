"""Visits: regions from boresight, angle and detectors agree with the WCS that the camera writes."""

from __future__ import annotations

import shutil
from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter import Butler
from bunter.ingest import Instrument, define_visits, ingest_raws, register_instrument
from bunter.ingest.projection import sky_axes, vectors
from killing import killed


def test_every_science_exposure_becomes_a_visit(butler, frames, tmp_path):
    frames.night(tmp_path / "night", exposures=2)
    frames.democam(tmp_path / "night" / "bias.fits", exposure=9, kind="bias")
    ingest_raws(butler, [tmp_path / "night"])
    report = define_visits(butler, "DemoCam")
    assert str(report) == "defined 2 visits"
    visits = list(butler.query_dimension_records("visit"))
    assert [visit.id for visit in visits] == [2025010100001, 2025010100002]
    assert (visits[0].name, visits[0].day_obs, visits[0].exposure_time) == ("DC_1", 20250101, 60.0)
    exposures = list(butler.query_dimension_records("exposure", where="exposure.observation_type = 'science'"))
    assert [visit.timespan for visit in visits] == [exposure.timespan for exposure in exposures]
    regions = list(butler.query_dimension_records("visit_detector_region"))
    assert len(regions) == 8
    for element in ("visit_definition", "visit_system_membership"):
        assert butler.query_dimension_records(element).count() == 2
    by_visit = {visit.id: visit.region for visit in visits}
    assert all(by_visit[row.visit].overlaps(row.region) for row in regions)
    joined = butler.query_data_ids(["visit", "exposure", "detector"], datasets="raw", collections="DemoCam/raw/all")
    assert joined.count() == 8


def test_the_same_again_changes_nothing_and_a_dry_run_neither(butler, frames, tmp_path):
    frames.night(tmp_path / "night", exposures=2)
    ingest_raws(butler, [tmp_path / "night"])
    assert define_visits(butler, "DemoCam", dry_run=True).new == 2
    assert butler.query_dimension_records("visit").count() == 0
    assert define_visits(butler, "DemoCam", where="exposure.seq_num = 1").new == 1
    again = define_visits(butler, "DemoCam")
    assert (again.new, again.known) == (1, 1)
    assert define_visits(butler, "DemoCam").new == 0
    assert define_visits(butler, "DemoCam", update=True).new == 2
    assert butler.query_dimension_records("visit").count() == 2


def test_an_exposure_without_pointing_is_left_out_with_a_reason(butler, frames, tmp_path):
    ingest_raws(butler, [frames.democam(tmp_path / "a.fits", change={"RA": None})])
    report = define_visits(butler, "DemoCam")
    assert report.left_out == ((2025010100001, "its record has no tracking_ra"),)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 359), st.floats(-85, 85), st.floats(0, 359), st.sampled_from(["west", "east"]))
def test_pixels_of_a_tilted_camera_lie_where_a_wcs_puts_them(ra, dec, angle, x_points):
    axes = sky_axes(angle, x_points)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [1, 1]
    wcs.wcs.cd = axes / 3600
    pixels = np.array([(0, 0), (500, 20), (-300, 700)])
    lon, lat = np.radians(wcs.all_pix2world(pixels, 0).T)
    expected = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    east, north = axes @ pixels.T / 3600
    np.testing.assert_allclose(vectors([ra] * 3, [dec] * 3, east, north), expected, atol=1e-12)


def test_the_position_angle_is_that_of_the_y_axis_north_through_east():
    assert sky_axes(0, "west") == pytest.approx(np.array([[-1, 0], [0, 1]]))
    assert sky_axes(90, "west") @ [0, 1] == pytest.approx([1, 0])
    assert sky_axes(90, "east") @ [1, 0] == pytest.approx([0, -1])


def test_regions_of_simulated_frames_agree_with_their_wcs(butler, tmp_path):
    simulation = pytest.importorskip("bunter.demo.simulation")
    plan = simulation.Plan(biases=0, flats=0, dithers=1, fields=1)
    paths = simulation.write_night(simulation.Night.simulate(plan=plan), tmp_path / "night")
    ingest_raws(butler, paths)
    define_visits(butler, "DemoCam")
    camera = Instrument.from_yaml("DemoCam")
    regions = {(row.visit, row.detector): row.region for row in butler.query_dimension_records("visit_detector_region")}
    for path in paths:
        header = fits.getheader(path)
        width, height = camera.model.focal_plane.size
        corners = np.array([(0.5, 0.5), (width + 0.5, 0.5), (width + 0.5, height + 0.5), (0.5, height + 0.5)])
        sky = WCS(header).all_pix2world(corners, 1)
        region = regions[header["EXPID"], header["DETECTOR"]]
        margin = camera.model.focal_plane.padding * np.sqrt(2) / 3600
        assert region.contains(sky[:, 0], sky[:, 1]).all()
        for (ra, dec), (own_ra, own_dec) in zip(sorted(sky.tolist()), sorted(region.corners()), strict=True):
            assert np.hypot((ra - own_ra) * np.cos(np.radians(dec)), dec - own_dec) == pytest.approx(margin, rel=0.02)


def test_a_camera_without_places_takes_regions_from_headers(butler, tmp_path):
    header = {
        "INSTRUME": "Backyard", "EXPID": 1, "FILTER": "V", "DATE-OBS": "2025-01-02T03:04:05", "EXPTIME": 1.0, "IMAGETYP": "Light",
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 50.0, "CRVAL2": 60.0, "CRPIX1": 50.5, "CRPIX2": 40.5,
        "CDELT1": -0.001, "CDELT2": 0.001,
    }  # fmt: skip
    path = tmp_path / "x.fits"
    fits.PrimaryHDU(np.zeros((80, 100), np.int16), fits.Header(list(header.items()))).writeto(path)
    camera = Instrument.from_dict(
        {
            "name": "Backyard",
            "focal_plane": {"regions": "header"},
            "detectors": [{"id": 0, "name": "ccd"}],
            "filters": {"V": "V"},
            "headers": {
                "match": {"INSTRUME": "Backyard"},
                "fields": {
                    "exposure": "EXPID", "detector": {"value": 0}, "physical_filter": "FILTER", "begin": "DATE-OBS",
                    "exposure_time": "EXPTIME", "observation_type": {"card": "IMAGETYP", "map": {"Light": "science"}},
                },
            },
        }
    )  # fmt: skip
    register_instrument(butler, camera)
    assert not ingest_raws(butler, [path]).rejected
    assert define_visits(butler, "Backyard").new == 1
    visit = butler.query_dimension_records("visit", instrument="Backyard").one()
    assert visit.region.centre() == pytest.approx((50, 60), abs=1e-4)
    assert visit.region.contains(50.09, 60.03)
    assert not visit.region.contains(50.11, 60.03)


@pytest.mark.slow
def test_visits_are_defined_whole_wherever_their_definition_is_killed(frames, tmp_path):
    frames.night(tmp_path / "night", exposures=2)
    with Butler.create(tmp_path / "template") as butler:
        register_instrument(butler, "DemoCam")
        ingest_raws(butler, [tmp_path / "night"])

    def act(place):
        with Butler(place, writeable=True) as butler:
            define_visits(butler, "DemoCam")

    def counts(place):
        elements = ("visit", "visit_detector_region", "visit_definition", "visit_system_membership")
        with Butler(place) as butler:
            return [butler.query_dimension_records(element).count() for element in elements]

    step, died = 0, True
    while died:
        step += 1
        place = tmp_path / f"step{step}"
        shutil.copytree(tmp_path / "template", place)
        died = killed(partial(act, place), step)
        assert counts(place) in ([0, 0, 0, 0], [2, 8, 2, 2])
        act(place)
        assert counts(place) == [2, 8, 2, 2]
        shutil.rmtree(place)
    assert step > 1

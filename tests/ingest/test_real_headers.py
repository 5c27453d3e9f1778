"""DECam and HSC go in by descriptions alone, through astro-metadata-translator, from files around real headers."""

from __future__ import annotations

import pytest

from bunter.geometry import Region
from bunter.ingest import define_visits, ingest_raws, register_instrument

pytestmark = pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")


@pytest.fixture
def survey(butler):
    for name in ("DECam", "HSC"):
        register_instrument(butler, name)
    return butler


def test_decam_and_hsc_are_told_apart_and_their_exposures_can_be_queried(survey, frames, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    frames.decam(folder / "science.fits", "fitsheader-decam.hdr")
    frames.decam(folder / "bias.fits.fz", "fitsheader-decam-0160496.hdr")
    frames.hsc(folder / "hsc.fits")
    frames.democam(folder / "demo.fits")
    report = ingest_raws(survey, [folder], transfer="direct")
    assert report.rejected == []
    assert report.exposures == {
        ("DECam", 229388), ("DECam", 160496), ("HSC", 904024), ("DemoCam", 2025010100001),
    }  # fmt: skip

    (science,) = survey.query_dimension_records(
        "exposure", where="instrument = 'DECam' AND exposure.observation_type = 'science'"
    )
    assert (science.id, science.obs_id, science.exposure_time) == (229388, "ct4m20130901t060255", 200.0)
    assert science.timespan.begin_time.utc.isot == "2013-09-01T06:02:55.754"
    assert (science.tracking_ra, science.tracking_dec) == pytest.approx((42.81996, -0.00158), abs=1e-4)
    assert (science.day_obs, science.science_program, science.can_see_sky) == (20130831, "2012B-0001", True)
    assert science.physical_filter == "z DECam SDSS c0004 9260.0 1520.0"
    (bias,) = survey.query_dimension_records(
        "exposure", where="instrument = 'DECam' AND exposure.observation_type = 'zero'"
    )
    assert (bias.id, bias.exposure_time, bias.physical_filter) == (160496, 0.0, "solid plate 0.0 0.0")

    hsc = survey.query_dimension_records("exposure", instrument="HSC").one()
    assert (hsc.id, hsc.obs_id, hsc.physical_filter, hsc.target_name) == (904024, "HSCA90402400", "HSC-I", "STRIPE82L")
    assert (hsc.tracking_ra, hsc.tracking_dec) == pytest.approx((320.749925, 0.5000194), abs=1e-6)
    found = survey.query_dimension_records(
        "exposure", where="instrument = 'HSC' AND exposure.timespan OVERLAPS (T'2013-11-02', T'2013-11-03')"
    )
    assert [record.id for record in found] == [904024]


def test_a_file_of_many_extensions_holds_a_dataset_for_each(survey, frames, tmp_path):
    path = frames.decam(tmp_path / "x.fits.fz", "fitsheader-decam.hdr")
    report = ingest_raws(survey, [path])
    assert (report.files, len(report.refs)) == (1, 3)
    image = survey.get("raw", instrument="DECam", exposure=229388, detector="S2", collections="DECam/raw/all")
    assert image.data.shape == (40, 30)
    assert image.data[0, 0] == 26
    assert image.header["CCDNUM"] == 26
    assert len({uri.stored.key for (uri,) in survey.get_uris(report.refs)}) == 1


def test_a_missing_card_is_the_translators_to_explain(survey, frames, tmp_path):
    from astropy.io import fits

    path = frames.decam(tmp_path / "x.fits", "fitsheader-decam.hdr")
    with fits.open(path, mode="update") as hdus:
        del hdus[0].header["EXPNUM"]
    ((_, reason),) = ingest_raws(survey, [path]).rejected
    assert "exposure" in reason.lower()
    assert "\n" not in reason


def test_regions_of_decam_follow_from_its_geometry(survey, frames, tmp_path):
    ingest_raws(survey, [frames.decam(tmp_path / "x.fits", "fitsheader-decam.hdr")])
    report = define_visits(survey, "DECam")
    assert (report.new, report.left_out) == (1, ())
    visit = survey.query_dimension_records("visit", instrument="DECam").one()
    ra, dec = visit.region.centre()
    assert (ra, dec) == pytest.approx((42.82, -0.0016), abs=0.05)
    *_, radius = visit.region.bounding_cap()
    assert 1.0 < radius * 57.2958 < 1.15
    places = {
        row.detector: row.region for row in survey.query_dimension_records("visit_detector_region", instrument="DECam")
    }
    assert len(places) == 62
    # The header's own WCS of S1 (CRPIX 2151, 14826; +y east, +x south) puts its middle there:
    scale = 0.263 / 3600
    assert places[25].contains(42.82 + (2048 - 14826) * scale, -0.0016 - (1024 - 2151) * scale)


def test_regions_of_hsc_come_from_the_frames_own_wcs(survey, frames, tmp_path):
    ingest_raws(survey, [frames.hsc(tmp_path / "hsc.fits")], transfer="direct")
    report = define_visits(survey, "HSC")
    assert report.new == 1
    region = survey.query_dimension_records("visit_detector_region", instrument="HSC").one().region
    scale = 0.17 / 3600
    # CRPIX 1024.5, 4395.167; CD: +y east, +x south.
    assert region.centre() == pytest.approx(
        (320.749925 + (2120 - 4395) * scale, 0.50002 - (1072 - 1024) * scale), abs=2e-3
    )
    assert region.contains_region(Region.circle(*region.centre(), 0.05))

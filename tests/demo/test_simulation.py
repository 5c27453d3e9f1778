import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from bunter.demo.simulation import Night, Plan, camera, profiles, write_night
from bunter.demo.simulation.frame import raw_frame, visible
from bunter.demo.simulation.gnomonic import Pointing, detector_cards, reference_pixel, sky, tangent_plane
from bunter.demo.simulation.headers import CARDS, raw_header
from bunter.demo.simulation.night import CAMERA_SEED
from bunter.demo.simulation.response import response, vignetting
from bunter.ingest import Instrument

SHORT = Plan(biases=1, flats=1, dithers=1, fields=1)


def test_the_same_seed_gives_the_same_night_to_the_bit(tmp_path):
    one, two = (write_night(Night.simulate(3, SHORT), tmp_path / name) for name in "ab")
    assert [p.name for p in one] == [p.name for p in two]
    for a, b in list(zip(one, two, strict=True))[::5]:
        assert a.read_bytes() == b.read_bytes()


def test_another_seed_gives_another_sky_but_the_same_camera():
    one, two = Night.simulate(3, SHORT), Night.simulate(4, SHORT)
    assert not np.array_equal(one.truth["ra"][:100], two.truth["ra"][:100])
    detector = camera.DETECTORS[0]
    assert np.array_equal(response(detector, CAMERA_SEED).hot, response(detector, CAMERA_SEED).hot)


def test_frames_that_are_there_are_not_written_again(tmp_path):
    night = Night.simulate(3, SHORT)
    paths = write_night(night, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in paths}
    paths[1].unlink()
    calls = []
    write_night(night, tmp_path, lambda done, n: calls.append((done, n)))
    after = {p: p.stat().st_mtime_ns for p in paths}
    assert [p for p in paths if before[p] != after[p]] == [paths[1]]
    assert calls[-1] == (len(paths), len(paths))


def test_the_whole_night_is_what_the_demonstration_promises(night):
    whole = Night.simulate()
    kinds = [e.observation_type for e in whole.exposures]
    assert (kinds.count("bias"), kinds.count("flat"), kinds.count("science")) == (5, 6, 12)
    assert len({e.id for e in whole.exposures}) == len({e.obs_id for e in whole.exposures}) == 23
    assert all(a.end < b.begin for a, b in zip(whole.exposures, whole.exposures[1:], strict=False))
    assert all(1.0 < e.airmass < 1.6 for e in whole.exposures if e.on_sky)


def test_a_detector_sees_enough_stars_and_few_saturated_ones(night):
    for exposure in night.exposures:
        if exposure.on_sky:
            for detector in camera.DETECTORS:
                seen = visible(exposure, detector, night.truth, margin=0)
                # 20 times the noise of the sky in a matched filter: about 5000 electrons under these skies.
                assert 50 <= np.count_nonzero(seen.flux[seen.is_star] > 5000) <= 160
    pixels = response(camera.DETECTORS[0], CAMERA_SEED)
    image = raw_frame(night.exposures[-1], camera.DETECTORS[0], pixels, night.truth, night.seed)
    assert image.dtype == np.uint16
    assert 0 <= np.count_nonzero(image >= camera.SATURATION_ADU) < 100


def test_a_header_has_every_card_and_the_camera_file_reads_it(night):
    exposure, detector = night.exposures[-1], camera.DETECTORS[2]
    header = raw_header(exposure, detector)
    assert set(CARDS) <= set(header)
    assert all(len(str(card)) == 80 for card in header.cards)
    described = Instrument.from_yaml("DemoCam")
    assert {d["name"] if isinstance(d, dict) else d.name for d in described.detectors} >= {
        d.name for d in camera.DETECTORS
    }
    assert header["FILTER"] in {getattr(f, "name", f) for f in described.filters}


def test_a_bias_frame_has_neither_filter_nor_pointing(night):
    header = raw_header(night.exposures[0], camera.DETECTORS[0])
    assert header["FILTER"] == "none"
    assert "RA" not in header
    assert "CTYPE1" not in header


@pytest.mark.parametrize("rotation", [0.0, 33.0, -170.0])
def test_our_projection_is_that_of_wcslib(rotation):
    pointing, detector = Pointing(330.0, -12.0, rotation), camera.DETECTORS[1]
    rng = np.random.default_rng(1)
    ra, dec = sky(rng.uniform(-0.2, 0.2, 50), rng.uniform(-0.2, 0.2, 50), pointing.ra, pointing.dec)
    wcs = WCS(fits.Header(detector_cards(pointing, detector)))
    x, y = pointing.focal_plane(ra, dec)
    column, row = reference_pixel(detector)
    expected = wcs.wcs_world2pix(ra, dec, 1)
    # Both are exact formulas: only rounding differs.
    np.testing.assert_allclose([x + column, y + row], expected, atol=1e-6)
    np.testing.assert_allclose(sky(*tangent_plane(ra, dec, 330.0, -12.0), 330.0, -12.0), [ra, dec], atol=1e-11)


def test_north_is_up_and_east_left_without_rotation():
    x, y = Pointing(10.0, 0.0, 0.0).focal_plane(np.array([10.0, 10.1]), np.array([0.1, 0.0]))
    np.testing.assert_allclose(x, [0, -360], atol=0.1)
    np.testing.assert_allclose(y, [360, 0], atol=0.1)


def test_profiles_hold_their_flux():
    image = np.zeros((201, 201))
    profiles.add_stars(image, np.array([100.3]), np.array([99.6]), np.array([1e6]), 2.5)
    # Half a stamp of 28 pixels leaves (1 + (28 / alpha)**2)**-2 = 2e-5 of a Moffat of beta 3 outside.
    assert image.sum() == pytest.approx(1e6, rel=1e-4)
    one = np.array([1.0])
    shapes = profiles.Shapes(2 * one, 1.5 * one, 0.5 * one, 0.3 * one)
    galaxy = profiles.galaxies((201, 201), 100 * one, 100 * one, 1e5 * one, shapes)
    assert galaxy.sum() == pytest.approx(1e5, rel=1e-9)
    # The blur's kernel reaches 6 fwhm, beyond which 1e-4 of the light lies.
    assert profiles.blur(galaxy, 2.5).sum() == pytest.approx(1e5, rel=1e-3)


def test_a_galaxy_lies_along_its_position_angle():
    one = np.array([1.0])
    for position_angle, rotation, long_axis in ((0.0, 0.0, "y"), (90.0, 0.0, "x"), (90.0, 90.0, "y")):
        angle = profiles.angle_on_detector(position_angle * one, Pointing(0, 0, rotation))
        shapes = profiles.Shapes(3 * one, one, 0.3 * one, angle)
        image = profiles.galaxies((81, 81), 40 * one, 40 * one, one, shapes)
        row, column = np.mgrid[:81, :81] - 40
        assert ((image * row**2).sum() > (image * column**2).sum()) == (long_axis == "y")


def test_vignetting_is_one_on_the_axis_and_least_in_the_corner():
    falls = vignetting(camera.DETECTORS[3])
    assert falls[0, 0] == pytest.approx(1, abs=1e-3)
    assert falls.min() == falls[-1, -1] == pytest.approx(1 - 0.22, abs=5e-3)

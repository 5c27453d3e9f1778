import numpy as np
import pytest
from astropy.nddata import CCDData, VarianceUncertainty
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from bunter.demo.reduction.astrometry import NoMatchError, find_offset, fit_wcs
from bunter.demo.reduction.background import background_image, background_mesh
from bunter.demo.reduction.coaddition import coadd
from bunter.demo.reduction.objects import add_missing_band, detect_objects
from bunter.demo.reduction.planes import Plane, mark, planes_of
from bunter.demo.reduction.preview import colour_preview, preview
from bunter.demo.reduction.psf import Psf
from bunter.demo.reduction.signature import fill
from bunter.demo.reduction.stamps import windowed_centroids
from bunter.demo.reduction.summary import visit_summary
from bunter.demo.reduction.warping import warp
from bunter.demo.reduction.zero_point import ab_magnitude, fit_zero_point, nanojansky_per_electron
from bunter.demo.simulation import profiles
from bunter.demo.simulation.frame import visible


@pytest.fixture(scope="module")
def patch(reduced):
    """WCS and shape of a patch about the middle of the detector."""
    centre = reduced.calexps[reduced.science("r")[0].seq_num].wcs.wcs_pix2world([[255.5, 255.5]], 0)[0]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], centre, [220.5, 200.5]
    wcs.wcs.cdelt = [-1 / 3600, 1 / 3600]
    wcs.wcs.set()
    return wcs, (400, 440)


@pytest.fixture(scope="module")
def coadds(reduced, patch):
    return {b: coadd([warp([reduced.calexps[e.seq_num]], *patch) for e in reduced.science(b)], *patch) for b in "gr"}


def test_bias_structure_and_hot_pixels_are_found(reduced):
    true = reduced.pixels.bias / reduced.detector.gain
    residual = reduced.bias.data - true
    cold = reduced.pixels.hot == 0
    # Read noise of 5 frames: 5.3 / 1.61 / sqrt(5) = 1.5 adu.
    assert np.std(residual[cold]) < 1.8
    assert ((planes_of(reduced.bias) & int(Plane.HOT)) != 0)[~cold].mean() > 0.95
    assert np.count_nonzero((planes_of(reduced.bias) & int(Plane.HOT)) != 0) < 1.2 * np.count_nonzero(~cold)


def test_the_flat_is_the_response_of_the_pixels(reduced):
    for e in (reduced.science("g")[0], reduced.science("r")[0]):
        flat = reduced.flats[e.physical_filter.band]
        true = reduced.pixels.efficiency[e.physical_filter.name]
        ratio = flat.data / (true / np.median(true))
        # Photon noise of three frames of about 30,000 electrons: 0.33 per cent.
        assert np.std(ratio[reduced.pixels.hot == 0]) < 0.006
        assert np.median(flat.data) == pytest.approx(1, abs=1e-6)


def test_a_clean_frame_has_the_noise_that_its_variance_says(reduced):
    image = next(iter(reduced.images.values()))
    empty = image.data[200:260, 200:260]
    mad = 1.4826 * np.median(np.abs(empty - np.median(empty)))
    assert mad == pytest.approx(np.sqrt(np.median(image.uncertainty.array)), rel=0.08)
    assert image.unit == "electron"
    assert "CRVAL1" not in image.header  # the WCS says it, and only the WCS


def test_cosmic_rays_are_marked_and_stars_are_not(reduced, monkeypatch):
    from bunter.demo.simulation import frame, response

    e = reduced.science("r")[0]
    seen, draw = [], response.cosmic_rays
    monkeypatch.setattr(response, "cosmic_rays", lambda *a: seen.append(draw(*a)) or seen[-1])
    frame.raw_frame(e, reduced.detector, reduced.pixels, reduced.night.truth, reduced.night.seed)
    rays, image = seen[0], reduced.images[e.seq_num]
    marked = (planes_of(image) & int(Plane.COSMIC_RAY)) != 0
    strong = rays > 5 * np.sqrt(image.uncertainty.array)
    # What falls on a star is told from it only where it is the brighter.
    assert marked[strong].mean() > 0.8
    stars = visible(e, reduced.detector, reduced.night.truth, margin=-8)
    bright = stars.is_star & (stars.flux > 3000)
    x, y = np.rint(stars.x[bright]).astype(int), np.rint(stars.y[bright]).astype(int)
    assert (marked & (rays == 0))[y, x].mean() < 0.05


def test_filling_asks_only_good_neighbours():
    image = np.full((20, 20), 7.0, np.float32)
    planes = np.zeros((20, 20), np.int16)
    image[5, 5:8], planes[5, 5:8] = 1e6, int(Plane.HOT)
    filled, after = fill(image, planes, Plane.HOT)
    assert (filled == 7).all()
    assert (after[5, 5:8] == int(Plane.HOT | Plane.INTERPOLATED)).all()
    assert image[5, 5] == 1e6


def test_a_pixel_without_good_neighbours_has_no_data():
    _, after = fill(np.ones((5, 5), np.float32), np.full((5, 5), int(Plane.HOT), np.int16), Plane.HOT)
    assert (after & int(Plane.NO_DATA)).all()


def test_planes_survive_in_an_image_and_tell_their_bits():
    planes = np.array([[1, 6], [0, 16]], np.int16)
    image = mark(CCDData(np.zeros((2, 2)), unit="adu"), planes)
    assert np.array_equal(planes_of(image), planes)
    assert image.header["MP_CR"][0] == 2
    assert planes_of(CCDData(np.zeros((1, 2)), mask=[[True, False]], unit="adu")).tolist() == [[16, 0]]


def test_the_sky_is_found_under_stars_and_follows_a_slope():
    rng = np.random.default_rng(5)
    row, column = np.mgrid[:256, :256]
    sky = 1000 + 0.2 * column + 0.1 * row
    image = (sky + rng.normal(0, 30, sky.shape)).astype(np.float32)
    profiles_image = np.zeros(sky.shape)
    profiles.add_stars(profiles_image, rng.uniform(0, 256, 40), rng.uniform(0, 256, 40), np.full(40, 2e4), 2.5)
    found = background_image(
        background_mesh(image + profiles_image.astype(np.float32), np.zeros(sky.shape, bool)), sky.shape
    )
    # 30 / sqrt(64 * 64) = 0.5 from noise; wings that are not clipped leave a few electrons; in the corners the median
    # of 3 x 3 boxes is that of the next box: 64 pixels of slope, 13 electrons.
    assert np.abs(found - sky)[32:-32, 32:-32].max() < 20
    assert np.median(np.abs(found - sky)) < 4


def test_the_width_of_stars_is_the_seeing(reduced):
    for e in (*reduced.science("g"), *reduced.science("r")):
        assert reduced.srcs[e.seq_num].meta["fwhm"] == pytest.approx(e.seeing, rel=0.03)


def test_the_enclosed_flux_of_a_profile_is_its_sum():
    psf = Psf(2.6, 3.0)
    row, column = np.mgrid[-60:61, -60:61]
    r_squared = (row**2 + column**2).astype(float)
    assert psf(r_squared).sum() == pytest.approx(1, abs=2e-3)
    assert psf(r_squared)[r_squared < 100].sum() == pytest.approx(psf.enclosed(10.0), abs=5e-3)


def test_centroids_of_noiseless_stars_are_exact():
    x, y = np.array([30.27, 80.81]), np.array([40.49, 70.03])
    image = np.zeros((120, 120))
    profiles.add_stars(image, x, y, np.array([1e5, 1e5]), 2.6)
    found = windowed_centroids(image, np.rint(x), np.rint(y), 2.6)
    # Pixels 1 arcsec wide under a seeing of 2.6 arcsec leave a few thousandths.
    assert_allclose(found, [x, y], atol=0.01)


def test_offsets_are_found_among_strangers():
    rng = np.random.default_rng(2)
    ref_x, ref_y = rng.uniform(0, 512, (2, 80))
    x = np.concatenate([ref_x[:40] + 4.2, rng.uniform(0, 512, 40)])
    y = np.concatenate([ref_y[:40] - 7.1, rng.uniform(0, 512, 40)])
    assert_allclose(find_offset(x, y, ref_x, ref_y), (4.2, -7.1), atol=0.5)


def test_too_few_matches_are_an_error_that_says_so(reduced):
    guess = next(iter(reduced.images.values())).wcs
    ra, dec = guess.wcs_pix2world([10.0, 20.0, 30.0], [10.0, 40.0, 90.0], 0)
    one = np.array([10.0, 20.0, 30.0])
    with pytest.raises(NoMatchError, match="3 sources match the 3 references; 8 are needed"):
        fit_wcs(guess, x=one, y=np.array([10.0, 40.0, 90.0]), error=one / 100, ra=ra, dec=dec, ref_error_mas=20.0)
    with pytest.raises(NoMatchError, match="boresight"):
        fit_wcs(guess, x=one, y=one, error=one, ra=ra + 5, dec=dec, ref_error_mas=20.0)


def test_the_fit_undoes_the_pointing_error(reduced):
    for e in reduced.science("r"):
        believed = e.believed
        off = np.hypot((e.true.ra - believed.ra) * np.cos(np.radians(believed.dec)), e.true.dec - believed.dec) * 3600
        # The rotator's error of some hundredths of a degree moves a detector 370 pixels off the axis by up to 0.2 arcsec.
        assert reduced.srcs[e.seq_num].meta["pointing_shift"] == pytest.approx(off, abs=0.3)


def test_zero_points_shrug_off_variable_stars():
    rng = np.random.default_rng(3)
    magnitude = rng.uniform(15, 19, 100)
    rate = 10 ** (-0.4 * (magnitude - 24.5))
    reference = magnitude + rng.normal(0, 0.01, 100)
    reference[:5] += 1.0
    fit = fit_zero_point(rate, 0.001 * rate, reference, np.full(100, 0.01))
    assert fit.magnitude == pytest.approx(24.5, abs=4 * 0.01 / np.sqrt(95))
    assert fit.stars == 95


def test_nanojanskys_and_magnitudes_agree():
    scale = nanojansky_per_electron(24.5, 60.0)
    electrons = 60.0 * 10 ** (-0.4 * (18.0 - 24.5))
    magnitude, error = ab_magnitude(np.array([electrons * scale, -1.0]), np.array([0.01 * electrons * scale, 1.0]))
    assert magnitude[0] == pytest.approx(18.0)
    assert error[0] == pytest.approx(0.010857)
    assert np.isnan(magnitude[1])


def test_a_summary_has_a_row_per_detector(reduced):
    e = reduced.science("g")[0]
    table = visit_summary({3: reduced.srcs[e.seq_num], 1: reduced.srcs[e.seq_num]})
    assert list(table["detector"]) == [1, 3]
    assert table["seeing"].unit == "arcsec"
    assert table["n_stars"][0] > 30


def test_a_warp_is_what_reproject_makes_of_the_image(reduced, patch):
    from reproject import reproject_interp

    image = reduced.calexps[reduced.science("r")[0].seq_num]
    expected, footprint = reproject_interp((image.data, image.wcs), patch[0], shape_out=patch[1], order="bicubic")
    warped = warp([image], *patch)
    x, y = np.rint(patch[0].wcs.crpix - warped.wcs.wcs.crpix).astype(int)
    window = slice(y, y + warped.shape[0]), slice(x, x + warped.shape[1])
    expected, footprint = expected[window], footprint[window]
    good = (planes_of(warped) & int(Plane.NO_DATA)) == 0
    assert good.mean() > 0.9
    assert (footprint[good] > 0).all()
    # Both are cubic splines in single precision; brightest pixels are about 1e6 nJy.
    assert_allclose(warped.data[good], expected[good], rtol=2e-3, atol=0.3)


def test_a_visit_beside_the_patch_makes_no_warp(reduced, patch):
    image = reduced.calexps[reduced.science("r")[0].seq_num]
    far = patch[0].deepcopy()
    far.wcs.crval = [10.0, 10.0]
    far.wcs.set()
    assert warp([image], far, patch[1]) is None


def test_a_coadd_leaves_out_what_one_warp_saw_alone(coadds):
    rng = np.random.default_rng(4)
    warps = []
    for number in range(3):
        data = rng.normal(100, 5, (50, 50)).astype(np.float32)
        if number == 1:
            data[10, 10] = 5000
        image = CCDData(data, unit="nJy", wcs=coadds["r"].wcs, header=coadds["r"].header.copy())
        image.uncertainty = VarianceUncertainty(np.full((50, 50), 25.0, np.float32))
        image.header["EXPID"] = number
        planes = np.zeros((50, 50), np.int16)
        planes[20] = int(Plane.NO_DATA) if number == 2 else 0
        planes[30] = int(Plane.NO_DATA)
        planes[40] = int(Plane.SATURATED)
        warps.append(mark(image, planes))
    mean = coadd(warps, coadds["r"].wcs, (50, 50))
    assert mean.data[10, 10] == pytest.approx(100, abs=5 * 5 / np.sqrt(2))
    assert planes_of(mean)[10, 10] == int(Plane.CLIPPED)
    assert_allclose(mean.uncertainty.array[0], 25 / 3, rtol=1e-5)
    assert_allclose(mean.uncertainty.array[20], 25 / 2, rtol=1e-5)
    assert (planes_of(mean)[30] == int(Plane.NO_DATA)).all()
    assert (planes_of(mean)[40] & int(Plane.SATURATED)).all()
    assert mean.data[40].mean() == pytest.approx(100, abs=5)
    assert mean.header["NCOMBINE"] == 3


def test_coadds_are_deeper_than_their_warps(reduced, coadds, patch):
    for band, image in coadds.items():
        one = coadd([warp([reduced.calexps[reduced.science(band)[0].seq_num]], *patch)], *patch)
        both = (planes_of(image) | planes_of(one)) & int(Plane.NO_DATA) == 0
        ratio = np.median(one.uncertainty.array[both]) / np.median(image.uncertainty.array[both])
        assert 2 < ratio < 4


def test_objects_belong_to_the_inner_region_alone(coadds, patch):
    width, height = patch[1][1], patch[1][0]
    left = detect_objects(coadds, inner=(0, 0, 200.5, height))
    right = detect_objects(coadds, inner=(200.5, 0, width, height))
    whole = detect_objects(coadds, inner=(0, 0, width, height))
    assert len(left) + len(right) == len(whole) > 100
    assert (left["x"] < 200.5).all()
    assert (right["x"] >= 200.5).all()
    assert whole["r_psf_mag"].unit == "mag"


def test_a_band_without_coadd_has_empty_columns(coadds):
    both = detect_objects(coadds, inner=(0, 0, 440, 400))
    red = detect_objects({"r": coadds["r"]}, inner=(0, 0, 440, 400))
    add_missing_band(red, "g")
    assert set(red.colnames) == set(both.colnames)
    assert np.isnan(red["g_psf_mag"]).all()


def test_pictures_are_small_png(coadds):
    grey, colour = preview(coadds["r"], longest=200), colour_preview([coadds["r"], coadds["g"]], longest=200)
    for picture in (grey, colour):
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(picture) < 200_000

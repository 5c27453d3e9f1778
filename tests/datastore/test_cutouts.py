"""Pieces cut out of large images: which bytes move, and that the piece is right."""

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, VarianceUncertainty
from astropy.table import Table
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from bunter.contracts.format import FormatContract
from bunter.dataset import StoredArtifact
from bunter.datastore import MemoryStore, ReadRequest, format_of
from bunter.datastore.ranged import RangedFile, coalesced
from bunter.datastore.reading import read_artifact
from bunter.errors import FileIntegrityError, FormatError
from bunter.values import ByteRange, Durability

RECIPES = ["fits", "fits:lossless", "fits:lossy", "fits:gzip,tile=100"]


class Counting(MemoryStore):
    """A store that counts what is read of it."""

    def __init__(self):
        super().__init__()
        self.moved = self.requests = 0

    def read(self, key, ranges=None):
        found = super().read(key, ranges)
        self.moved += sum(map(len, found))
        self.requests += len(found)
        return found


def stored(content, extension=".fits", form="fits"):
    """Content as an artifact of a store that counts."""
    store = Counting()
    staged = store.stage(store.own(), f"k{extension}", content)
    store.publish([staged], Durability.none)
    digests = staged.digests
    return store, StoredArtifact(
        bytes(16), "", staged.key, "main", staged.size, digests.sha256, digests.xxh3, form, 1, True, ""
    )


def sky(size):
    w = WCS(naxis=2)
    w.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    w.wcs.crpix, w.wcs.crval, w.wcs.cdelt = [size / 2, size / 2], [150, 2], [-5e-5, 5e-5]
    return w


def image(size, dtype="f4", **more):
    pixels = np.random.default_rng(3).normal(1000, 5, (size, size)).astype(dtype)
    return CCDData(pixels, unit="adu", wcs=sky(size), meta=fits.Header({"OBJECT": "M 31"}), **more)


class TestCompressedImages(FormatContract):
    @pytest.fixture(params=["fits:lossless", "fits:gzip", "fits:lossless,tile=64"])
    def form(self, request):
        return format_of(request.param)

    @pytest.fixture(params=["f4", "i2", "u2", "i4", "f8"])
    def make(self, request):
        def make():
            mask = np.zeros((200, 200), bool)
            mask[3, 4] = True
            errors = VarianceUncertainty(np.ones((200, 200), "f4"))
            return image(200, request.param, mask=mask, uncertainty=errors)

        return make

    @pytest.fixture
    def other(self):
        return image(150)

    @pytest.fixture
    def equal(self):
        def equal(one, two):
            assert one.data.dtype == two.data.dtype
            assert (one.mask == two.mask).all()
            assert (one.uncertainty.array == two.uncertainty.array).all()
            assert one.header["OBJECT"] == two.header["OBJECT"]
            assert not {"EXTNAME", "BNTFIRST"} & set(one.header)
            return np.array_equal(one.data, two.data)

        return equal


@pytest.mark.parametrize("recipe", RECIPES[1:])
def test_the_hour_does_not_change_the_bytes(recipe, monkeypatch):
    first = format_of(recipe).to_bytes(image(150))
    monkeypatch.setattr("time.time", lambda: 1.0)
    assert format_of(recipe).to_bytes(image(150)) == first


def test_rounded_pixels_are_within_a_fraction_of_the_noise():
    whole = image(300)
    form = format_of("fits:lossy")
    content = form.to_bytes(whole)
    read = form.from_bytes(content, ReadRequest("astropy.nddata:CCDData"))
    assert np.abs(read.data - whole.data).max() < 5 / 16  # half a step is 1/32 of sigma; RICE estimates sigma by tile
    assert len(content) < len(format_of("fits").to_bytes(whole)) / 3
    assert form.to_bytes(image(300)) == content


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("parameters", [{"bbox": (1001, 1203, 1151, 1353)}, {"circle": (150, 2, 75 * 5e-5)}])
def test_a_hundredth_of_an_image_moves_less_than_three_hundredths_of_its_bytes(recipe, parameters):
    size = 1500
    whole = image(size)
    content = format_of(f"{recipe},tile=50" if recipe[5:] in {"lossless", "lossy"} else recipe).to_bytes(whole)
    store, artifact = stored(content)
    cut = read_artifact(store, artifact, ReadRequest("astropy.nddata:CCDData", None, parameters))
    assert 148 <= min(cut.data.shape) <= max(cut.data.shape) <= 153
    limit = 0.03 if size * size * 4 > 100e6 else 0.06  # headers weigh more in a small image
    assert store.moved < limit * len(content)
    if "bbox" in parameters and recipe != "fits:lossy":
        assert np.array_equal(cut.data, whole.data[1203:1353, 1001:1151])
    here = cut.wcs.pixel_to_world(10, 20)
    x, y = whole.wcs.world_to_pixel(here)
    assert np.allclose(cut.data[20, 10], whole.data[round(float(y)), round(float(x))], atol=1)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["fits", "fits:lossless"])
def test_a_hundredth_of_200_mb_moves_less_than_three_hundredths(recipe):
    content = format_of(recipe).to_bytes(image(7168))
    store, artifact = stored(content)
    cut = read_artifact(store, artifact, ReadRequest("", None, {"bbox": (3003, 3005, 3720, 3722)}))
    assert cut.data.shape == (717, 717)
    assert store.moved < 0.03 * len(content)


def test_one_component_of_an_image_moves_only_its_own_hdu():
    mask = np.zeros((1000, 1000), bool)
    content = format_of("fits").to_bytes(image(1000, mask=mask))
    store, artifact = stored(content)
    assert read_artifact(store, artifact, ReadRequest("", "mask")).shape == (1000, 1000)
    assert store.moved < 1_150_000
    store.moved = 0
    assert read_artifact(store, artifact, ReadRequest("", "wcs")).wcs.crval[0] == 150
    assert store.moved < 100_000


def test_a_column_and_some_rows_of_a_table_move_little():
    table = Table({name: np.random.default_rng(1).random(300_000) for name in "abcdef"})
    store, artifact = stored(format_of("parquet").to_bytes(table), ".parquet", "parquet")
    some = read_artifact(
        store, artifact, ReadRequest("astropy.table:Table", None, {"columns": ["c"], "rows": (10, 20)})
    )
    assert np.array_equal(some["c"], table["c"][10:20])
    assert store.moved < 0.1 * artifact.size
    store.moved = 0
    few = read_artifact(
        store, artifact, ReadRequest("astropy.table:Table", None, {"columns": ["a"], "filters": [("a", "<", 0.001)]})
    )
    assert len(few) == np.count_nonzero(table["a"] < 0.001)
    assert store.moved < 0.25 * artifact.size


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bbox": (0, 0, 10, 2000)}, "does not lie in the image"),
        ({"bbox": "all"}, "x_begin"),
        ({"circle": (10, 10, 0.1)}, "does not touch"),
        ({"circle": (150, 2)}, "ICRS degrees"),
        ({"circle": (150, 2, 0.1), "bbox": (0, 0, 1, 1)}, "not with both"),
        ({"box": (0, 0, 1, 1)}, "bbox and circle"),
    ],
)
def test_a_piece_that_is_none_is_one_sentence(parameters, message):
    content = format_of("fits").to_bytes(image(200))
    with pytest.raises(FormatError, match=message):
        format_of("fits").from_bytes(content, ReadRequest("", None, parameters))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kind", ["astropy.wcs:WCS", "astropy.io.fits:Header"])
def test_coordinates_and_cards_are_read_wherever_the_recipe_puts_them(recipe, kind):
    form = format_of(recipe)
    component = {"W": "wcs", "H": "header"}[kind.rpartition(":")[2][0]]
    found = form.from_bytes(form.to_bytes(image(50)), ReadRequest(kind, component))
    if component == "wcs":
        assert list(found.wcs.crpix) == [25, 25]
    else:
        assert (found["OBJECT"], found["CTYPE1"]) == ("M 31", "RA---TAN")


def test_angles_of_astropy_make_a_circle():
    form = format_of("fits")
    data = form.to_bytes(image(50))
    plain, angles = (150.0, 2.0, 0.0005), (150 * units.deg, 120 * units.arcmin, 1.8 * units.arcsec)
    one, two = (
        form.from_bytes(data, ReadRequest("astropy.nddata:CCDData", parameters={"circle": c})) for c in (plain, angles)
    )
    assert np.array_equal(one.data, two.data)


def test_a_box_of_broken_pixels_is_refused():
    form = format_of("fits")
    with pytest.raises(FormatError, match="whole pixels"):
        form.from_bytes(form.to_bytes(image(50)), ReadRequest(parameters={"bbox": (1.5, 2, 3, 4)}))


@pytest.mark.parametrize(
    ("form", "obj", "words"),
    [
        ("ecsv", Table({"a": [1]}), "filters are for tables kept as Parquet"),
        ("fits", Table({"a": [1]}), "filters are for tables kept as Parquet"),
        ("json", {"a": 1}, "read with the parameter keys, not filters"),
    ],
)
def test_a_filter_is_never_passed_over(form, obj, words):
    form = format_of(form)
    with pytest.raises(FormatError, match=words):
        form.from_bytes(form.to_bytes(obj), ReadRequest(parameters={"filters": [("a", ">", 1)]}))


def test_a_filter_of_another_type_is_said_to_be_one():
    form = format_of("parquet")
    with pytest.raises(FormatError, match=r"the filters .* cannot be used"):
        form.from_bytes(form.to_bytes(Table({"a": [1]})), ReadRequest(parameters={"filters": [("a", ">", "x")]}))


def test_an_image_without_coordinates_has_no_circle():
    content = format_of("fits").to_bytes(CCDData(np.zeros((20, 20), "f4"), unit="adu"))
    with pytest.raises(FormatError, match="has no WCS"):
        format_of("fits").from_bytes(content, ReadRequest("", None, {"circle": (1, 2, 3)}))


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)), max_size=30))
def test_joined_ranges_cover_all_that_was_asked_and_waste_at_most_half(pairs):
    ranges = [ByteRange(*pair) for pair in pairs]
    joined = coalesced(ranges)
    wanted = {place for each in ranges for place in range(each.begin, each.end)}
    got = [place for each in joined for place in range(each.begin, each.end)]
    assert wanted <= set(got)
    assert len(got) == len(set(got)) <= 1.5 * len(wanted)
    assert joined == sorted(joined)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)), max_size=30), st.integers(6_000, 10_000_000))
def test_of_what_is_far_away_a_small_share_may_come_along(pairs, size):
    ranges = [ByteRange(*pair) for pair in pairs]
    joined = coalesced(ranges, size)
    wanted = {place for each in ranges for place in range(each.begin, each.end)}
    assert wanted <= {place for each in joined for place in range(each.begin, each.end)}
    assert sum(each.size for each in joined) <= max(1.5 * len(wanted), 0.028 * size)
    assert len(joined) <= len(coalesced(ranges))


@given(st.lists(st.tuples(st.integers(0, 99_999), st.integers(0, 50_000)), max_size=20), st.booleans())
def test_a_ranged_file_reads_like_a_file(reads, with_prefetch):
    content = np.random.default_rng(1).bytes(100_000)
    store, artifact = stored(content)
    file = RangedFile(store, artifact.key, len(content))
    for begin, size in reads:
        if with_prefetch:
            file.prefetch([ByteRange(begin, min(size, len(content) - begin))])
        file.seek(begin)
        assert file.read(size) == content[begin : begin + size]


@pytest.mark.parametrize("form", ["npy", "fits"])
def test_a_large_artifact_that_is_damaged_is_found_wherever_the_damage_is(form, monkeypatch):
    monkeypatch.setattr("bunter.datastore.reading.LARGE", 1000)
    obj = np.arange(250_000.0).reshape(500, 500)
    content = format_of(form).to_bytes(obj)
    store, artifact = stored(content, f".{form}", form)
    kind = ReadRequest("numpy:ndarray")
    assert np.array_equal(read_artifact(store, artifact, kind), obj)
    for place in (5, 3000, len(content) // 2, len(content) - 1):
        broken = bytearray(content)
        broken[place] ^= 4
        store._artifacts[artifact.key] = bytes(broken), 0  # a disk that rots
        with pytest.raises(FileIntegrityError):
            read_artifact(store, artifact, kind)
    store._artifacts[artifact.key] = content[:-100], 0
    with pytest.raises(FileIntegrityError):
        read_artifact(store, artifact, kind)

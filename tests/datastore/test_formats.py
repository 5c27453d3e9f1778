import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty, VarianceUncertainty
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from astropy.wcs import WCS

from bunter.contracts.format import FormatContract
from bunter.datastore.format import format_of
from bunter.datastore.formats.tables import same_tables


def plain_equal(one, two):
    return type(one) is type(two) and repr(one) == repr(two)


class TestJson(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("json")

    @pytest.fixture
    def make(self):
        return lambda: {"a": 1, "b": [1.5, None, True, float("nan"), float("inf")], "ü": {"c": "\x00é\U0001f52d"}}

    @pytest.fixture
    def other(self):
        return {"a": 2}

    @pytest.fixture
    def equal(self):
        return plain_equal


class TestJsonList(TestJson):
    @pytest.fixture
    def make(self):
        return lambda: [1, 2**70, -0.0, "x", {"k": []}]


class TestJsonLines(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("jsonl")

    @pytest.fixture
    def make(self):
        return lambda: [{"level": "INFO", "message": "two\nlines"}, {"level": "DEBUG", "x": [1, 2]}]

    @pytest.fixture
    def other(self):
        return []

    @pytest.fixture
    def equal(self):
        return plain_equal


class TestYaml(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("yaml")

    @pytest.fixture
    def make(self):
        return lambda: {"z": 1, "a": [1.5, None, True, float("nan")], 3: "int key", "text": "a: b\n#c\n", "é": "yes"}

    @pytest.fixture
    def other(self):
        return {"z": 2}

    @pytest.fixture
    def equal(self):
        return plain_equal


class TestText(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("text")

    @pytest.fixture
    def make(self):
        return lambda: "Größe\r\n\x00 \U0001f52d"

    @pytest.fixture
    def other(self):
        return ""

    @pytest.fixture
    def equal(self):
        return plain_equal


class TestBytes(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("bytes")

    @pytest.fixture
    def make(self):
        return lambda: bytes(range(256))

    @pytest.fixture
    def other(self):
        return b""

    @pytest.fixture
    def equal(self):
        return plain_equal


def array_equal(one, two):
    return (
        one.dtype == two.dtype and one.shape == two.shape and np.array_equal(one, two, equal_nan=one.dtype.kind in "fc")
    )


class TestNumpy(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("npy")

    @pytest.fixture
    def make(self):
        return lambda: np.array([[1.5, np.nan], [np.inf, -0.0]], dtype="f4")

    @pytest.fixture
    def other(self):
        return np.zeros((2, 2), "f4")

    @pytest.fixture
    def equal(self):
        return array_equal


class TestPng(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("png")

    @pytest.fixture
    def make(self):
        return lambda: b"\x89PNG\r\n\x1a\nrest"

    @pytest.fixture
    def other(self):
        return b"\x89PNG\r\n\x1a\nother"

    @pytest.fixture
    def equal(self):
        return plain_equal


def table():
    t = Table(meta={"survey": "x", "n": 3, "nested": {"a": [1, 2]}})
    t["id"] = Column(np.arange(4, dtype="i8"), description="number")
    t["flux"] = Column(np.array([1.5, np.nan, 3, 4], "f4"), unit="nJy", format="%.2f")
    t["flag"] = [True, False, True, True]
    t["name"] = ["a", "bcd", "", "é"]
    t["raw"] = np.array([b"x", b"yz", b"", b"w"])
    t["vector"] = np.arange(12, dtype="f8").reshape(4, 3)
    t["matrix"] = np.arange(16, dtype="i2").reshape(4, 2, 2)
    t["masked"] = MaskedColumn([1, 2, 3, 4], mask=[0, 1, 0, 1], dtype="u1", unit="count")
    t["text"] = MaskedColumn(["p", "q", "r", "s"], mask=[0, 0, 1, 0])
    t["z"] = np.array([1 + 2j, 0, 0, 3], "c16")
    return t


class TestParquetAstropy(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("parquet")

    @pytest.fixture
    def make(self):
        return table

    @pytest.fixture
    def other(self):
        return table()[:3]

    @pytest.fixture
    def equal(self):
        return same_table


def same_table(one, two):
    assert type(one) is type(two)
    assert one.colnames == two.colnames
    for name in one.colnames:
        for attribute in ("unit", "description", "format"):
            assert getattr(one[name].info, attribute) == getattr(two[name].info, attribute), (name, attribute)
    assert same_tables(one, two)
    return True


def mixed_table():
    t = QTable({"q": [1.0, 2.0] * u.m, "when": Time(["2026-01-01T00:00:00", "2026-01-02T00:00:00"], scale="tai")})
    t["where"] = SkyCoord([10.0, 20.0], [-5.0, 5.0], unit="deg")
    t["n"] = [1, 2]
    t.meta["when"] = Time("2026-01-01", scale="utc")
    return t


class TestParquetMixins(TestParquetAstropy):
    @pytest.fixture
    def make(self):
        return mixed_table

    @pytest.fixture
    def other(self):
        return mixed_table()[:1]

    @pytest.fixture
    def equal(self):
        def equal(one, two):
            assert type(one) is QTable
            assert (one["q"] == two["q"]).all()
            assert one["q"].unit == u.m
            assert (one["when"] == two["when"]).all()
            assert one["when"].scale == "tai"
            assert (one["where"].ra == two["where"].ra).all()
            assert one.meta["when"] == two.meta["when"]
            return one.colnames == two.colnames

        return equal


class TestParquetEmptyTable(TestParquetAstropy):
    @pytest.fixture
    def make(self):
        return lambda: table()[:0]

    @pytest.fixture
    def other(self):
        return table()


class TestParquetPandas(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("parquet")

    @pytest.fixture
    def python_type(self):
        return "pandas:DataFrame"

    @pytest.fixture
    def make(self):
        import pandas as pd

        index = pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["i", "j"])
        return lambda: pd.DataFrame({"x": [1.5, np.nan, 3], "s": ["a", None, "c"]}, index=index)

    @pytest.fixture
    def other(self):
        import pandas as pd

        return pd.DataFrame({"x": [1.5]})

    @pytest.fixture
    def equal(self):
        return lambda one, two: one.equals(two) and one.index.equals(two.index)


class TestParquetArrow(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("parquet")

    @pytest.fixture
    def python_type(self):
        return "pyarrow:Table"

    @pytest.fixture
    def make(self):
        import pyarrow as pa

        return lambda: pa.table({"x": [1, None], "l": [[1, 2], []]}, metadata={b"k": b"v"})

    @pytest.fixture
    def other(self):
        import pyarrow as pa

        return pa.table({"x": [1, 2]})

    @pytest.fixture
    def equal(self):
        return lambda one, two: one.equals(two, check_metadata=True)


class TestEcsv(TestParquetAstropy):
    @pytest.fixture
    def form(self):
        return format_of("ecsv")

    @pytest.fixture
    def make(self):
        names = ["id", "flux", "flag", "name", "masked"]
        return lambda: table()[names]

    @pytest.fixture
    def other(self):
        return table()[["id"]]


def wcs(**cards):
    w = WCS(naxis=2)
    w.wcs.crpix = [3.25, 2.125]
    w.wcs.crval = [150.12345678901234, -2.2000000000000317]
    w.wcs.cd = [[-7.3e-5, 1.1e-6], [1.3e-6, 7.31e-5]]
    w.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    w.wcs.set()
    return w


def ccd(uncertainty=VarianceUncertainty, mask="bool", dtype="f4"):
    rng = np.random.default_rng(1)
    data = (rng.normal(size=(5, 7)) * 100).astype(dtype)
    if data.dtype.kind == "f":
        data[0, 0] = np.nan
    header = fits.Header()
    header["OBJECT"] = ("M 31", "target")
    header["EXPTIME"] = (30.5, "[s]")
    header["DATE-OBS"] = "2026-01-01T03:04:05.678"
    header["HIERARCH a long keyword"] = 7
    header["LONG"] = "x" * 200
    header["NOTHING"] = None
    header.add_history("made by hand")
    header.add_comment("two words")
    masks = {
        "bool": rng.random((5, 7)) > 0.5,
        "bits": rng.integers(0, 1000, (5, 7)).astype("i4"),
        "unsigned": rng.integers(0, 60000, (5, 7)).astype("u2"),
        None: None,
    }
    errors = None if uncertainty is None else uncertainty(rng.random((5, 7)).astype("f4"))
    return CCDData(data, unit="electron", mask=masks[mask], uncertainty=errors, wcs=wcs(), meta=header)


def same_ccd(one, two):
    assert one.data.dtype == two.data.dtype
    assert one.data.dtype.isnative
    assert np.array_equal(one.data, two.data, equal_nan=True)
    assert one.unit == two.unit
    assert (one.mask is None) == (two.mask is None)
    if one.mask is not None:
        assert one.mask.dtype == two.mask.dtype
        assert (one.mask == two.mask).all()
    assert type(one.uncertainty) is type(two.uncertainty)
    if one.uncertainty is not None:
        assert one.uncertainty.array.dtype == two.uncertainty.array.dtype
        assert (one.uncertainty.array == two.uncertainty.array).all()
        assert one.uncertainty.unit == two.uncertainty.unit
    sky = one.wcs.all_pix2world([[0, 0], [6, 4]], 0)
    assert np.abs(sky - two.wcs.all_pix2world([[0, 0], [6, 4]], 0)).max() < 1e-12  # 4e-9 arc seconds
    for card in two.header.cards:
        if card.keyword not in ("HISTORY", "COMMENT"):
            assert repr(one.header[card.keyword]) == repr(two.header[card.keyword]), card
            assert one.header.comments[card.keyword] == card.comment
    assert list(one.header["HISTORY"]) == list(two.header["HISTORY"])
    return True


IMAGES = {
    "variance": {},
    "standard deviation, bits": {"uncertainty": StdDevUncertainty, "mask": "bits"},
    "inverse variance, unsigned mask": {"uncertainty": InverseVariance, "mask": "unsigned"},
    "data alone, double": {"uncertainty": None, "mask": None, "dtype": "f8"},
    "integers": {"uncertainty": None, "mask": None, "dtype": "i4"},
    "bytes": {"uncertainty": None, "mask": None, "dtype": "i1"},
}


class TestFitsCCDData(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("fits")

    @pytest.fixture(params=list(IMAGES.values()), ids=list(IMAGES))
    def make(self, request):
        return lambda: ccd(**request.param)

    @pytest.fixture
    def other(self):
        return ccd(mask=None)

    @pytest.fixture
    def equal(self):
        return same_ccd


class TestFitsArray(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("fits")

    @pytest.fixture
    def python_type(self):
        return "numpy:ndarray"

    @pytest.fixture(params=["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
    def make(self, request):
        return lambda: np.arange(24).reshape(2, 3, 4).astype(request.param)

    @pytest.fixture
    def other(self):
        return np.zeros((2, 2))

    @pytest.fixture
    def equal(self):
        return array_equal


class TestFitsTable(TestParquetAstropy):
    @pytest.fixture
    def form(self):
        return format_of("fits")

    @pytest.fixture
    def python_type(self):
        return "astropy.table:Table"

    @pytest.fixture
    def make(self):
        def make():
            t = Table({"id": np.arange(3, dtype="i8"), "x": np.array([1.5, 2, 3], "f4")}, meta={"SURVEY": "x"})
            t["x"].unit = "Jy"
            return t

        return make

    @pytest.fixture
    def other(self):
        return Table({"id": [1]})


class TestFitsWcs(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("fits")

    @pytest.fixture
    def python_type(self):
        return "astropy.wcs:WCS"

    @pytest.fixture
    def make(self):
        return wcs

    @pytest.fixture
    def other(self):
        w = WCS(naxis=2)
        w.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        return w

    @pytest.fixture
    def equal(self):
        return lambda one, two: np.allclose(
            one.all_pix2world([[0, 0], [9, 9]], 0), two.all_pix2world([[0, 0], [9, 9]], 0), rtol=0, atol=1e-12
        )

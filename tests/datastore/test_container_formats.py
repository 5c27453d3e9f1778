"""HDF5, Zarr, ASDF, SVG and pickles keep the format contract, and read pieces."""

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import MaskedColumn, Table

from bunter.contracts.format import FormatContract
from bunter.datastore import ReadRequest, format_of, pickles_allowed
from bunter.datastore.formats.tables import same_tables
from bunter.errors import FormatError

CONTAINERS = ["hdf5", "hdf5:gzip", "zarr", "asdf"]
needs = {"hdf5": "h5py", "zarr": "zarr", "asdf": "asdf"}


@pytest.fixture(params=CONTAINERS)
def form(request):
    pytest.importorskip(needs[request.param.partition(":")[0]])
    return format_of(request.param)


def image():
    rng = np.random.default_rng(5)
    header = fits.Header({"OBJECT": "M 31", "EXPTIME": 30.5})
    mask = rng.random((300, 400)) > 0.9
    return CCDData(rng.normal(size=(300, 400)).astype("f4"), unit="electron", mask=mask, meta=header)


def same_image(one, two):
    assert one.data.dtype == two.data.dtype
    assert one.unit == two.unit
    assert (one.mask == two.mask).all()
    assert one.mask.dtype == bool
    assert one.header["OBJECT"] == two.header["OBJECT"]
    return np.array_equal(one.data, two.data)


def table():
    t = Table({"id": [1, 2, 3], "name": ["a", "bé", ""], "raw": [b"x", b"yz", b""]}, meta={"survey": "x"})
    t["flux"] = MaskedColumn([1.5, np.nan, 3], unit="nJy", mask=[True, False, False], description="of the source")
    t["good"] = [True, False, True]
    t["z"] = np.array([1j, 2, 3], "c16")
    return t


def tree():
    return {"a": 1, "b": {"c": np.arange(3.0), "d": [1, "x", None, np.ones((2, 2), "i2")]}, "e": {}}


def same_tree(one, two):
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same_tree(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same_tree, one, two))
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two)
    return one == two and type(one) is type(two)


OBJECTS = {
    "image": ("astropy.nddata:CCDData", image, lambda: image().multiply(2), same_image),
    "array": ("numpy:ndarray", lambda: np.arange(24.0).reshape(2, 3, 4), lambda: np.zeros(3), np.array_equal),
    "table": ("astropy.table:Table", table, lambda: table()[:2], same_tables),
    "tree": ("builtins:dict", tree, lambda: {"a": 2}, same_tree),
}


class TestContainers(FormatContract):
    @pytest.fixture(params=CONTAINERS)
    def form(self, request):
        pytest.importorskip(needs[request.param.partition(":")[0]])
        return format_of(request.param)

    @pytest.fixture(params=list(OBJECTS))
    def kind(self, request):
        return OBJECTS[request.param]

    @pytest.fixture
    def python_type(self, kind):
        return kind[0]

    @pytest.fixture
    def make(self, kind):
        return kind[1]

    @pytest.fixture
    def other(self, kind):
        return kind[2]()

    @pytest.fixture
    def equal(self, kind):
        return kind[3]


class TestSvg(FormatContract):
    @pytest.fixture
    def form(self):
        return format_of("svg")

    @pytest.fixture
    def make(self):
        return lambda: b"<svg xmlns='http://www.w3.org/2000/svg'></svg>"

    @pytest.fixture
    def other(self):
        return b"<svg><g/></svg>"

    @pytest.fixture
    def equal(self):
        return lambda one, two: one == two


def test_equal_figures_are_equal_svg():
    figure = pytest.importorskip("matplotlib.figure")

    def drawn():
        plot = figure.Figure()
        plot.add_subplot().plot([1, 2, 3])
        return format_of("svg").to_bytes(plot)

    assert drawn() == drawn()
    assert format_of("svg").from_bytes(drawn(), ReadRequest()) == drawn()


class TestPickle(FormatContract):
    @pytest.fixture(autouse=True)
    def allowed(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        with pickles_allowed():
            yield

    @pytest.fixture
    def form(self):
        return format_of("pickle")

    @pytest.fixture
    def make(self):
        return lambda: {1, 2, 3}

    @pytest.fixture
    def other(self):
        return {1, 2}

    @pytest.fixture
    def equal(self):
        return lambda one, two: one == two

    def test_objects_of_other_kinds_are_refused(self, form):
        with pytest.raises(FormatError, match="cannot be pickled"):
            form.to_bytes(lambda: None)


def test_a_pickle_is_not_read_or_written_by_who_has_not_asked_for_it():
    with pytest.raises(FormatError, match="pickles_allowed"):
        format_of("pickle").to_bytes({1})
    with pytest.raises(FormatError, match="pickles_allowed"):
        format_of("pickle").from_bytes(b"", ReadRequest())


def test_a_pickle_of_somebody_else_is_never_read(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("code ran",)

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "stranger"))
    with pickles_allowed():
        theirs = format_of("pickle").to_bytes(Trap())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "me"))
    with pickles_allowed(), pytest.raises(FormatError, match="somebody else"):
        format_of("pickle").from_bytes(theirs, ReadRequest())
    assert (tmp_path / "me" / "bunter" / "pickle.key").stat().st_mode & 0o077 == 0


def test_a_box_of_an_image_comes_with_its_mask(form):
    whole = image()
    cut = form.from_bytes(
        form.to_bytes(whole), ReadRequest("astropy.nddata:CCDData", None, {"bbox": (250, 10, 300, 40)})
    )
    assert np.array_equal(cut.data, whole.data[10:40, 250:300])
    assert np.array_equal(cut.mask, whole.mask[10:40, 250:300])


def test_a_part_of_a_tree_and_columns_of_a_table_are_read(form):
    data = form.to_bytes(tree())
    assert same_tree(form.from_bytes(data, ReadRequest(component="b")), tree()["b"])
    assert form.from_bytes(data, ReadRequest(parameters={"keys": ["a"]})) == {"a": 1}
    some = form.from_bytes(form.to_bytes(table()), ReadRequest(parameters={"columns": ["flux"], "rows": (1, 3)}))
    assert some.colnames == ["flux"]
    assert some["flux"].unit == "nJy"
    assert len(some) == 2


def test_the_difference_names_what_differs(form):
    one, two = image(), image()
    two.data[3, 4] += 2
    assert "1 of 120000 values of image differ, first at (3, 4)" in form.difference(
        form.to_bytes(one), form.to_bytes(two)
    )


def test_files_of_others_are_dicts_of_arrays():
    h5py = pytest.importorskip("h5py")
    out = io.BytesIO()
    with h5py.File(out, "w") as target:
        target["group/x"] = np.arange(3)
        target["names"] = ["a", "bc"]
    found = format_of("hdf5").from_bytes(out.getvalue(), ReadRequest())
    assert found["group"]["x"].tolist() == [0, 1, 2]
    assert found["names"].tolist() == ["a", "bc"]


def test_recipes_are_named_and_checked():
    with pytest.raises(FormatError, match="gzip"):
        format_of("hdf5:gzipp")
    with pytest.raises(FormatError, match="lossless"):
        format_of("fits:losless")
    with pytest.raises(FormatError, match="tile"):
        format_of("fits:lossy,tile=3")
    with pytest.raises(FormatError, match="no recipes"):
        format_of("json:small")

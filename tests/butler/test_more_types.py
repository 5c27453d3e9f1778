"""FITS files as they are, polars tables, trees of arrays, and arrays that are larger than what is free beside them."""

import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table

from bunter import Butler
from bunter.errors import FormatError


@pytest.fixture
def butler(tmp_path):
    with Butler.create(tmp_path / "repo") as opened:
        opened.collections.register("run")
        yield opened


def test_a_fits_file_keeps_all_its_hdus_and_gives_each_by_its_name(butler):
    butler.dataset_types.register("frame", [], "FitsFile")
    hdus = [fits.PrimaryHDU(header=fits.Header({"OBJECT": "M 31"}))]
    hdus += [fits.ImageHDU(np.full((5, 6), i, "i2"), name=f"CCD{i}") for i in (1, 2)]
    hdus += [fits.table_to_hdu(Table({"x": [1, 2]}))]
    hdus[-1].name = "STARS"
    ref = butler.put(fits.HDUList(hdus), "frame", run="run")
    found = butler.get(ref)
    assert [hdu.name for hdu in found] == ["PRIMARY", "CCD1", "CCD2", "STARS"]
    assert (found["CCD2"].data == 2).all()
    assert list(found["STARS"].data["x"]) == [1, 2]
    assert butler.put(fits.HDUList(hdus), "frame", run="run") == ref


def test_polars_tables_go_in_and_come_out_as_tables_of_any_library(butler):
    pl = pytest.importorskip("polars")
    butler.dataset_types.register("stars", [], "PolarsTable")
    frame = pl.DataFrame({"x": [1, 2, None], "name": ["a", "b", "c"]})
    ref = butler.put(frame, "stars", run="run")
    assert butler.get(ref).equals(frame)
    assert butler.get(ref, storage_class="AstropyTable").colnames == ["x", "name"]
    assert butler.get(ref, storage_class="ArrowTable").num_rows == 3
    assert butler.get("stars", collections="run", parameters={"columns": ["x"]}).columns == ["x"]


def test_a_tree_of_arrays_is_kept(butler):
    pytest.importorskip("h5py")
    butler.dataset_types.register("tree", [], "ArrayTree")
    ref = butler.put({"spectrum": {"flux": np.arange(4.0), "unit": "Jy"}, "order": 3}, "tree", run="run")
    found = butler.get(ref)
    assert found["order"] == 3
    assert found["spectrum"]["flux"].tolist() == [0, 1, 2, 3]


def test_a_tree_of_something_else_is_refused(butler):
    pytest.importorskip("h5py")
    butler.dataset_types.register("tree", [], "ArrayTree")
    with pytest.raises(FormatError, match=r"a/0 is a set; give plain values"):
        butler.put({"a": [{1, 2}]}, "tree", run="run")


def measured(act):
    """What an act returns, and the most memory it had at a time, in bytes beyond what there was before."""
    tracemalloc.start()
    try:
        found = act()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def put_and_get(butler, megabytes, storage_class):
    side = int((megabytes * 1e6 / 4) ** 0.5)
    array = np.arange(side * side, dtype="f4").reshape(side, side)
    obj = array if storage_class == "NumpyArray" else CCDData(array, unit="adu")
    butler.dataset_types.register("big", [], storage_class)
    ref, for_put = measured(lambda: butler.put(obj, "big", run="run"))
    found, for_get = measured(lambda: butler.get(ref))
    assert np.array_equal(found if storage_class == "NumpyArray" else found.data, array)
    return for_put, for_get - array.nbytes


@pytest.mark.parametrize("storage_class", ["NumpyArray", "CCDData"])
def test_an_array_is_put_and_read_without_a_second_one_in_memory(butler, storage_class):
    for_put, for_get = put_and_get(butler, 200, storage_class)
    assert for_put < 60e6
    assert for_get < 100e6


@pytest.mark.soak
@pytest.mark.parametrize("storage_class", ["NumpyArray", "CCDData"])
def test_an_array_of_2_gb_needs_at_most_300_mb_beside_it(butler, storage_class):
    for_put, for_get = put_and_get(butler, 2000, storage_class)
    assert for_put < 300e6
    assert for_get < 300e6

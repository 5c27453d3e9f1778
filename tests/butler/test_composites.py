"""Composites kept with one artifact per component, and conflicts that say what differs."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import Table
from astropy.wcs import WCS

from bunter import Butler
from bunter.errors import ConflictingDatasetError

CONFIG = "datastore: {composites: {calexp: true}, formats: {calexp.image: fits}}"


@pytest.fixture
def butler(tmp_path):
    Butler.create(tmp_path / "repo").close()
    with (tmp_path / "repo" / "bunter.yaml").open("a") as file:
        file.write(CONFIG)
    with Butler(tmp_path / "repo", writeable=True) as opened:
        opened.collections.register("run")
        opened.dataset_types.register("calexp", [], "CCDData")
        opened.dataset_types.register("whole", [], "CCDData")
        opened.dataset_types.register("numbers", [], "StructuredDataDict")
        opened.dataset_types.register("sources", [], "AstropyTable")
        yield opened


def image(seed=1):
    rng = np.random.default_rng(seed)
    w = WCS(naxis=2)
    w.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    w.wcs.crpix, w.wcs.crval, w.wcs.cdelt = [30, 20], [150, 2], [-1e-4, 1e-4]
    return CCDData(
        rng.normal(size=(40, 60)).astype("f4"),
        unit="electron",
        mask=rng.random((40, 60)) > 0.9,
        uncertainty=StdDevUncertainty(rng.random((40, 60)).astype("f4")),
        wcs=w,
        meta=fits.Header({"OBJECT": "M 31"}),
    )


def test_an_image_is_kept_in_pieces_and_put_together(butler):
    ref = butler.put(image(), "calexp", run="run")
    files = {item.component: item.format for item in butler.locate([ref.id.bytes])[0]}
    assert files == {"image": "fits", "mask": "npy", "uncertainty": "fits", "header": "fits"}
    found, expected = butler.get(ref), image()
    assert np.array_equal(found.data, expected.data)
    assert np.array_equal(found.mask, expected.mask)
    assert np.array_equal(found.uncertainty.array, expected.uncertainty.array)
    assert type(found.uncertainty) is StdDevUncertainty
    assert found.unit == "electron"
    assert found.header["OBJECT"] == "M 31"
    assert "BUNIT" not in found.header
    assert np.allclose(found.wcs.wcs.crval, [150, 2])


def test_a_component_needs_only_its_own_file(butler, tmp_path):
    ref = butler.put(image(), "calexp", run="run")
    for item in butler.locate([ref.id.bytes])[0]:
        if item.component != "mask":
            (tmp_path / "repo" / "data" / item.key).unlink()
    assert np.array_equal(butler.get("calexp.mask", collections="run"), image().mask)


@pytest.mark.parametrize("component", ["image", "mask", "variance", "wcs", "header", "unit", "shape"])
def test_components_are_those_of_an_image_in_one_file(butler, component):
    butler.put(image(), "calexp", run="run")
    butler.put(image(), "whole", run="run")
    one, two = (butler.get(f"{name}.{component}", collections="run") for name in ("calexp", "whole"))
    assert type(one) is type(two)
    assert repr(one) == repr(two)


def test_a_box_is_cut_out_of_all_pieces(butler):
    butler.put(image(), "calexp", run="run")
    cut = butler.get("calexp", collections="run", parameters={"bbox": (10, 5, 30, 15)})
    expected = image()
    assert np.array_equal(cut.data, expected.data[5:15, 10:30])
    assert np.array_equal(cut.mask, expected.mask[5:15, 10:30])
    assert cut.header["CRPIX1"] == 20
    again = butler.get("calexp", collections="run", parameters={"circle": (150, 2, 5e-4)})
    assert again.data.shape == (11, 11)


def test_the_same_image_again_is_no_conflict_and_another_one_says_which_component(butler):
    ref = butler.put(image(), "calexp", run="run")
    assert butler.put(image(), "calexp", run="run") == ref
    other = image()
    other.data[3, 4] += 1
    with pytest.raises(
        ConflictingDatasetError, match=r"image: HDU PRIMARY: 1 of 2400 pixels differ, first at \(3, 4\)"
    ):
        butler.put(other, "calexp", run="run")


def test_pieces_are_read_within_the_transaction_that_puts_them(butler):
    with butler.transaction():
        ref = butler.put(image(), "calexp", run="run")
        assert np.array_equal(butler.get(ref).data, image().data)
    assert np.array_equal(butler.get(ref).mask, image().mask)


def test_removing_it_removes_all_pieces(butler, tmp_path):
    ref = butler.put(image(), "calexp", run="run")
    butler.remove_datasets([ref])
    assert not [
        path for path in (tmp_path / "repo" / "data").rglob("*") if path.is_file() and ".stage" not in path.parts
    ]


def test_a_conflict_tells_cards_items_and_rows(butler):
    butler.put({"a": 1, "b": [1, 2]}, "numbers", run="run")
    with pytest.raises(ConflictingDatasetError, match=r"other content: 1 item differs \(b\[1\]: 2 and 3\)"):
        butler.put({"a": 1, "b": [1, 3]}, "numbers", run="run")
    butler.put(Table({"x": [1.0, 2.0]}), "sources", run="run")
    with pytest.raises(ConflictingDatasetError, match=r"1 of 2 rows of column x differ, first at 1: 2.0 and 5.0"):
        butler.put(Table({"x": [1.0, 5.0]}), "sources", run="run")
    butler.put(image(), "whole", run="run")
    other = image()
    other.header["OBJECT"] = "M 33"
    with pytest.raises(ConflictingDatasetError, match=r"1 header card differs \(OBJECT: 'M 31' and 'M 33'\)"):
        butler.put(other, "whole", run="run")


def test_it_is_exported_and_imported_in_pieces(butler, tmp_path):
    ref = butler.put(image(), "calexp", run="run")
    butler.export(tmp_path / "export", refs=[ref])
    Butler.create(tmp_path / "other").close()
    with Butler(tmp_path / "other", writeable=True) as other:
        other.import_(tmp_path / "export")
        assert len(other.locate([ref.id.bytes])[0]) == 4
        assert np.array_equal(other.get(ref).mask, image().mask)
        assert np.array_equal(other.get("calexp.image", collections="run"), image().data)

"""What a user hands over by mistake is answered by a sentence that says what to hand over."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bunter import Butler
from bunter.butler.transfers.syncing import synchronise
from bunter.errors import (
    ConfigurationError,
    ConflictingDatasetError,
    DimensionValueError,
    FormatError,
    MissingDatasetTypeError,
    StorageClassError,
)


@pytest.fixture
def butler(tmp_path):
    with Butler.create(tmp_path / "repo") as made:
        made.collections.register("run")
        made.dimension_records.insert("instrument", {"name": "Toy"})
        for name, storage in (("text", "Text"), ("frame", "DataFrame"), ("array", "NumpyArray")):
            made.dataset_types.register(name, ["instrument"], storage)
    with Butler(tmp_path / "repo", run="run", instrument="Toy") as opened:
        yield opened


def test_a_data_id_that_is_no_mapping(butler):
    with pytest.raises(DimensionValueError, match="a data ID is a mapping"):
        butler.get("text", 3)


def test_a_table_of_polars_where_one_of_pandas_is_kept_is_converted_both_ways(butler):
    butler.put(pl.DataFrame({"a": [1, 2]}), "frame")
    assert isinstance(butler.get("frame"), pd.DataFrame)
    assert butler.get("frame", storage_class="PolarsTable").equals(pl.DataFrame({"a": [1, 2]}))


def test_an_object_of_another_type_is_told_with_what_would_do(butler):
    with pytest.raises(StorageClassError, match=r"NumpyArray holds numpy.ndarray, and list cannot.*storage class that"):
        butler.put([1, 2], "array")
    with pytest.raises(StorageClassError, match=r"what can: pyarrow.Table, .*astropy.table.Table"):
        butler.put(np.zeros(3), "frame")


def test_texts_that_differ_are_told_line_by_line(butler):
    butler.put("one\ntwo\n", "text")
    with pytest.raises(ConflictingDatasetError, match=r"line 2: two and three; use another run"):
        butler.put("one\nthree\n", "text")
    with pytest.raises(ConflictingDatasetError, match=r"line 3: nothing and four; 2 lines and 3"):
        butler.put("one\ntwo\nfour", "text")
    with pytest.raises(ConflictingDatasetError, match="the ends of lines differ"):
        butler.put("one\ntwo", "text")


def test_a_time_that_both_tables_lack_is_no_difference(butler):
    times = pd.to_datetime(["2026-01-01", None])
    butler.put(pd.DataFrame({"a": [1, 2], "t": times}), "frame")
    with pytest.raises(ConflictingDatasetError, match="column a differ") as told:
        butler.put(pd.DataFrame({"a": [1, 3], "t": times}), "frame")
    assert "column t" not in str(told.value)


@pytest.mark.parametrize(
    ("filters", "said"), [([("fluxx", ">", 1)], "no column fluxx; it has a"), ("a > 1", r"a list of conditions")]
)
def test_filters_that_cannot_be_are_told(butler, filters, said):
    butler.put(pd.DataFrame({"a": [1, 2]}), "frame")
    with pytest.raises(FormatError, match=said):
        butler.get("frame", parameters={"filters": filters})


def test_what_is_brought_elsewhere_is_named_rightly(butler, tmp_path):
    with pytest.raises(ConfigurationError, match="an open repository"):
        butler.transfer_from("elsewhere", [])
    with pytest.raises(MissingDatasetTypeError, match="given as refs"):
        butler.transfer_from(butler, "text")
    with pytest.raises(ConfigurationError, match="are one repository"):
        butler.transfer_from(butler, [])
    with pytest.raises(ConfigurationError, match="are one repository"):
        synchronise(butler, butler)
    butler.put("one", "text")
    with pytest.raises(MissingDatasetTypeError, match="refs="):
        butler.export(tmp_path / "out", butler.query_datasets("text"))

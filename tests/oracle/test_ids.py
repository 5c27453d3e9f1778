"""Ids that are derived from what a dataset is are those of the reference system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

theirs = pytest.importorskip(
    "lsst.daf.butler", reason="the reference system is not installed; `make oracle` installs it"
)

from bunter.dataset import DatasetType
from bunter.dataset.id_mode import dataset_ids
from bunter.dimensions import DataCoordinate, Universe

pytestmark = pytest.mark.oracle

GROUPS = [("instrument", "exposure", "detector"), ("tract", "patch", "band", "skymap"), ("htm7", "visit"), ()]
OURS, THEIRS = Universe.default(), theirs.DimensionUniverse()
MODES = {
    "dataid_type": theirs.DatasetIdGenEnum.DATAID_TYPE,
    "dataid_type_run": theirs.DatasetIdGenEnum.DATAID_TYPE_RUN,
}


@given(
    names=st.sampled_from(GROUPS),
    mode=st.sampled_from(sorted(MODES)),
    type_name=st.from_regex(r"[a-zA-Z_]\w{0,20}", fullmatch=True).filter(str.isascii),
    run=st.from_regex(r"[a-z0-9][\w+.-]{0,8}(/[a-z0-9][\w+.-]{0,8}){0,2}", fullmatch=True).filter(str.isascii),
    numbers=st.lists(st.integers(0, 2**40), min_size=4, max_size=4),
    text=st.text("abcXYZ019_-~ ", min_size=1, max_size=8),
)
def test_derived_ids_are_those_of_the_reference_system(  # noqa: PLR0917 - what is drawn
    names, mode, type_name, run, numbers, text
):
    group = OURS.conform(names)
    values = {
        name: number if OURS.key_column(name).kind == "int" else text
        for name, number in zip(group.required, numbers, strict=False)
    }
    kind = DatasetType(type_name, group, "StructuredDataDict")
    (ours,) = dataset_ids(kind, [DataCoordinate.standardize(values, group=group)], run, mode)
    other = theirs.DatasetType(type_name, THEIRS.conform(names), "StructuredDataDict")
    data_id = theirs.DataCoordinate.standardize(values, dimensions=THEIRS.conform(names))
    assert ours == theirs.DatasetIdFactory().makeDatasetId(run, other, data_id, MODES[mode])

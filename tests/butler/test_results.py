"""Results ask the repository no more often than they must."""

from __future__ import annotations

import uuid

import pytest

from bunter import Butler
from bunter.dataset import DatasetType
from bunter.errors import DimensionValueError, InvalidQueryError


@pytest.fixture
def butler():
    with Butler.create(f"memory://{uuid.uuid4()}") as butler:
        butler.dimension_records.insert("instrument", {"name": "Cam"})
        numbers = range(5)
        butler.dimension_records.insert(
            "detector", [{"instrument": "Cam", "id": n, "full_name": str(n)} for n in numbers]
        )
        butler.dataset_types.register(DatasetType("thing", butler.universe.conform(["detector"]), "StructuredDataDict"))
        butler.collections.register("run")
        for n in numbers:
            butler.put({}, "thing", instrument="Cam", detector=n, run="run")
        yield butler


def statements(butler, act):
    database = butler.repository._database
    before = database.statements
    act()
    return database.statements - before


def test_a_list_of_results_asks_as_often_as_a_loop(butler):
    results = butler.query_datasets("thing", "run")
    assert len(list(results)) == 5
    assert statements(butler, lambda: list(results)) == statements(butler, lambda: [one.id for one in results])


def test_the_length_is_counted_anew_once_the_rows_are_taken(butler):
    results = butler.query_datasets("thing", "run")
    assert len(results) == len(list(results)) == 5
    butler.remove_datasets(list(results.limit(1)))
    assert len(results) == len(list(results)) == 4
    waiting = iter(results)
    assert len(results) == 4
    assert len(list(waiting)) == 4
    assert list(butler.query_datasets("thing", "run", detector=99)) == []


def test_a_data_id_asked_again_with_other_values_has_its_own_answer(butler):
    def asked(**data_id):
        return [ref.data_id["detector"] for ref in butler.query_datasets("thing", "run", **data_id)]

    for detector in range(5):
        assert asked(instrument="Cam", detector=detector) == asked(detector=detector) == [detector]
    assert asked(instrument="Other", detector=1) == asked(detector=7) == []
    assert sorted(asked(detector=[1, 2])) == [1, 2]
    assert [asked(detector=1), asked(detector=2)] == [[1], [2]]
    butler.dimension_records.insert("instrument", {"name": "Other"})
    with pytest.raises(InvalidQueryError, match="instrument"):  # no longer the only one
        asked(detector=1)
    assert asked(instrument="Cam", detector=1) == [1]


def test_a_value_that_fits_no_key_is_refused_also_after_one_that_does(butler):
    assert len(list(butler.query_datasets("thing", "run", detector=1))) == 1
    for wrong in ("one", 1.5, 2**70):
        try:
            rows = list(butler.query_datasets("thing", "run", detector=wrong))
        except (DimensionValueError, InvalidQueryError):
            rows = []
        assert rows == []

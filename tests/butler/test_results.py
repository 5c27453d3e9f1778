"""Results ask the repository no more often than they must."""

from __future__ import annotations

import uuid

import pytest

from bunter import Butler
from bunter.dataset import DatasetType


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

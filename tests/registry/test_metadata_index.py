"""Questions about indexed cards and metadata read few rows, and the statement says so."""

from __future__ import annotations

import uuid

import pytest

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions
from bunter.registry.stream import ResultStream

COUNT = 3000


@pytest.fixture(scope="module")
def butler():
    with Butler.create(f"memory://{uuid.uuid4()}") as butler:
        fill_dimensions(butler, exposures=COUNT // 3)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        ids = [{"instrument": "Cam", "exposure": n // 3, "detector": n % 3} for n in range(COUNT)]
        metadata = [{"n": n, "name": f"object {n}", "other": n} for n in range(COUNT)]
        butler.put_many([{"n": n} for n in range(COUNT)], "thing", ids, run="run1", metadata=metadata)
        for key in ("n", "name"):
            butler.index_metadata(f"thing.metadata.{key}")
        yield butler


def plan(butler, where):
    """Lines of the database's plan, and the rows found."""
    results = butler.query_datasets("thing", where=where)
    stream = results._queries.stream(results.question)
    assert isinstance(stream, ResultStream)
    with stream._snapshot() as (connection, catalog):
        statement = stream._statement(connection, catalog)
        lines = connection.fetchall(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)
    return [line[-1] for line in lines], results.count()


@pytest.mark.parametrize(
    ("where", "index", "count"),
    [
        ("thing.metadata.n < 10", "metadata_value_number", 10),
        ("thing.metadata.n = 10", "metadata_value_number", 1),
        ("2998 <= thing.metadata.n", "metadata_value_number", 2),
        ("thing.metadata.n IN (1, 2, 3)", "metadata_value_number", 3),
        ("thing.metadata.name = 'object 7' AND detector = 1", "metadata_value_text", 1),
    ],
)
def test_an_index_leads_to_the_datasets(butler, where, index, count):
    lines, found = plan(butler, where)
    assert found == count
    first = next(line for line in lines if line.startswith(("SEARCH", "SCAN")))
    assert index in first, lines
    assert not [line for line in lines if line.startswith("SCAN")], lines
    assert any("_id (id=?" in line for line in lines), lines


def test_without_an_index_every_dataset_of_the_run_is_looked_at(butler):
    lines, found = plan(butler, "thing.metadata.other < 10")
    assert found == 10
    assert not [line for line in lines if "metadata_value" in line]


def test_what_an_index_cannot_answer_is_answered_without(butler):
    for where, count in (
        ("thing.metadata.n != 5", COUNT - 1),
        ("NOT thing.metadata.n = 5", COUNT - 1),
        ("thing.metadata.n = 5 OR thing.metadata.n = 6", 2),
        ("thing.metadata.n = 5 OR detector = 0", COUNT // 3 + 1),
        ("thing.metadata.n + 1 = 6", 1),
        ("thing.metadata.n = 'x'", 0),
    ):
        assert plan(butler, where)[1] == count, where

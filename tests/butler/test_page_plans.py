"""Pages in the order of an index begin where the index says, in either direction, and sort no more than what is equal."""

import pytest

from bunter import Butler
from bunter.contracts.queries import fill_survey
from bunter.database.connection import Connection


@pytest.fixture(scope="module")
def butler():
    with Butler.create("memory://page-plans") as empty:
        fill_survey(empty)
        yield empty


@pytest.mark.parametrize("order", [("-visit",), ("-visit", "-detector"), ("visit",), ()])
def test_pages_in_the_order_of_keys_sort_only_what_is_equal(butler, monkeypatch, order):
    asked = []
    execute = Connection.execute

    def watched(self, sql, parameters=()):
        asked.append((self, sql, parameters))
        return execute(self, sql, parameters)

    monkeypatch.setattr(Connection, "execute", watched)
    images = butler.query_datasets("image", "A", instrument="Cam", order_by=order)
    images.page(3, images.page(3).token)
    pages = [each for each in asked if each[1].endswith("LIMIT 4 OFFSET 0")]
    assert len(pages) == 2
    for place, (connection, sql, parameters) in enumerate(pages):
        plan = [row[-1] for row in execute(connection, f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()]
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan
        assert not place or any(">" in step or "<" in step for step in plan), plan

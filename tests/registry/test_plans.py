"""What databases do for pages and for tables of data IDs: begin at the right place of an index, and read no more than asked."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bunter.registry.catalog import BunterCatalog
from bunter.registry.spatial import settle
from bunter.registry.translate import translate

_spec = importlib.util.spec_from_file_location("survey", Path(__file__).with_name("survey.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture(scope="module")
def here():
    return _module.Survey(0)


def plan(here, query):
    with here.database.read(snapshot=True) as connection:
        catalog = BunterCatalog(here.registry.roster(connection), connection)
        statement = translate(query, catalog, settle(connection, query, catalog))
        return [row[-1] for row in connection.fetchall(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)]


@pytest.mark.parametrize("collections", [("r0",), ("r2", "r0", "r1")])
def test_a_page_begins_at_its_place_of_the_index(here, collections):
    search = (("raw", collections),)
    order = ["instrument", "exposure", "detector"]
    page = here.query("datasets", "raw", None, search, order_by=order, limit=2, keyed=True, after=["A", 1, 0])
    steps = plan(here, page)
    assert any("(instrument,exposure,detector)>(?,?,?)" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or "SCAN" in step for step in steps), steps


def test_data_ids_that_are_given_are_read_first(here):
    table = {"exposure": [0, 1], "detector": [0, 0]}
    for collections in (("r0",), ("r2", "r0", "r1")):
        steps = plan(here, here.query("datasets", "raw", None, (("raw", collections),), data_id_table=table))
        assert "SCAN given" in steps, steps
        looked_up = [step for step in steps if "PRIMARY KEY (type=? AND run=?" in step]
        assert looked_up, steps
        assert all("exposure=? AND detector=?" in step for step in looked_up), steps

"""What PostgreSQL does for selective questions, before it has gathered statistics and after."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from again_on_postgres import OnServer
from bunter.registry.catalog import BunterCatalog
from bunter.registry.spatial import settle
from bunter.registry.translate import translate

_spec = importlib.util.spec_from_file_location("survey_on_server", Path(__file__).with_name("survey.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
_module.Database = OnServer


@pytest.fixture(scope="module", params=["without statistics", "with statistics"])
def here(request, postgres_server):
    OnServer.server = postgres_server
    survey = _module.Survey(0)
    with survey.database.read() as connection:
        tables = [shape.name for shape in connection.tables()]
    if request.param == "with statistics":
        with survey.database.write() as tx:
            tx.analyze(tables)
    return survey


def plan(here, query):
    """Return the steps of a plan in which tables are read whole only where no index would do: these here are tiny."""
    with here.database.read(snapshot=True) as connection:
        catalog = BunterCatalog(here.registry.roster(connection), connection)
        statement = translate(query, catalog, settle(connection, query, catalog))
        connection.execute("SET LOCAL enable_seqscan = off")
        text = re.sub(r"\s+", " ", statement.text)
        return [row[0].strip() for row in connection.fetchall(f"EXPLAIN {text}", statement.parameters)]


def conditions(steps):
    """Return what each index of a table of datasets is entered with."""
    found = []
    for place, step in enumerate(steps):
        if "Scan" in step and re.search(r"\bdataset_\d+", step):
            below = next((each for each in steps[place + 1 :] if each.startswith("Index Cond") or "Scan" in each), "")
            found.append(below)
    return found


@pytest.mark.parametrize("collections", [("r0",), ("r2", "r0", "r1")])
@pytest.mark.parametrize("where", ["exposure = 2 AND detector = 1", "exposure >= 1 AND exposure < 3"])
def test_datasets_are_found_by_their_keys(here, collections, where):
    steps = plan(here, here.query("datasets", "raw", f"instrument = 'A' AND {where}", (("raw", collections),)))
    assert not any("Seq Scan" in step for step in steps), steps
    assert conditions(steps), steps
    assert all("exposure" in each for each in conditions(steps)), steps


def test_a_night_is_found_by_its_index(here):
    steps = plan(here, here.query("records", "exposure", "instrument = 'A' AND day_obs = 20260102"))
    assert any("record_exposure_day_obs" in step for step in steps), steps


def test_one_run_is_counted_beside_others(here):
    steps = plan(here, here.query("datasets", "raw", None, (("raw", ("r0",)),)))
    assert not any("Seq Scan" in step for step in steps), steps
    assert all("run" in each for each in conditions(steps)), steps

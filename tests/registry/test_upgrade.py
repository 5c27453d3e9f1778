"""Repositories of older formats are brought up, and a process that dies in between leaves them old or new."""

import json
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from bunter import Butler
from bunter.butler.formats import STEPS
from bunter.butler.upgrading import upgrade_history, upgrade_repository
from bunter.database.connection import Connection
from bunter.errors import ReadOnlyError, UpgradeNeededError
from bunter.geometry import Region
from bunter.registry.living_universe import FORMAT
from killing import in_child

DUMP = Path(__file__).with_name("format-1.sql")
FIBRES = {
    "extends": "repository",
    "elements": {
        "fibre": {"requires": ["instrument"], "keys": [{"name": "id", "type": "int"}]},
        "exposure": {"metadata": [{"name": "seeing", "type": "float"}], "implies": ["campaign"]},
        "campaign": {"keys": [{"name": "name", "type": "string"}]},
    },
}
FILL = {"exposure.campaign": "deep"}


@pytest.fixture
def old(tmp_path):
    """Return a repository of format 1."""
    root = tmp_path / "old"
    root.mkdir()
    (root / "bunter.yaml").write_text("format: 1\n")
    with sqlite3.connect(root / "registry.sqlite3") as connection:
        connection.executescript(DUMP.read_text())
        rows = connection.execute(
            "SELECT d.path, a.name FROM artifact a JOIN artifact_directory d ON d.id = a.directory ORDER BY a.id"
        )
        for number, (directory, name) in enumerate(rows):
            (root / "data" / directory).mkdir(parents=True, exist_ok=True)
            (root / "data" / directory / name).write_text(json.dumps({"e": number}))
    connection.close()
    return root


def schema(root):
    """Return the columns of all tables, and the indexes and views."""
    connection = sqlite3.connect(root / "registry.sqlite3")
    names = connection.execute(
        "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex%'"
    ).fetchall()
    tables = {
        name: sorted(column[1:4] for column in connection.execute(f"PRAGMA table_info({name})"))
        for kind, name in names
        if kind == "table"
    }
    connection.close()
    return (
        tables,
        sorted(name for kind, name in names if kind == "index"),
        sorted(name for kind, name in names if kind == "view"),
    )


def test_the_last_step_leads_to_the_format_of_this_code():
    assert STEPS[-1].number == FORMAT
    assert [step.number for step in STEPS] == list(range(2, FORMAT + 1))


def test_an_old_repository_says_what_brings_it_up(old):
    with pytest.raises(UpgradeNeededError, match=r"format 1.*bunter upgrade"):
        Butler(old)
    assert upgrade_repository(old, dry_run=True).formats
    with pytest.raises(UpgradeNeededError, match="format 1"):
        Butler(old, writeable=False)


def test_an_upgraded_repository_has_all_that_a_new_one_has(old, tmp_path):
    before = {path: path.read_bytes() for path in (old / "data").rglob("*.json")}
    assert upgrade_repository(old)
    with Butler.create(tmp_path / "new") as new:
        for name, dimensions in (("thing", ["exposure", "detector"]), ("bias", ["detector"])):
            new.dataset_types.register(name, dimensions, "StructuredDataDict", is_calibration=name == "bias")
    assert schema(old) == schema(tmp_path / "new")
    with Butler(old, writeable=True) as butler:
        assert [butler.get(ref) for ref in butler.query_datasets("thing", "run1").order_by("exposure")] == [
            {"e": 0},
            {"e": 1},
        ]
        assert butler.check(deep=True).is_clean
        butler.put({"e": 2}, "thing", instrument="Cam", exposure=2, detector=0, run="run1")
        assert butler.remove_runs("run1") == 3
        assert upgrade_history(butler.repository).column("kind").to_pylist() == ["format"] * len(STEPS)
    assert all(path.read_bytes() == content for path, content in before.items() if path.exists())
    assert not upgrade_repository(old)


def test_a_repository_of_format_2_gets_a_cell_for_each_region(tmp_path):
    root = tmp_path / "repo"
    with Butler.create(root) as butler:
        butler.dimension_records.insert("skymap", {"name": "s", "hash": b"1" * 20})
        regions = [Region.box(10 * n, 2 * n, 1, 1) for n in range(9)] + [None]
        tracts = [{"skymap": "s", "id": n, "region": region} for n, region in enumerate(regions)]
        butler.dimension_records.insert("tract", tracts)
        new = schema(root)
    with sqlite3.connect(root / "registry.sqlite3") as connection:
        tables = [name for name in new[0] if any(column[0] == "sky_cell" for column in new[0][name])]
        cells = connection.execute("SELECT tract, sky_cell FROM record_tract").fetchall()
        for table in tables:
            connection.execute(f"DROP INDEX {table}_sky_cell")
            connection.execute(f"ALTER TABLE {table} DROP COLUMN sky_cell")
    connection.close()
    set_attributes(root, version=2, oldest_reader=2, oldest_writer=2)
    with pytest.raises(UpgradeNeededError, match="format 2"):
        Butler(root)
    assert upgrade_repository(root)
    assert schema(root) == new
    with sqlite3.connect(root / "registry.sqlite3") as connection:
        assert connection.execute("SELECT tract, sky_cell FROM record_tract").fetchall() == cells
    connection.close()
    assert len({cell for _, cell in cells}) == 10
    with Butler(root) as butler:
        found = butler.query_dimension_records("tract", where="tract.region OVERLAPS POINT(30.2, 6.1)")
        assert [record.id for record in found] == [3]


def test_a_repository_of_format_3_tells_events_once_it_is_brought_up(tmp_path):
    root = tmp_path / "repo"
    with Butler.create(root):
        new = schema(root)
    with sqlite3.connect(root / "registry.sqlite3") as connection:
        for table in ("event", "subscription"):
            connection.execute(f"DROP TABLE {table}")
    connection.close()
    set_attributes(root, version=3, oldest_reader=2, oldest_writer=3)
    assert upgrade_repository(root, dry_run=True).formats == ("format 4: events, and who subscribes to them",)
    assert upgrade_repository(root)
    assert schema(root) == new
    with Butler(root, writeable=True) as butler:
        butler.events.subscribe("me")
        butler.collections.register("run1")
        assert [each.event.collection for each in butler.events.query()] == ["run1"]


def set_attributes(root, **values):
    with sqlite3.connect(root / "registry.sqlite3") as connection:
        for name, value in values.items():
            connection.execute("INSERT OR REPLACE INTO attribute VALUES (?, ?)", (f"registry.{name}", str(value)))
    connection.close()


def test_a_newer_repository_is_read_as_far_as_it_permits(tmp_path):
    root = tmp_path / "repo"
    Butler.create(root).close()
    set_attributes(root, version=FORMAT + 2, oldest_reader=FORMAT, oldest_writer=FORMAT + 1)
    with Butler(root, writeable=False) as butler:
        assert butler.query_dimension_records("instrument").count() == 0
        with pytest.raises(ReadOnlyError):
            butler.collections.register("run1")
    with pytest.raises(UpgradeNeededError, match=r"can read and not write.*writeable=False"):
        Butler(root, writeable=True)
    set_attributes(root, oldest_reader=FORMAT + 1)
    with pytest.raises(UpgradeNeededError, match=rf"knows format {FORMAT + 1} to read it.*pip install -U bunter"):
        Butler(root, writeable=False)


def test_a_process_that_has_it_open_notices_a_format_it_does_not_know(tmp_path):
    root = tmp_path / "repo"
    with Butler.create(root) as butler, Butler(root, writeable=True) as other:
        assert other.query_dimension_records("instrument").count() == 0
        content = butler.dimensions.to_dict() | {"doc": "of later"}
        set_attributes(root, version=FORMAT + 1, oldest_reader=FORMAT + 1)
        set_attributes(root, universe=json.dumps(content))
        with sqlite3.connect(root / "registry.sqlite3") as connection:
            connection.execute("UPDATE generation SET n = n + 1")
        connection.close()
        with pytest.raises(UpgradeNeededError, match="needs a Bunter"):
            other.query_dimension_records("instrument").count()


def dying_at(step, action):
    """Return an action like another whose process is killed before its statement number ``step``."""
    seen = 0

    def counted(plain):
        def statement(self, *args):
            nonlocal seen
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(self, *args)

        return statement

    def act(root):
        for name in ("execute", "executemany"):
            setattr(Connection, name, counted(getattr(Connection, name)))
        action(root)

    return act


def killed_everywhere(template, tmp_path, action, stride):
    """Kill an action at every ``stride``-th statement, each time on a fresh copy; yield the copies."""
    step, died = 1, True
    while died:
        place = tmp_path / f"step{step}"
        shutil.copytree(template, place)
        died, _ = in_child(dying_at(step, action), place)
        yield place, died
        shutil.rmtree(place)
        step += stride


@pytest.mark.parametrize(
    "stride", [31, pytest.param(3, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)]
)
def test_a_format_step_that_is_killed_leaves_the_old_or_the_new(old, tmp_path, stride):
    seen = set()
    for place, died in killed_everywhere(old, tmp_path, upgrade_repository, stride):
        was_old = bool(upgrade_repository(place).formats)
        seen.add((was_old, died))
        with Butler(place) as butler:
            assert butler.query_datasets("thing", "run1").count() == 2
            assert upgrade_history(butler.repository).num_rows == len(STEPS)
    assert (True, True) in seen
    assert (False, False) in seen
    assert (True, False) not in seen


@pytest.mark.parametrize("stride", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_a_change_of_universe_that_is_killed_leaves_the_old_or_the_new(old, tmp_path, stride):
    def action(root):
        upgrade_repository(root, dimensions=FIBRES, fill=FILL)

    upgrade_repository(old)
    seen = set()
    for place, died in killed_everywhere(old, tmp_path, action, stride):
        with Butler(place, writeable=True) as butler:
            new = "fibre" in butler.dimensions
            seen.add((new, died))
            rows = list(butler.query_dimension_records("exposure"))
            assert [hasattr(row, "seeing") for row in rows] == [new] * 4
            assert upgrade_history(butler.repository).num_rows == len(STEPS) + new
            assert butler.get("thing", exposure=1, detector=0) == {"e": 1}
            where = "campaign = 'deep'" if new else ""
            assert butler.query_datasets("thing", "run1", where=where).count() == 2
    assert (False, True) in seen
    assert (True, False) in seen

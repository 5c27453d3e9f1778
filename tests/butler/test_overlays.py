"""A private repository over a release that nobody changes."""

import json

import pytest
from click.testing import CliRunner

from bunter import Butler
from bunter.butler.overlaying import overlay_repository, refresh_overlay
from bunter.cli.program import cli
from bunter.contracts.small_camera import fill_dimensions
from bunter.errors import ConfigurationError, RepositoryExistsError


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def release(tmp_path):
    with Butler.create(tmp_path / "dr1") as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "detector"], "StructuredDataDict")
        butler.collections.register("dr1")
        for detector in range(2):
            butler.put({"from": "dr1"}, "thing", instrument="Cam", detector=detector, run="dr1")
    return tmp_path / "dr1"


def test_an_overlay_has_all_of_the_release_and_takes_what_is_new(release, tmp_path):
    before = contents(release / "data")
    overlay_repository(release, tmp_path / "mine")
    with Butler(tmp_path / "mine", run="u/me", instrument="Cam") as mine:
        assert mine.get("thing", detector=0, collections="dr1") == {"from": "dr1"}
        new = mine.put({"from": "me"}, "thing", detector=0)
        assert str(mine.get_uri(new)).startswith((tmp_path / "mine" / "data").as_uri())
        assert str(mine.get_uri("thing", detector=1, collections="dr1")).startswith((release / "data").as_uri())
        assert mine.get("thing", detector=0, collections=["u/me", "dr1"]) == {"from": "me"}
        assert mine.check(deep=True).is_clean
    assert contents(release / "data") == before
    with Butler(release) as below:
        assert below.query_datasets("thing", "*", find_first=False).count() == 2
        assert below.check(deep=True).is_clean


def test_removing_in_an_overlay_leaves_the_release_alone(release, tmp_path):
    before = contents(release / "data")
    overlay_repository(release, tmp_path / "mine")
    with Butler(tmp_path / "mine") as mine:
        mine.remove_runs("dr1")
        assert mine.query_datasets("thing", "*", find_first=False).count() == 0
        assert mine.check().is_clean
    assert contents(release / "data") == before
    with Butler(release) as below:
        assert below.get("thing", instrument="Cam", detector=0, collections="dr1") == {"from": "dr1"}


def test_an_overlay_may_lie_over_an_overlay(release, tmp_path):
    overlay_repository(release, tmp_path / "mine")
    with Butler(tmp_path / "mine", run="u/me", instrument="Cam") as mine:
        mine.put({"from": "me"}, "thing", detector=0)
    overlay_repository(tmp_path / "mine", tmp_path / "yours")
    with Butler(tmp_path / "yours", instrument="Cam") as yours:
        assert yours.get("thing", detector=0, collections="u/me") == {"from": "me"}
        assert yours.get("thing", detector=1, collections="dr1") == {"from": "dr1"}
        assert yours.check(deep=True).is_clean


def test_the_command_makes_one_and_says_so_and_a_taken_folder_is_refused(release, tmp_path):
    words = ["overlay", str(release), str(tmp_path / "mine"), "--json"]
    told = json.loads(CliRunner().invoke(cli, [*words, "--dry-run"], catch_exceptions=False).stdout)
    assert told["dry_run"]
    assert not (tmp_path / "mine").exists()
    assert json.loads(CliRunner().invoke(cli, words, catch_exceptions=False).stdout)["rows"] == told["rows"]
    with pytest.raises(RepositoryExistsError):
        overlay_repository(release, tmp_path / "mine")


def grow(release):
    """Let a release get another run, a tag, and another instrument."""
    with Butler(release) as butler:
        butler.dimension_records.insert("instrument", {"name": "New"})
        butler.dimension_records.insert("detector", {"instrument": "New", "id": 0, "full_name": "N0"})
        butler.collections.register("dr1.1")
        ref = butler.put({"from": "dr1.1"}, "thing", instrument="New", detector=0, run="dr1.1")
        butler.collections.register("best", "TAGGED")
        butler.collections.associate("best", [ref])


def test_what_a_release_gets_later_comes_without_a_byte(release, tmp_path):
    overlay_repository(release, tmp_path / "mine")
    with Butler(tmp_path / "mine", run="u/me", instrument="Cam") as mine:
        new = mine.put({"from": "me"}, "thing", detector=0)
    grow(release)
    assert refresh_overlay(release, tmp_path / "mine", dry_run=True).datasets == 1
    assert refresh_overlay(release, tmp_path / "mine").datasets == 1
    assert refresh_overlay(release, tmp_path / "mine").datasets == 0
    with Butler(tmp_path / "mine") as mine:
        ref = mine.query_datasets("thing", "best").one()
        assert mine.get(ref) == {"from": "dr1.1"}
        assert str(mine.get_uri(ref)).startswith((release / "data").as_uri())
        assert mine.get(new) == {"from": "me"}
        assert mine.check(deep=True).is_clean
        mine.remove_runs("dr1.1")
        assert mine.check().is_clean
    assert [path.parent.name for path in (tmp_path / "mine/data").rglob("*.json")] == ["thing"]
    with Butler(release) as below:
        assert below.get("thing", instrument="New", detector=0, collections="dr1.1") == {"from": "dr1.1"}


def test_what_was_removed_in_an_overlay_stays_so_when_the_release_grows(release, tmp_path):
    overlay_repository(release, tmp_path / "mine")
    with Butler(tmp_path / "mine") as mine:
        mine.remove_datasets([mine.query_datasets("thing", "dr1").first()])
    grow(release)
    refresh_overlay(release, tmp_path / "mine")
    with Butler(tmp_path / "mine") as mine:
        assert mine.query_datasets("thing", "*", find_first=False).count() == 2
        assert mine.check(deep=True).is_clean


def test_a_repository_that_lies_over_nothing_is_not_refreshed(release, tmp_path):
    Butler.create(tmp_path / "other").close()
    with pytest.raises(ConfigurationError, match="is not laid over"):
        refresh_overlay(release, tmp_path / "other")


def test_the_command_refreshes(release, tmp_path):
    overlay_repository(release, tmp_path / "mine")
    grow(release)
    words = ["overlay", str(release), str(tmp_path / "mine"), "--refresh", "--json"]
    assert json.loads(CliRunner().invoke(cli, [*words, "--dry-run"]).stdout)["datasets"] == 1
    assert json.loads(CliRunner().invoke(cli, words).stdout)["datasets"] == 1
    assert CliRunner().invoke(cli, [*words, "--database", "postgresql://x/y"]).exit_code == 2


def test_a_release_in_a_store_is_read_there(s3_place, tmp_path):
    with Butler.create(s3_place, database=str(tmp_path / "dr1.sqlite3")) as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "detector"], "StructuredDataDict")
        butler.collections.register("dr1")
        butler.put({"from": "dr1"}, "thing", instrument="Cam", detector=0, run="dr1")
    overlay_repository(s3_place, tmp_path / "mine")
    with Butler(tmp_path / "mine", run="u/me", instrument="Cam") as mine:
        assert mine.get("thing", detector=0, collections="dr1") == {"from": "dr1"}
        assert str(mine.get_uri(mine.put({"from": "me"}, "thing", detector=0))).startswith("file://")
    with Butler(s3_place, run="dr1") as butler:
        butler.put({"from": "dr1"}, "thing", instrument="Cam", detector=1)
    assert refresh_overlay(s3_place, tmp_path / "mine").datasets == 1
    with Butler(tmp_path / "mine", collections=["u/me", "dr1"], instrument="Cam") as mine:
        assert [mine.get("thing", detector=n)["from"] for n in range(2)] == ["me", "dr1"]
        assert mine.check(deep=True).is_clean

"""Stores and repositories that lie in one another are refused, as the outer one would take the inner one's files for leftovers."""

import shutil

import pytest
import yaml

from bunter import Butler
from bunter.errors import ConfigurationError


def note(butler, text="hello"):
    butler.dataset_types.register("note", [], "Text")
    butler.collections.register("made")
    return butler.put(text, "note", run="made")


@pytest.mark.parametrize("spelling", ["link", "absolute", "file"])
def test_a_store_inside_another_is_refused_however_it_is_spelled(tmp_path, spelling):
    (tmp_path / "repo").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "repo/data")
    root = {"link": "../link/inner", "absolute": f"{tmp_path}/repo/data/in", "file": f"file://{tmp_path}/repo/data/in"}
    stores = {"stores": {"more": {"root": root[spelling]}}}
    with pytest.raises(ConfigurationError, match="lies inside"):
        Butler.create(tmp_path / "repo", datastore=stores)
    assert list((tmp_path / "repo").iterdir()) == []
    Butler.create(tmp_path / "repo").close()
    path = tmp_path / "repo/bunter.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"datastore": stores}))
    with pytest.raises(ConfigurationError, match=r"'more' at .* lies inside the store 'main'.*move it out"):
        Butler(tmp_path / "repo")


def test_a_store_that_is_only_read_may_hold_the_one_that_is_written(tmp_path):
    stores = {"stores": {"release": {"root": str(tmp_path), "read_only": True}}}
    with Butler.create(tmp_path / "repo", datastore=stores) as butler:
        ref = note(butler)
        assert butler.get(ref) == "hello"


@pytest.mark.parametrize("link", [False, True])
def test_no_repository_is_made_among_the_files_of_another(tmp_path, link):
    with Butler.create(tmp_path / "outer") as butler:
        note(butler)
    place = tmp_path / "outer/data"
    if link:
        (tmp_path / "link").symlink_to(place)
        place = tmp_path / "link"
    with pytest.raises(ConfigurationError, match="would be taken for its leftovers"):
        Butler.create(place / "inner")
    with pytest.raises(ConfigurationError, match="would be taken for its leftovers"):
        Butler.create(tmp_path / "other", datastore={"root": str(place)})
    assert not (place / "inner").exists()
    Butler.create(tmp_path / "outer/beside").close()  # not among its files


def test_a_repository_that_was_moved_among_the_files_of_another_stays_whole(tmp_path):
    with Butler.create(tmp_path / "inner") as butler:
        note(butler)
    with Butler.create(tmp_path / "outer") as outer:
        ref = note(outer, "outside")
        shutil.move(tmp_path / "inner", tmp_path / "outer/data/made/inner")
        assert outer.check(deep=True).is_clean
        outer.gc(older_than_s=0)
        assert outer.get(ref) == "outside"
    with Butler(tmp_path / "outer/data/made/inner") as inner:
        assert inner.check(deep=True).is_clean

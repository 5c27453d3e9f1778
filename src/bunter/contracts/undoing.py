"""What every repository promises of removals that can be undone: subclass `UndoContract` and supply an ``empty`` fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bunter import effects
from bunter.contracts.past import state_of
from bunter.contracts.small_camera import fill_small_camera, put_thing, register_collections
from bunter.errors import DatasetRemovedError, UndoError
from bunter.values import Timespan

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.dataset import DatasetRef

__all__ = ["UndoContract"]

_KEY = {"instrument": "Cam", "exposure": 0, "detector": 0}


class UndoContract:
    """Promises of removals that are kept for a while.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_small_camera(empty, "run0", "run1", "run2")
        register_collections(empty)
        return empty

    @staticmethod
    def fill(butler: Butler) -> list[DatasetRef]:
        refs = [put_thing(butler, e, 0, run="run1") for e in range(3)]
        butler.collections.associate("tag", refs[:2])
        bias = butler.put({"b": 1}, "bias", instrument="Cam", detector=0, run="run1")
        butler.collections.certify("calib", [bias], Timespan(0, 10))
        butler.set_metadata(refs[0], {"seeing": 0.8})
        return [*refs, bias]

    def test_a_run_comes_back_with_all_that_went_with_it(self, butler: Butler) -> None:
        refs = self.fill(butler)
        before = state_of(butler)
        butler.remove_runs("run1", unlink_from_chains=True, keep_days=1)
        assert butler.collections.query("run1") == []
        with pytest.raises(DatasetRemovedError):
            butler.get(refs[0])
        [removed] = butler.removal.undoable()
        assert (removed.datasets, removed.artifacts) == (4, 4)
        done = butler.undo()
        assert done.counts == {("thing", "run1"): 3, ("bias", "run1"): 1}
        assert state_of(butler) == before
        assert [butler.get(ref) for ref in refs] == [{"e": e, "d": 0} for e in range(3)] + [{"b": 1}]
        assert butler.metadata(refs[0]) == {"seeing": 0.8}
        assert butler.check(deep=True).is_clean
        assert butler.removal.undoable() == []

    def test_removals_are_undone_one_by_one_in_any_order(self, butler: Butler) -> None:
        refs = self.fill(butler)
        for ref in refs[:2]:
            butler.remove_datasets([ref], keep_days=1)
        first, second = (removed.change for removed in butler.removal.undoable())
        assert first > second
        butler.undo(second)
        assert butler.get(refs[0]) == {"e": 0, "d": 0}
        assert butler.find_dataset("thing", _KEY | {"exposure": 1}, collections="run1") is None
        butler.undo()
        assert butler.query_datasets("thing", "tag").count() == 2
        assert butler.check(deep=True).is_clean

    def test_unstored_artifacts_come_back(self, butler: Butler) -> None:
        refs = self.fill(butler)
        butler.remove_datasets(refs, purge=False, keep_days=1)
        assert not butler.stored(refs[0])
        done = butler.undo()
        assert (done.counts, done.artifacts) == ({}, 4)
        assert butler.get(refs[2]) == {"e": 2, "d": 0}

    def test_what_another_dataset_took_the_place_of_stays_away(self, butler: Butler) -> None:
        refs = self.fill(butler)
        butler.remove_datasets(refs[:1], keep_days=1)
        other = put_thing(butler, 0, 0, run="run2")
        butler.collections.associate("tag", [other])
        removal = butler.removal.undoable()[0].change
        [conflict] = butler.undo(removal, dry_run=True).conflicts
        assert "1 'thing' cannot go back to 'tag'" in conflict
        with pytest.raises(UndoError, match=r"cannot go back to 'tag'.*partly"):
            butler.undo(removal)
        assert not butler.stored(refs[0])
        butler.undo(removal, partly=True)
        assert {ref.id for ref in butler.query_datasets("thing", "tag")} == {other.id, refs[1].id}
        assert butler.get(refs[0]) == {"e": 0, "d": 0}

    def test_a_place_in_a_run_that_is_taken_is_a_conflict_and_nothing_changes(self, butler: Butler) -> None:
        refs = self.fill(butler)
        butler.remove_datasets(refs, keep_days=1)
        put_thing(butler, 0, 0, run="run1")
        with pytest.raises(UndoError, match="1 'thing' cannot come back: 'run1' has others"):
            butler.undo(butler.removal.undoable()[0].change)
        assert butler.query_datasets("thing", "run1").count() == 1
        assert len(butler.removal.undoable()) == 1
        assert butler.check(deep=True).is_clean

    def test_without_a_period_nothing_is_kept(self, butler: Butler) -> None:
        refs = self.fill(butler)
        butler.remove_datasets(refs)
        with pytest.raises(UndoError, match="trash_days"):
            butler.undo()
        assert [key for store in butler.datastore.stores.values() for key, _ in store.walk()] == []

    def test_after_the_period_files_and_notes_go_and_undoing_is_refused(
        self, butler: Butler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refs = self.fill(butler)
        butler.remove_datasets(refs[:1], keep_days=1)
        butler.remove_datasets(refs[1:2], keep_days=9)
        last, first = (removed.change for removed in butler.removal.undoable())
        later = effects.now_ns() + 2 * 86_400 * 10**9
        monkeypatch.setattr(effects, "now_ns", lambda: later)
        told = [(row.kind, row.dataset_type, row.run, row.artifacts) for row in butler.gc(dry_run=True).rows]
        assert told == [("removed", "thing", "run1", 1)]
        assert len(butler.removal.undoable()) == 2
        assert butler.gc().bytes > 0
        assert butler.gc().rows == ()
        with pytest.raises(UndoError, match=rf"change {first} cannot be undone: 1 'thing' of 'run1' are not kept"):
            butler.undo(first)
        assert len([key for store in butler.datastore.stores.values() for key, _ in store.walk()]) == 3
        butler.undo(last)
        assert butler.get(refs[1]) == {"e": 1, "d": 0}
        assert butler.check(deep=True).is_clean

    def test_a_file_that_was_taken_away_is_named_and_nothing_changes(self, butler: Butler) -> None:
        refs = self.fill(butler)
        butler.remove_datasets(refs, keep_days=1)
        store = butler.datastore.stores["main"]
        store.delete_many([next(key for key, _ in store.walk())])
        with pytest.raises(UndoError, match="1 files of change"):
            butler.undo()
        assert butler.query_datasets("thing", "run1").count() == 0

    def test_a_dataset_removed_twice_comes_back_twice(self, butler: Butler) -> None:
        refs = self.fill(butler)
        for _ in range(2):
            butler.remove_datasets(refs, keep_days=1)
            butler.undo()
        assert butler.metadata(refs[0]) == {"seeing": 0.8}
        assert butler.get(refs[0]) == {"e": 0, "d": 0}
        assert butler.check(deep=True).is_clean

"""What every repository promises of edits that are taken back: subclass `UndoneEditsContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from bunter.contracts.past import Deeds, state_of
from bunter.contracts.small_camera import fill_small_camera, put_thing, register_collections
from bunter.dataset.inquiries import Moment
from bunter.errors import MissingDatasetTypeError, UndoError
from bunter.values import Principal, Timespan

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.butler import Butler
    from bunter.dataset import DatasetRef

__all__ = ["UndoneEditsContract"]


def _span(begin: int | None, end: int | None) -> Timespan:
    return Timespan(None if begin is None else begin * 10**9, None if end is None else end * 10**9)


class UndoneEditsContract:
    """Promises of changes to collections and dataset types that are taken back.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_small_camera(empty, "run0", "run1", "run2")
        register_collections(empty)
        return empty

    @pytest.fixture
    def refs(self, butler: Butler) -> list[DatasetRef]:
        refs = [put_thing(butler, e, 0, run="run1") for e in range(2)]
        return [*refs, *(butler.put({"b": d}, "bias", instrument="Cam", detector=d, run="run1") for d in range(2))]

    @staticmethod
    def number(butler: Butler) -> int:
        """Return the number of the last change."""
        latest: int = butler._session.repository.answer(Principal.current(), Moment())["latest"][0].as_py()  # noqa: SLF001 - no call of the face tells it
        return latest

    def check_taken_back(self, butler: Butler, *deeds: Callable[[], object]) -> None:
        """Do something, take it back, take that back; each moment of the past stays what it was."""
        for deed in deeds:
            before = state_of(butler)
            deed()
            after, number = state_of(butler), self.number(butler)
            assert after != before
            planned = butler.undo(dry_run=True)
            assert (planned.change, planned.conflicts, state_of(butler)) == (number, (), after)
            assert planned.steps
            butler.undo()
            undone = self.number(butler)
            assert state_of(butler) == before
            butler.undo(butler.undoable()[0].change)
            assert state_of(butler) == after
            assert state_of(butler.clone(as_of=number)) == after
            assert state_of(butler.clone(as_of=undone)) == before

    def test_edits_of_chains_are_taken_back(self, butler: Butler) -> None:
        of = butler.collections
        self.check_taken_back(
            butler,
            lambda: of.redefine_chain("chain", ["run2", "run0"]),
            lambda: of.prepend_chain("chain", ["run1"]),
            lambda: of.remove_from_chain("chain", ["run2"]),
            lambda: of.redefine_chain("chain", []),
            lambda: of.redefine_chain("new", ["chain", "tag"]),
        )

    def test_tags_are_taken_back(self, butler: Butler, refs: list[DatasetRef]) -> None:
        of = butler.collections
        self.check_taken_back(butler, lambda: of.associate("tag", refs), lambda: of.disassociate("tag", refs[1:3]))

    def test_validity_ranges_are_taken_back(self, butler: Butler, refs: list[DatasetRef]) -> None:
        of = butler.collections
        self.check_taken_back(
            butler,
            lambda: of.certify("calib", refs[2:], _span(0, 100)),
            lambda: of.decertify("calib", "bias", _span(30, 60)),
            lambda: of.certify("calib", refs[2:3], _span(40, 50)),
            lambda: of.decertify("calib", "bias", _span(None, None)),
        )

    @pytest.mark.parametrize("name", ["tag", "calib", "chain", "run0"])
    def test_collections_come_back_with_all_that_was_in_them(
        self, butler: Butler, refs: list[DatasetRef], name: str
    ) -> None:
        butler.collections.associate("tag", refs[:2])
        butler.collections.certify("calib", refs[2:], _span(0, 10))
        butler.collections.certify("calib", refs[2:3], _span(20, None))
        butler.collections.redefine_chain("all", ["chain", "tag", "calib"])
        self.check_taken_back(butler, lambda: butler.collections.remove(name, unlink_from_chains=True))

    def test_names_documentation_types_and_aliases_come_back(self, butler: Butler) -> None:
        types = butler.dataset_types
        self.check_taken_back(
            butler,
            lambda: butler.collections.rename("tag", "best"),
            lambda: butler.collections.set_doc("best", "better"),
            lambda: types.register("other", ["instrument"], "StructuredDataDict"),
            lambda: types.remove("other"),
            lambda: butler.collections.register("made", "TAGGED"),
        )
        types.alias("thing", "old_thing")
        butler.undo()
        with pytest.raises(MissingDatasetTypeError):
            types.get("old_thing")
        butler.undo(butler.undoable()[0].change)
        assert types.get("old_thing").name == "thing"

    def test_later_edits_of_others_stay(self, butler: Butler, refs: list[DatasetRef]) -> None:
        of = butler.collections
        of.remove_from_chain("chain", ["run1"])
        number = self.number(butler)
        of.prepend_chain("chain", ["tag"])
        of.associate("tag", refs[:1])
        butler.undo(number)
        assert of.info("chain").children == ("tag", "run0", "run1", "run2")
        of.associate("tag", refs[1:2])
        second = self.number(butler)
        of.disassociate("tag", refs[:1])
        butler.undo(second)
        assert butler.query_datasets("thing", "tag").count() == 0

    def test_what_is_in_the_way_is_named_and_nothing_changes(self, butler: Butler, refs: list[DatasetRef]) -> None:
        of = butler.collections
        of.certify("calib", refs[2:3], _span(0, 100))
        of.decertify("calib", "bias", _span(20, 40))
        cut = self.number(butler)
        of.decertify("calib", "bias", _span(0, 30))
        of.remove("tag")
        gone = self.number(butler)
        of.register("tag", "CHAINED")
        of.register("mine", "TAGGED")
        made = self.number(butler)
        of.associate("mine", refs[:1])
        before = state_of(butler)
        for number, said in (
            (cut, "changed again since"),
            (gone, "another one by now"),
            (made, "has 1 'thing' by now"),
        ):
            assert any(said in conflict for conflict in butler.undo(number, dry_run=True).conflicts)
            with pytest.raises(UndoError, match=f"change {number} cannot be undone.*{said}"):
                butler.undo(number)
        assert state_of(butler) == before
        with pytest.raises(UndoError, match="nothing can be undone"):
            butler.undo(made, partly=True)

    def test_datasets_that_were_added_are_not_taken_away(self, butler: Butler, refs: list[DatasetRef]) -> None:
        with pytest.raises(UndoError, match=r"added 1 'bias' to 'run1'.*prune-datasets"):
            butler.undo()
        assert butler.stored(refs[-1])
        with pytest.raises(UndoError, match="there is no change 999"):
            butler.undo(999)

    def test_a_run_and_a_type_that_went_after_their_datasets_are_named(
        self, butler: Butler, refs: list[DatasetRef]
    ) -> None:
        before = state_of(butler)
        butler.remove_datasets(refs, keep_days=1)
        removal = self.number(butler)
        butler.dataset_types.remove("bias")
        with pytest.raises(UndoError, match="the dataset type 'bias' was removed after 2 datasets"):
            butler.undo(removal)
        butler.undo()
        butler.undo(removal)
        assert state_of(butler) == before
        assert butler.get(refs[2]) == {"b": 0}

    def test_steps_go_back_one_by_one(self, butler: Butler) -> None:
        states: list[dict[str, Any]] = []
        for deed in (["run1"], ["run1", "run2"], ["tag"]):
            states.append(state_of(butler))
            butler.collections.redefine_chain("chain", deed)
        for state in reversed(states):
            assert butler.undo().steps[0].name == "chain"
            assert state_of(butler) == state
        assert [each.is_undone for each in butler.undoable(7)] == [True] * 6 + [False]
        assert "chain chain edited" in butler.undoable()[0].deeds

    @pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
    def test_whatever_was_done_last_is_taken_back(self, butler: Butler, seed: int) -> None:
        source = random.Random(seed)  # noqa: S311 - no secret
        deeds = Deeds(butler, source)
        deeds.refs = [deeds.butler.put({"n": 1}, "bias", instrument="Cam", detector=d, run="run1") for d in range(3)]
        moments: dict[int, dict[str, Any]] = {}
        taken = 0
        for _ in range(30):
            before, first = state_of(butler), self.number(butler)
            deeds.one()
            moments[self.number(butler)] = state_of(butler)
            if self.number(butler) != first + 1 or state_of(butler) == before:
                continue
            try:
                butler.undo(first + 1)
            except UndoError as exc:
                assert "added 1" in str(exc) or "not kept" in str(exc), exc  # noqa: PT017 - either is right
                assert state_of(butler) == moments[first + 1]
            else:
                taken += 1
                assert state_of(butler) == before
                if source.random() < 0.6:
                    butler.undo(butler.undoable()[0].change)
                    assert state_of(butler) == moments[first + 1]
        for number in source.sample(sorted(moments), 12):
            if butler.undo(number, dry_run=True).changes:
                butler.undo(number, partly=True)
        assert taken > 1
        for number in source.sample(sorted(moments), 8):
            assert state_of(butler.clone(as_of=number)) == moments[number]
        assert butler.check().is_clean

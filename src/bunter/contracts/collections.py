"""What every repository promises about collections: subclass `CollectionsContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import CollectionType
from bunter.errors import (
    CollectionCycleError,
    CollectionInUseError,
    CollectionTypeError,
    ConflictingDefinitionError,
    MissingCollectionError,
    OrphanedRecordError,
    UserError,
)
from bunter.values import Timespan

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.dataset import DatasetRef

__all__ = ["CollectionsContract", "assert_no_cycle", "edit_at_random"]


def edit_at_random(butler: Butler, names: list[str], seed: int, edits: int = 25) -> int:
    """Edit chains without regard to others who do so as well; return how many edits were refused as cycles."""
    chance = random.Random(seed)  # noqa: S311 - chances, not secrets
    refused = 0
    for _ in range(edits):
        parent, child = chance.sample(names, 2)
        edit = chance.choice([butler.collections.extend_chain, butler.collections.prepend_chain])
        try:
            edit(parent, child)
        except CollectionCycleError:
            refused += 1
            with suppress(MissingCollectionError):
                members = butler.collections.info(parent).children
                if members:
                    butler.collections.remove_from_chain(parent, chance.choice(members))
    return refused


def assert_no_cycle(butler: Butler, names: list[str]) -> None:
    """Follow all chains to their ends."""
    children = {name: butler.collections.info(name).children for name in names}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"{' > '.join((*path, name))}"
        if name not in done:
            for child in children[name]:
                visit(child, (*path, name))
            done.add(name)

    for name in names:
        visit(name, ())


class CollectionsContract:
    """Promises about collections.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_dimensions(empty)
        empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        empty.dataset_types.register("bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True)
        empty.dataset_types.register("note", [], "StructuredDataDict")
        for name in ("run1", "run2"):
            empty.collections.register(name)
        for name, kind in (("tag", "TAGGED"), ("calib", "CALIBRATION"), ("chain", "CHAINED")):
            empty.collections.register(name, kind)
        return empty

    @staticmethod
    def put(butler: Butler, detector: int = 0, *, run: str = "run1", **content: object) -> DatasetRef:
        return butler.put(content, "thing", instrument="Cam", exposure=0, detector=detector, run=run)

    @staticmethod
    def bias(butler: Butler, detector: int = 0, *, run: str = "run1") -> DatasetRef:
        return butler.put({"run": run}, "bias", instrument="Cam", detector=detector, run=run)

    # Registering, describing, renaming, removing

    def test_registering_is_idempotent(self, butler: Butler) -> None:
        assert butler.collections.register("new", doc="first")
        assert not butler.collections.register("new", doc="second")
        assert butler.collections.info("new").doc == "first"
        assert butler.collections.info("new").type is CollectionType.RUN

    def test_documentation_is_said_and_said_anew(self, butler: Butler) -> None:
        butler.collections.set_doc("tag", "good ones")
        assert butler.collections.info("tag").doc == "good ones"
        with pytest.raises(MissingCollectionError, match="did you mean 'tag'"):
            butler.collections.set_doc("tagg", "")

    def test_a_renamed_collection_stays_in_its_chains_and_keeps_its_datasets(self, butler: Butler) -> None:
        ref = self.put(butler)
        butler.collections.redefine_chain("chain", ["tag", "run1"])
        butler.collections.rename("run1", "u/ann/run")
        assert butler.collections.info("chain").children == ("tag", "u/ann/run")
        assert butler.collections.info("u/ann/run").parents == ("chain",)
        found = butler.find_dataset("thing", exposure=0, detector=0, collections="chain")
        assert found == ref
        assert found.run == "u/ann/run"
        assert butler.get(found) == {}
        assert butler.check().is_clean
        with pytest.raises(MissingCollectionError):
            butler.collections.info("run1")
        butler.collections.register("run1", "TAGGED")
        with pytest.raises(ConflictingDefinitionError, match="already"):
            butler.collections.rename("tag", "run1")
        with pytest.raises(ConflictingDefinitionError):
            butler.collections.rename("tag", "../up")

    def test_what_is_in_use_is_not_removed(self, butler: Butler) -> None:
        ref = self.put(butler)
        butler.collections.redefine_chain("chain", ["run1", "tag"])
        with pytest.raises(CollectionInUseError, match="chain"):
            butler.collections.remove("tag")
        with pytest.raises(OrphanedRecordError, match=r"1 thing.*remove_runs"):
            butler.collections.remove("run1", unlink_from_chains=True)
        assert butler.collections.info("chain").children == ("run1", "tag")
        butler.collections.remove("tag", unlink_from_chains=True)
        assert butler.collections.info("chain").children == ("run1",)
        butler.collections.remove("chain")
        assert butler.get(ref) == {}
        butler.collections.remove("run2")
        assert butler.collections.query() == ["calib", "run1"]

    # Names, globs, chains flattened

    def test_names_and_globs_are_taken_alike(self, butler: Butler) -> None:
        ask = butler.collections.query
        assert ask() == ["calib", "chain", "run1", "run2", "tag"]
        assert ask(...) == ask("*") == ask(["*"])  # type: ignore[arg-type]
        assert ask("run?") == ["run1", "run2"]
        assert ask(["tag", "run[12]", "none"]) == ["run1", "run2", "tag"]
        assert ask("RUN*") == []
        assert ask(types=["TAGGED", CollectionType.RUN]) == ["run1", "run2", "tag"]
        with pytest.raises(CollectionTypeError, match="RUN"):
            ask(types=["RUNN"])
        with pytest.raises(CollectionTypeError, match="name or glob"):
            ask([7])  # type: ignore[list-item]

    def test_chains_are_flattened_depth_first_each_member_at_its_first_place(self, butler: Butler) -> None:
        butler.collections.redefine_chain("inner", ["run2", "tag"])
        butler.collections.redefine_chain("chain", ["tag", "inner", "run*"])
        ask = butler.collections.query
        assert butler.collections.info("chain").children == ("tag", "inner", "run1", "run2")
        assert ask("chain", flatten_chains=True) == ["tag", "run2", "run1"]
        assert ask("chain", flatten_chains=True, include_chains=True) == ["chain", "tag", "inner", "run2", "run1"]
        assert ask(include_chains=False) == ["calib", "run1", "run2", "tag"]
        assert ask(["run1", "chain"], flatten_chains=True) == ["run1", "tag", "run2"]
        infos = {info.name: info for info in butler.collections.query_info()}
        assert infos["inner"].parents == ("chain",)
        assert infos["tag"].parents == ("chain", "inner")
        with pytest.raises(MissingCollectionError):
            ask("nowhere", flatten_chains=True)

    def test_edits_take_globs_and_move_what_is_there(self, butler: Butler) -> None:
        edit = butler.collections
        edit.redefine_chain("chain", ["run1", "tag", "run2"])
        edit.prepend_chain("chain", "run2")
        assert edit.info("chain").children == ("run2", "run1", "tag")
        edit.extend_chain("chain", ["run2", "calib"])
        assert edit.info("chain").children == ("run1", "tag", "run2", "calib")
        edit.remove_from_chain("chain", "run*")
        assert edit.info("chain").children == ("tag", "calib")
        edit.prepend_chain("chain", "run*")
        assert edit.info("chain").children == ("run1", "run2", "tag", "calib")
        edit.redefine_chain("chain", [])
        assert edit.info("chain").children == ()
        with pytest.raises(MissingCollectionError, match="matches"):
            edit.extend_chain("chain", "none*")
        with pytest.raises(MissingCollectionError, match="not in chain"):
            edit.remove_from_chain("chain", "run1")
        for deed in (edit.extend_chain, edit.prepend_chain, edit.remove_from_chain, edit.redefine_chain):
            with pytest.raises(CollectionTypeError, match="CHAINED"):
                deed("run1", "run2")

    def test_any_collection_may_be_in_chains_but_not_in_itself(self, butler: Butler) -> None:
        for name in ("a", "b", "c"):
            butler.collections.register(name, "CHAINED")
        butler.collections.redefine_chain("a", ["b", "run1", "tag", "calib"])
        butler.collections.redefine_chain("b", ["c"])
        for parent, child in (("c", "a"), ("c", "c"), ("b", "a")):
            with pytest.raises(CollectionCycleError, match="cannot contain"):
                butler.collections.extend_chain(parent, child)

    def test_chains_edited_by_several_threads_get_no_cycle(self, butler: Butler) -> None:
        names = [f"link{number}" for number in range(4)]
        for name in names:
            butler.collections.register(name, "CHAINED")
        refused: list[int] = []

        def work(seed: int) -> None:
            refused.append(edit_at_random(butler, names, seed))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 4
        assert sum(refused) > 0
        assert_no_cycle(butler, names)

    # What collections hold

    def test_a_tag_has_one_dataset_of_each_data_id(self, butler: Butler) -> None:
        first, other = self.put(butler), self.put(butler, run="run2", other=1)
        butler.collections.associate("tag", [first])
        butler.collections.associate("tag", [first])
        with pytest.raises(ConflictingDefinitionError, match="disassociate"):
            butler.collections.associate("tag", [other])
        butler.collections.disassociate("tag", [other])
        assert list(butler.query_datasets("thing", "tag")) == [first]
        for name in ("run1", "chain", "calib"):
            with pytest.raises(CollectionTypeError, match="TAGGED"):
                butler.collections.associate(name, [first])

    def test_calibrations_in_tags_have_no_validity(self, butler: Butler) -> None:
        ref = self.bias(butler)
        butler.collections.certify("calib", [ref], Timespan(0, 10))
        butler.collections.associate("tag", [ref])
        assert butler.find_dataset("bias", detector=0, collections="tag", timespan=Timespan(50, 60)) == ref
        assert butler.find_dataset("bias", detector=0, collections="calib", timespan=Timespan(50, 60)) is None

    def test_summaries_are_exact_and_shrink(self, butler: Butler) -> None:
        refs = [self.put(butler, detector, a="x" * detector) for detector in range(3)]
        bias = self.bias(butler, run="run2")
        butler.put({}, "note", run="run2")
        butler.collections.associate("tag", [*refs[:2], bias])
        for begin in (0, 20):
            butler.collections.certify("calib", [bias], Timespan(begin, begin + 10))
        butler.collections.redefine_chain("chain", ["tag", "run1", "run2", "calib"])
        found = butler.collections.summary(["*"])
        assert found["run1"].dataset_types == {"thing": 3}
        assert found["run2"].dataset_types == {"bias": 1, "note": 1}
        assert found["tag"].dataset_types == {"bias": 1, "thing": 2}
        assert found["calib"].dataset_types == {"bias": 1}
        assert found["chain"].dataset_types == {"bias": 1, "note": 1, "thing": 3}
        assert found["chain"].members == ("tag", "run1", "run2", "calib")
        assert found["run1"].governors == {"instrument": ("Cam",)}
        assert found["run1"].bytes == sum(len(butler.get_uri(ref).read()) for ref in refs)
        assert found["chain"].bytes == found["run1"].bytes + found["run2"].bytes
        assert "3 datasets" in repr(found["run1"])
        butler.remove_datasets(refs[:2])
        assert butler.collections.summary("run1").dataset_types == {"thing": 1}
        assert butler.collections.summary("tag").dataset_types == {"bias": 1}
        assert butler.collections.summary("tag", sizes=False).datasets == 1

    def test_summaries_take_few_statements(self, butler: Butler) -> None:
        def cost(names: list[str]) -> int:
            before = butler.repository.statements  # type: ignore[attr-defined]
            butler.collections.summary(names)
            return int(butler.repository.statements - before)  # type: ignore[attr-defined]

        self.put(butler)
        many = [f"many/{number}" for number in range(30)]
        for name in many:
            butler.collections.register(name)
        cost(many)
        assert cost(many) == cost(many[:1])

    # History

    def test_the_history_of_a_chain_is_readable(self, butler: Butler) -> None:
        edit = butler.collections
        edit.register("c", "CHAINED", "why")
        edit.extend_chain("c", ["run1"])
        edit.prepend_chain("c", ["run2", "tag"])
        edit.rename("tag", "good")
        edit.remove_from_chain("c", "run1")
        edit.set_doc("c", "because")
        edit.rename("c", "d")
        edit.remove("d")
        for name in ("c", "d"):
            events = edit.history(name)
            assert [event.event for event in events] == [
                "created", "chain", "chain", "chain", "doc", "renamed", "removed"
            ]  # fmt: skip
            assert [event.children for event in events[1:4]] == [("run1",), ("run2", "tag", "run1"), ("run2", "good")]
            assert all(event.time and event.user and str(event) for event in events)
        assert [event.change for event in events] == sorted(event.change for event in events)
        with pytest.raises(MissingCollectionError, match="never was"):
            edit.history("nothing")

    def test_the_history_of_a_tag_tells_what_went_in_and_out(self, butler: Butler) -> None:
        refs = [self.put(butler, detector) for detector in range(3)]
        butler.collections.associate("tag", refs)
        butler.collections.disassociate("tag", refs[:1])
        butler.remove_datasets(refs[1:2])
        told = [event.text for event in butler.collections.history("tag") if event.event == "members"]
        assert told == ["3 thing in", "1 thing out", "1 thing out"]

    def test_mistakes_are_the_user_s(self, butler: Butler) -> None:
        for deed in (
            lambda: butler.collections.summary("nothing"),
            lambda: butler.collections.summary(["nothing*"]),
            lambda: butler.collections.rename("nothing", "x"),
            lambda: butler.collections.decertify("calib", "nothing", Timespan(0, 1)),
            lambda: butler.collections.decertify("tag", "bias", Timespan(0, 1)),
        ):
            with pytest.raises(UserError):
                deed()

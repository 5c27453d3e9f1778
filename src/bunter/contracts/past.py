"""What every repository promises about its past: subclass `PastContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import datetime as dt
import pickle
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from bunter.contracts.small_camera import T0_NS, fill_small_camera
from bunter.dataset import CollectionType
from bunter.dataset.inquiries import Moment
from bunter.errors import (
    ConflictingDefinitionError,
    DatasetRemovedError,
    InvalidQueryError,
    MissingCollectionError,
    MissingSnapshotError,
    ReadOnlyError,
    UserError,
)
from bunter.values import Principal, Timespan

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.butler import Butler
    from bunter.dataset import DatasetRef

__all__ = ["PastContract", "state_of"]

_S = 10**9


def state_of(butler: Butler) -> dict[str, Any]:
    """Return all that a butler sees of collections, memberships, types and datasets, to be compared."""
    infos = butler.collections.query_info()
    kinds = list(butler.dataset_types)
    members: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    for kind in kinds:
        for row in butler.calibrations(kind, [i.name for i in infos]).to_pylist():
            key = (kind.name, row["collection"])
            members.setdefault(key, set()).add((row["id"], row["run"], row["timespan_begin"], row["timespan_end"]))
    flat = {
        (kind.name, info.name): sorted(
            (ref.id, ref.run, ref.data_id.required_values) for ref in butler.query_datasets(kind, info.name)
        )
        for kind in kinds
        for info in infos
        if not (kind.is_calibration and info.type in (CollectionType.CHAINED, CollectionType.CALIBRATION))
    }
    return {
        "collections": {(i.name, i.type, i.doc, i.children, i.parents) for i in infos},
        "types": {(kind.name, kind.dimensions, kind.storage_class, kind.is_calibration) for kind in kinds},
        "members": members,
        "found": {key: rows for key, rows in flat.items() if rows},
        "counts": {i.name: butler.collections.summary(i.name, sizes=False).dataset_types for i in infos},
    }


class Deeds:
    """Random changes to a repository, as a user makes them; those that are refused change nothing.

    Parameters
    ----------
    butler : Butler
        A repository with the dimensions of `fill_dimensions`.
    source : random.Random
        Where chances come from.
    """

    def __init__(self, butler: Butler, source: random.Random) -> None:
        self.butler = butler
        self.pick = source
        self.refs: list[DatasetRef] = []

    def one(self) -> None:
        """Do something."""
        deeds: list[Callable[[], object]] = [
            self.put, self.put, self.put, self.remove, self.register, self.chain, self.chain, self.tag, self.untag,
            self.certify, self.certify, self.decertify, self.drop, self.rename, self.doc, self.together, self.drop_run,
        ]  # fmt: skip
        with suppress(
            UserError, IndexError, ValueError
        ):  # nothing to pick from, or a timespan that ends before it begins
            self.pick.choice(deeds)()

    def _name(self, kind: CollectionType) -> str:
        return self.pick.choice(self.butler.collections.query(types=[kind]) or ["none"])

    def put(self) -> None:
        kind = self.pick.choice(["thing", "bias"])
        key: dict[str, Any] = {
            "detector": self.pick.randrange(3),
            **({"exposure": self.pick.randrange(2)} if kind == "thing" else {}),
        }
        value = {"n": self.pick.random()}
        self.refs.append(self.butler.put(value, kind, instrument="Cam", run=self._name(CollectionType.RUN), **key))

    def remove(self) -> None:
        self.butler.remove_datasets([self.pick.choice(self.refs)])

    def register(self) -> None:
        kind = self.pick.choice(list(CollectionType))
        self.butler.collections.register(f"{kind.name.lower()}{self.pick.randrange(3)}", kind, f"d{self.pick.random()}")

    def chain(self) -> None:
        names = self.butler.collections.query()
        children = self.pick.sample(names, min(len(names), self.pick.randrange(1, 4)))
        collections = self.butler.collections
        edit = self.pick.choice([collections.redefine_chain, collections.prepend_chain, collections.extend_chain])
        edit(self._name(CollectionType.CHAINED), children)

    def tag(self) -> None:
        self.butler.collections.associate(self._name(CollectionType.TAGGED), self.pick.sample(self.refs, 2))

    def untag(self) -> None:
        self.butler.collections.disassociate(self._name(CollectionType.TAGGED), self.pick.sample(self.refs, 1))

    def _span(self) -> Timespan:
        begin = self.pick.choice([None, *range(0, 100, 10)])
        end = None if self.pick.random() < 0.2 else (begin or 0) + self.pick.randrange(1, 60)
        return Timespan(None if begin is None else begin * _S, None if end is None else end * _S)

    def certify(self) -> None:
        biases = [ref for ref in self.refs if ref.dataset_type.name == "bias"]
        self.butler.collections.certify(
            self._name(CollectionType.CALIBRATION), [self.pick.choice(biases)], self._span()
        )

    def decertify(self) -> None:
        self.butler.collections.decertify(self._name(CollectionType.CALIBRATION), "bias", self._span())

    def drop(self) -> None:
        kind = self.pick.choice([CollectionType.TAGGED, CollectionType.CHAINED, CollectionType.CALIBRATION])
        self.butler.collections.remove(self._name(kind), unlink_from_chains=self.pick.random() < 0.7)

    def drop_run(self) -> None:
        if self.pick.random() < 0.3:
            self.butler.remove_runs(self._name(CollectionType.RUN), unlink_from_chains=True)

    def rename(self) -> None:
        old = self.pick.choice(self.butler.collections.query())
        self.butler.collections.rename(old, f"{old.rstrip('0123456789')}{self.pick.randrange(5)}")

    def doc(self) -> None:
        self.butler.collections.set_doc(self.pick.choice(self.butler.collections.query()), f"d{self.pick.random()}")

    def together(self) -> None:
        """Do several things in one change, some of which undo each other."""
        with self.butler.transaction():
            for _ in range(self.pick.randrange(2, 5)):
                self.pick.choice([self.certify, self.decertify, self.tag, self.untag, self.doc, self.rename])()


class PastContract:
    """Promises about the past of a repository.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    seeds = 12
    deeds = 40

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_small_camera(empty)
        return empty

    @staticmethod
    def put(butler: Butler, detector: int = 0, *, run: str = "run1", **content: object) -> DatasetRef:
        return butler.put(content, "thing", instrument="Cam", exposure=0, detector=detector, run=run)

    @staticmethod
    def now(butler: Butler) -> int:
        """Return the number of the last change."""
        latest: int = butler.repository.answer(Principal.current(), Moment())["latest"][0].as_py()
        return latest

    def test_the_past_is_what_was_seen_then(self, butler: Butler) -> None:
        """At each change of random histories the view of then equals what was written down then."""
        butler.collections.register("chained0", "CHAINED")
        butler.collections.register("tagged0", "TAGGED")
        butler.collections.register("calibration0", "CALIBRATION")
        seen: dict[int, dict[str, Any]] = {}
        for seed in range(self.seeds):
            deeds = Deeds(butler, random.Random(seed))  # noqa: S311 - chances, not secrets
            deeds.refs = list(butler.query_datasets("bias", "*")) + list(butler.query_datasets("thing", "*"))
            for _ in range(self.deeds // 10):
                with suppress(UserError):
                    deeds.put()
            for _ in range(self.deeds):
                deeds.one()
                if (number := self.now(butler)) not in seen:
                    seen[number] = state_of(butler)
        for number, state in seen.items():
            with_past = butler.clone(as_of=number)
            assert state_of(with_past) == state, f"change {number}"

    def test_a_dataset_removed_since_is_listed_and_its_removal_told(self, butler: Butler) -> None:
        ref = self.put(butler, 1, a=1)
        before = self.now(butler)
        butler.remove_datasets([ref])
        past = butler.clone(as_of=before, collections="run1")
        assert list(past.query_datasets("thing")) == [ref]
        assert past.query_datasets("thing", where="detector = 1 AND band = 'g'").one().data_id == ref.data_id
        assert past.query_data_ids(["exposure", "detector"], datasets="thing").count() == 1
        assert past.find_dataset("thing", exposure=0, detector=1) == ref
        assert past.get_dataset(ref.id) == ref
        assert past.query_datasets("thing").to_arrow()["run"].to_pylist() == ["run1"]
        assert not past.exists(ref)
        with pytest.raises(DatasetRemovedError, match=r"removed at 20.*UTC by .*change") as caught:
            past.get("thing", exposure=0, detector=1)
        assert caught.value.change == before + 1
        assert caught.value.by
        assert butler.query_datasets("thing").count() == 0
        copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
        assert copy.when == caught.value.when

    def test_what_came_later_under_the_same_data_id_is_not_of_then(self, butler: Butler) -> None:
        first = self.put(butler, a=1)
        before = self.now(butler)
        butler.remove_datasets([first])
        second = self.put(butler, a=2)
        past = butler.clone(as_of=before)
        assert past.find_dataset("thing", exposure=0, detector=0) == first
        assert past.get_dataset(second.id) is None
        assert list(past.query_datasets("thing")) == [first]
        assert butler.get("thing", exposure=0, detector=0) == {"a": 2}
        assert butler.clone(as_of=self.now(butler)).get("thing", exposure=0, detector=0) == {"a": 2}

    def test_conditions_and_order_speak_of_then(self, butler: Butler) -> None:
        for detector in range(3):
            self.put(butler, detector)
        before = self.now(butler)
        butler.remove_datasets([butler.find_dataset("thing", exposure=0, detector=1)])  # type: ignore[list-item]
        butler.collections.rename("run1", "later")
        past = butler.clone(as_of=before)
        ask = past.query_datasets
        assert [ref.data_id["detector"] for ref in ask("thing", order_by="-detector")] == [2, 1, 0]
        assert ask("thing", where="thing.run = 'run1'").count() == 3
        assert ask("thing", where="thing.run = 'later'").count() == 0
        assert ask("thing", where="thing.ingest_date > '2020-01-01'").count() == 3
        assert {ref.run for ref in ask("thing")} == {"run1"}
        assert butler.query_datasets("thing", where="thing.run = 'later'").count() == 2
        with pytest.raises(MissingCollectionError, match="as of change"):
            ask("thing", "later").count()

    def test_the_first_of_several_collections_is_that_of_then(self, butler: Butler) -> None:
        butler.collections.register("run2")
        old, new = self.put(butler, 0, a=1), self.put(butler, 0, run="run2", a=2)
        butler.collections.register("tag", "TAGGED")
        butler.collections.redefine_chain("chain", ["run2", "run1"])
        before = self.now(butler)
        butler.remove_datasets([new])
        butler.collections.associate("tag", [old])
        butler.collections.redefine_chain("chain", ["tag", "run1"])
        past = butler.clone(as_of=before, collections="chain")
        assert past.find_dataset("thing", exposure=0, detector=0) == new
        assert list(past.query_datasets("thing")) == [new]
        assert past.query_datasets("thing", find_first=False).count() == 2
        assert past.collections.info("chain").children == ("run2", "run1")

    def test_a_moment_is_named_by_number_time_and_snapshot(self, butler: Butler) -> None:
        self.put(butler)
        butler.snapshots.create("u/ann/first", "the first of all")
        number = self.now(butler)
        when = dt.datetime.now(dt.UTC)
        self.put(butler, 1)
        for moment in (number, str(number), "u/ann/first", when, when.isoformat().removesuffix("+00:00")):
            assert butler.clone(as_of=moment).query_datasets("thing").count() == 1
            assert butler.clone(as_of=moment).as_of == number
        assert butler.clone(as_of="u/ann/first").clone(as_of=None).query_datasets("thing").count() == 2
        assert butler.clone(as_of="u/ann/first").clone(collections="run1").as_of == number

    def test_moments_that_are_not_known_are_answered_with_what_is(self, butler: Butler) -> None:
        butler.snapshots.create("first")
        with pytest.raises(MissingSnapshotError, match="did you mean 'first'"):
            butler.clone(as_of="frist")
        with pytest.raises(MissingSnapshotError, match="the last one is"):
            butler.clone(as_of=10**9)
        with pytest.raises(MissingSnapshotError, match="begins at 20"):
            butler.clone(as_of="1999-01-01")
        with pytest.raises(MissingSnapshotError, match="change number"):
            butler.clone(as_of=True)

    def test_snapshots_are_made_listed_and_forgotten(self, butler: Butler) -> None:
        made = butler.snapshots.create("one", "why")
        assert butler.snapshots["one"] == made
        assert (made.change, made.doc) == (self.now(butler), "why")
        assert butler.snapshots.create("early", as_of=1).change == 1
        assert butler.snapshots.create("early", as_of=1).change == 1
        assert [each.name for each in butler.snapshots] == ["early", "one"]
        assert "one" in repr(butler.snapshots)
        with pytest.raises(ConflictingDefinitionError, match="names change"):
            butler.snapshots.create("one")
        for name in ("2026-01-01", "12", "../up", ""):
            with pytest.raises(ConflictingDefinitionError):
                butler.snapshots.create(name)
        butler.snapshots.remove("one")
        assert "one" not in butler.snapshots
        with pytest.raises(MissingSnapshotError, match="early"):
            butler.snapshots.remove("earl")

    def test_the_past_cannot_be_changed(self, butler: Butler) -> None:
        ref = self.put(butler)
        past = butler.clone(as_of=self.now(butler), run="run1")
        for deed in (
            lambda: past.put({}, "thing", instrument="Cam", exposure=0, detector=2),
            lambda: past.remove_datasets([ref]),
            lambda: past.collections.register("new"),
            lambda: past.snapshots.create("new"),
            lambda: past.repository.commit(Principal.current(), []),
        ):
            with pytest.raises(ReadOnlyError, match="as of change"):
                deed()
        assert not past.writeable
        assert past.find_dataset("thing", exposure=0, detector=0) == ref

    def test_files_are_not_checked_against_the_past(self, butler: Butler) -> None:
        self.put(butler)
        past = butler.clone(as_of=self.now(butler))
        with pytest.raises(InvalidQueryError, match="files are those of now"):
            past.check()
        assert butler.check().is_clean

    def test_a_pickled_butler_stays_in_the_past(self, butler: Butler) -> None:
        self.put(butler)
        past = butler.clone(as_of=self.now(butler))
        self.put(butler, 1)
        copy = pickle.loads(pickle.dumps(past))  # noqa: S301 - our own bytes
        assert copy.as_of == past.as_of
        assert copy.query_datasets("thing").count() == 1
        assert f"as of change {past.as_of}" in repr(copy)

    def test_removal_costs_what_is_removed_and_the_present_nothing(self, butler: Butler) -> None:
        """Tombstones are written for what goes, by as many statements for one as for many."""

        def cost(refs: list[DatasetRef]) -> int:
            before = butler.repository.statements  # type: ignore[attr-defined]
            butler.remove_datasets(refs)
            return int(butler.repository.statements - before)  # type: ignore[attr-defined]

        refs = [self.put(butler, detector) for detector in range(3)]
        cost([self.put(butler, 0, run="run1")])
        few, many = [self.put(butler, 0)], refs[1:]
        assert cost(few) == cost(many)

    def test_calibrations_are_those_of_then(self, butler: Butler) -> None:
        butler.collections.register("calib", "CALIBRATION")
        refs = []
        for number in range(2):
            butler.collections.register(f"bias{number}")
            refs.append(butler.put({"n": number}, "bias", instrument="Cam", detector=0, run=f"bias{number}"))
        always = Timespan(None, None)
        butler.collections.certify("calib", refs[:1], always)
        before = self.now(butler)
        butler.collections.decertify("calib", "bias", always)
        butler.collections.certify("calib", refs[1:], always)
        assert butler.get("bias", exposure=0, detector=0, collections="calib") == {"n": 1}
        past = butler.clone(as_of=before)
        assert past.get("bias", exposure=0, detector=0, collections="calib") == {"n": 0}
        assert past.get("bias", detector=0, collections="calib", timespan=Timespan.instant(T0_NS)) == {"n": 0}
        told = past.calibrations("bias", "calib", history=True).to_pylist()
        assert [(row["run"], row["retired"]) for row in told] == [("bias0", None)]
        told = butler.calibrations("bias", "calib", history=True).to_pylist()
        assert [(row["run"], row["added"] <= before, row["retired"] is None) for row in told] == [
            ("bias0", True, False),
            ("bias1", False, True),
        ]

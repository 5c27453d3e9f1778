"""What every repository promises of its events: subclass `EventContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bunter import effects
from bunter.contracts.small_camera import fill_small_camera, put_thing
from bunter.dataset.event import Event
from bunter.errors import ConfigurationError, SubscriptionError
from bunter.values import Timespan

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler

__all__ = ["EventContract"]


def told(butler: Butler, *kinds: str) -> list[tuple[str, str, Any]]:
    """Return kind, collection and number or deed of the events that are kept."""
    return [
        (each.event.kind, each.event.collection, each.event.document.get("count", each.event.document.get("what")))
        for each in butler.events.query(kinds)
    ]


class EventContract:
    """Promises of events.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_small_camera(empty)
        return empty

    def test_nothing_is_kept_where_nobody_subscribes(self, butler: Butler) -> None:
        put_thing(butler, 0, 0, run="run1")
        assert told(butler) == []
        butler.events.subscribe("me")
        put_thing(butler, 1, 0, run="run1")
        assert told(butler) == [("datasets.added", "run1", 1)]
        butler.events.unsubscribe("me")
        put_thing(butler, 2, 0, run="run1")
        assert told(butler) == [("datasets.added", "run1", 1)]

    def test_a_subscription_costs_a_put_one_statement_at_most(self, butler: Butler) -> None:
        repository: Any = butler.repository

        def statements(exposure: int) -> int:
            before = repository.statements
            put_thing(butler, exposure, 0, run="run1")
            return int(repository.statements - before)

        statements(0)
        alone = statements(1)
        butler.events.subscribe("me")
        statements(2)
        assert statements(3) <= alone + 1

    def test_many_datasets_of_one_change_are_one_event_and_all_can_be_had(self, butler: Butler) -> None:
        butler.events.subscribe("me")
        keys = [{"instrument": "Cam", "exposure": e, "detector": d} for e in range(4) for d in range(2)]
        with butler.transaction():
            refs = butler.put_many([{"n": n} for n in range(8)], "thing", keys, run="run1")
            bias = butler.put({"b": 0}, "bias", instrument="Cam", detector=0, run="run1")
        first, second = butler.events.query()
        assert (first.event.document["dataset_type"], first.event.document["count"]) == ("thing", 8)
        assert first.change == second.change
        assert {ref.id for ref in butler.events.datasets(first)} == {ref.id for ref in refs}
        assert butler.events.datasets(second) == [bias]

    def test_changes_of_collections_and_removals_are_told(self, butler: Butler) -> None:
        butler.events.subscribe("me")
        refs = [put_thing(butler, e, 0, run="run1") for e in range(3)]
        bias = butler.put({"b": 0}, "bias", instrument="Cam", detector=0, run="run1")
        butler.collections.register("tag", "TAGGED")
        butler.collections.register("tag", "TAGGED")
        butler.collections.associate("tag", refs[:2])
        butler.collections.register("calib", "CALIBRATION")
        butler.collections.certify("calib", [bias], Timespan(0, 10))
        butler.collections.redefine_chain("chain", ["run1", "tag"])
        butler.remove_datasets(refs[:1], purge=False)
        butler.remove_datasets(refs[:2])
        butler.collections.remove("chain")
        assert told(butler, "collection.*", "datasets.removed", "datasets.unstored") == [
            ("collection.changed", "tag", "registered"),
            ("collection.changed", "tag", 2),
            ("collection.changed", "calib", "registered"),
            ("collection.changed", "calib", 1),
            ("collection.changed", "chain", "registered"),
            ("collection.changed", "chain", "chained"),
            ("datasets.unstored", "run1", 1),
            ("datasets.removed", "run1", 2),
            ("collection.changed", "chain", "removed"),
        ]

    def test_what_is_taken_back_is_not_told(self, butler: Butler) -> None:
        butler.events.subscribe("me")

        def give_up() -> None:
            with butler.transaction():
                put_thing(butler, 0, 0, run="run1")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            give_up()
        assert told(butler) == []

    def test_events_are_fetched_once_each_in_order_and_again_by_who_dies_with_one(self, butler: Butler) -> None:
        butler.events.subscribe("me", kinds=["datasets.*"])
        for exposure in range(3):
            put_thing(butler, exposure, 0, run="run1")
        butler.collections.register("tag", "TAGGED")
        coming = butler.events.follow("me", limit_s=0)
        ids = [next(coming).id, next(coming).id]
        coming.close()  # type: ignore[attr-defined]
        again = [each.id for each in butler.events.follow("me", limit_s=0)]
        assert again[0] == ids[1]
        assert len(again) == 2
        assert list(butler.events.follow("me", limit_s=0)) == []
        assert butler.events.waiting("me") == 0

    def test_two_do_not_follow_one_subscription(self, butler: Butler) -> None:
        butler.events.subscribe("me")
        put_thing(butler, 0, 0, run="run1")
        coming = butler.events.follow("me", limit_s=0)
        next(coming)
        with pytest.raises(SubscriptionError, match="another process follows 'me'"):
            next(butler.events.follow("me", limit_s=0))
        coming.close()  # type: ignore[attr-defined]

    def test_a_file_gets_each_event_as_a_line(self, butler: Butler, tmp_path: Path) -> None:
        butler.events.subscribe("log", "file", str(tmp_path / "events.jsonl"), collections=["run*"])
        refs = [put_thing(butler, e, 0, run="run1") for e in range(3)]
        butler.collections.register("tag", "TAGGED")
        assert [(done.name, done.events) for done in butler.events.deliver()] == [("log", 3)]
        assert [(done.name, done.events) for done in butler.events.deliver("log")] == [("log", 0)]
        lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        assert [line["data"]["ids"] for line in lines] == [[str(ref.id)] for ref in refs]
        assert {(line["specversion"], line["type"], line["subject"]) for line in lines} == {
            ("1.0", "bunter.datasets.added", "run1")
        }

    def test_a_line_cut_by_a_death_spoils_no_other(self, butler: Butler, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        path.write_text('{"specversion": "1.0", "id"')
        butler.events.subscribe("log", "file", str(path))
        put_thing(butler, 0, 0, run="run1")
        butler.events.deliver()
        assert json.loads(path.read_text().splitlines()[1])["type"] == "bunter.datasets.added"

    def test_an_event_with_a_known_mark_is_told_no_second_time(self, butler: Butler) -> None:
        butler.events.subscribe("me")
        event = Event("quantum.failed", "run1", {"quantum": 3}, "failed/g/3/0")
        butler.events.tell(event)
        butler.events.tell(event, Event("quantum.failed", "run1", {"quantum": 4}, "failed/g/4/0"))
        assert [each.event.document["quantum"] for each in butler.events.query()] == [3, 4]

    def test_events_are_forgotten_when_all_were_told_and_time_has_passed(
        self, butler: Butler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        butler.events.subscribe("log", "file", str(tmp_path / "events.jsonl"))
        put_thing(butler, 0, 0, run="run1")
        now = effects.now_ns()
        monkeypatch.setattr(effects, "now_ns", lambda: now + 10 * 86_400 * 10**9)
        assert butler.events.forget(1) == 0
        butler.events.deliver()
        assert butler.events.forget(30) == 0
        assert butler.events.forget(1, dry_run=True) == 1
        assert butler.events.forget(1) == 1
        assert told(butler) == []
        put_thing(butler, 1, 0, run="run1")
        assert [done.events for done in butler.events.deliver()] == [1]

    def test_what_was_kept_for_others_is_told_to_who_comes_later_and_asks(self, butler: Butler) -> None:
        butler.events.subscribe("early")
        put_thing(butler, 0, 0, run="run1")
        butler.events.subscribe("late")
        butler.events.subscribe("all", after=0)
        assert [butler.events.waiting(name) for name in ("early", "late", "all")] == [1, 0, 1]

    @pytest.mark.parametrize(
        ("asked", "sentence"),
        [
            ({"name": "a b"}, "letters, digits"),
            ({"name": "x", "sink": "fil"}, "did you mean 'file'"),
            ({"name": "x", "sink": "webhook", "target": "gopher://x"}, "address such as https"),
            ({"name": "x", "sink": "file", "target": "/nowhere/at/all.jsonl"}, "folder that is there"),
            ({"name": "x", "sink": "file", "target": "/tmp/.bashrc"}, "such as events.jsonl"),  # noqa: S108 - refused
            ({"name": "x", "target": "somewhere"}, "no target"),
            ({"name": "x", "kinds": ["quantum.faild"]}, "did you mean 'quantum.failed'"),
            ({"name": "taken"}, "already"),
        ],
    )
    def test_a_subscription_that_cannot_be_is_a_sentence(
        self, butler: Butler, asked: dict[str, Any], sentence: str
    ) -> None:
        butler.events.subscribe("taken")
        for dry_run in (True, False):
            with pytest.raises(SubscriptionError, match=sentence):
                butler.events.subscribe(**asked, dry_run=dry_run)
        assert [each.name for each in butler.events.subscriptions] == ["taken"]

    def test_a_name_that_nobody_has_is_a_sentence(self, butler: Butler) -> None:
        butler.events.subscribe("taken")
        asked: list[Any] = [
            lambda: butler.events.unsubscribe("takn"),
            lambda: butler.events.deliver("takn"),
            lambda: next(butler.events.follow("takn")),
        ]
        for each in asked:
            with pytest.raises(SubscriptionError, match="did you mean 'taken'"):
                each()

    def test_the_past_has_no_events(self, butler: Butler) -> None:
        put_thing(butler, 0, 0, run="run1")
        with pytest.raises(ConfigurationError, match="without as_of"):
            list(butler.clone(as_of=1).events.query())

    @pytest.fixture
    def lost(self, butler: Butler) -> Butler:
        ref = put_thing(butler, 0, 0, run="run1")
        butler.events.subscribe("me")
        [[uri]] = butler.get_uris([ref])
        butler.datastore.delete([uri.stored.key])
        return butler

    def test_an_artifact_that_a_check_misses_is_told_once(self, lost: Butler) -> None:
        assert not lost.check().is_clean
        assert not lost.check().is_clean
        [event] = lost.events.query(["artifact.lost"])
        assert event.event.document["problem"] == "missing"
        assert event.event.document["datasets"]["count"] == 1

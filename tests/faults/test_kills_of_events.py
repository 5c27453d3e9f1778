"""SIGKILL at each effect while events are kept and delivered: each arrives, in order, and none is told of what did not happen."""

import json
import shutil

import pytest

from bunter import Butler, effects
from bunter.contracts.small_camera import fill_small_camera, put_thing
from killing import any_effect, killed

pytestmark = pytest.mark.slow


@pytest.fixture
def template(tmp_path):
    with Butler.create(tmp_path / "template") as butler:
        fill_small_camera(butler)
        butler.events.subscribe("fetched")
    return tmp_path / "template"


def work(place):
    with Butler(place) as butler:
        butler.events.subscribe("log", "file", str(place / "events.jsonl"), after=0)
        put_thing(butler, 0, 0, run="run1")
        with butler.transaction():
            for exposure in (1, 2):
                put_thing(butler, exposure, 0, run="run1")
        butler.events.deliver()
        butler.remove_datasets(butler.query_datasets("thing", "run1", where="exposure = 2"))
        butler.events.deliver()


def lines_of(path):
    """Return the ids in a file of events; half a line is none."""
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            yield json.loads(line)["id"]
        except ValueError:
            continue


def test_wherever_a_process_is_killed_events_arrive_in_order_and_say_what_is_so(template, tmp_path, monkeypatch):
    step, died = 0, True
    while died:
        step += 1
        place = tmp_path / f"step{step}"
        shutil.copytree(template, place)
        died = killed(lambda place=place: work(place), step, any_effect)
        later = effects.now_ns() + 120 * 10**9  # when nobody holds the subscription any more
        with monkeypatch.context() as patch, Butler(place, writeable=True) as butler:
            patch.setattr(effects, "now_ns", lambda later=later: later)
            if not any(each.name == "log" for each in butler.events.subscriptions):
                butler.events.subscribe("log", "file", str(place / "events.jsonl"), after=0)
            assert not [done.problem for done in butler.events.deliver() if done.problem]
            kept = list(butler.events.query())
            added = sum(each.event.document["count"] for each in kept if each.event.kind == "datasets.added")
            gone = sum(each.event.document["count"] for each in kept if each.event.kind == "datasets.removed")
            assert added - gone == butler.query_datasets("thing", "run1").count(), f"after a kill at effect {step}"
            arrived = list(dict.fromkeys(lines_of(place / "events.jsonl")))
            assert arrived == [each.id for each in kept], f"after a kill at effect {step}"
        shutil.rmtree(place)
    assert (added, gone) == (3, 1)
    assert step > 20

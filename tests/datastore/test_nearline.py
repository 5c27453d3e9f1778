"""Artifacts on tape: a sentence with the container, one order for all."""

import pickle

import pytest

from bunter import Butler
from bunter.contracts.small_camera import fill_small_camera
from bunter.datastore import nearline
from bunter.datastore.nearline import NearlineState
from bunter.errors import ConfigurationError, RecallNeededError


class Tapes:
    """Tapes by detector; what is ordered comes at once when told."""

    def __init__(self, address):
        self.address, self.back, self.coming, self.orders = address, set(), set(), []

    def states(self, keys):
        return [
            NearlineState.ONLINE
            if key in self.back
            else NearlineState.RECALLED
            if key in self.coming
            else NearlineState.NEARLINE
            for key in keys
        ]

    def containers(self, keys):
        return [f"tape{key.split('Cam_')[1][0]}" for key in keys]

    def recall(self, containers):
        self.orders.append({name: len(keys) for name, keys in containers.items()})
        self.coming |= {key for keys in containers.values() for key in keys}
        return f"ticket-{len(self.orders)}"


class Entry:
    name = "tapes"

    def load(self):
        return Tapes


@pytest.fixture
def butler(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Entry()] if group == "bunter.recall" else [])
    tape = {"root": "tape", "nearline": "tapes"}
    datastore = {"constraints": {"reject": ["all"]}, "stores": {"tape": tape}}
    with Butler.create(tmp_path / "repo", datastore=datastore) as made:
        fill_small_camera(made)
        yield made


def put(butler, exposure, detector):
    return butler.put({}, "thing", instrument="Cam", exposure=exposure, detector=detector, run="run1")


def test_what_is_on_tape_is_not_read_but_told(butler):
    ref = put(butler, 0, 0)
    with pytest.raises(RecallNeededError, match=r"in tape0; `bunter recall` orders it back") as caught:
        butler.get(ref)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.containers, str(again)) == (("tape0",), str(caught.value))
    assert butler.get_uri(ref).path is None


def test_a_deep_check_leaves_tapes_where_they_are(butler):
    for detector in range(2):
        put(butler, 0, detector)
    hook = butler.datastore.stores["tape"].hook
    hook.back.add(butler.get_uri(butler.find_dataset("thing", exposure=0, detector=1)).stored.key)
    report = butler.check(deep=True)
    assert (report.is_clean, report.read, report.away) == (True, 1, 1)
    assert "1 not read as they are nearline" in str(report)
    assert hook.orders == []


def test_many_are_ordered_at_once_by_container(butler):
    refs = [put(butler, exposure, detector) for exposure in range(3) for detector in range(2)]
    hook = butler.datastore.stores["tape"].hook
    assert [order.ticket for order in butler.recall(refs, dry_run=True)] == ["", ""]
    assert hook.orders == []
    orders = butler.recall(refs)
    assert [(order.container, len(order.keys), order.ticket) for order in orders] == [
        ("tape0", 3, "ticket-1"),
        ("tape1", 3, "ticket-1"),
    ]
    assert hook.orders == [{"tape0": 3, "tape1": 3}]
    assert butler.recall(refs) == []
    with pytest.raises(RecallNeededError, match="on its way"):
        butler.get(refs[0])
    hook.back = set(hook.coming)
    assert butler.get(refs[0]) == {}
    assert butler.check(deep=True).is_clean


def test_a_hook_may_speak_plain_words_and_is_told_of_others(butler, monkeypatch):
    ref = put(butler, 0, 0)
    monkeypatch.setattr(Tapes, "states", lambda _, keys: ["online" for _ in keys])
    assert butler.get(ref) == {}
    assert butler.recall([ref]) == []
    monkeypatch.setattr(Tapes, "states", lambda _, keys: ["shelved" for _ in keys])
    with pytest.raises(ConfigurationError, match=r"'shelved' is not a valid.*online, recalled, nearline"):
        butler.get(ref)


def test_an_unknown_hook_is_a_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="nothing recalls artifacts by the name 'tapse'"):
        nearline.recall_named("tapse", "somewhere")

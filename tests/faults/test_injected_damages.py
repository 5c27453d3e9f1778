"""Damages of every class, many at once: a check finds each of them, and nothing else, also beside writers; most can be mended."""

import random
import sqlite3
import threading
from collections import Counter

import pytest

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions
from bunter.datastore.check import Problem
from bunter.values import new_id

CLASSES = ("missing", "cut", "flipped", "zeroed", "swapped", "orphan", "longer", "dead row")
WRITERS, PUTS = 2, 6


def repository(root, count):
    with Butler.create(root) as butler:
        fill_dimensions(butler)
        butler.dimension_records.insert(
            "detector", [{"instrument": "Cam", "id": 1000 + n, "full_name": f"T{n}"} for n in range(count)]
        )
        butler.dataset_types.register("thing", ["instrument", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        butler.put_many(
            [{"n": n, "text": "x" * (40 + n % 7)} for n in range(count)],
            "thing",
            [{"instrument": "Cam", "detector": 1000 + n} for n in range(count)],
            run="run1",
        )
    return root


class Vandal:
    """Damages files, each once, and remembers what a check has to say of it."""

    def __init__(self, root, seed):
        self.root, self.draw = root, random.Random(seed)
        self.files = sorted((root / "data/run1").rglob("*.json"))
        self.draw.shuffle(self.files)
        self.expected = Counter()
        self.dead = 0

    def missing(self):
        self.files.pop().unlink()
        self.expected[Problem.MISSING] += 1

    def cut(self):
        path = self.files.pop()
        path.write_bytes(path.read_bytes()[: self.draw.randrange(30)])
        self.expected[Problem.SIZE] += 1

    def flipped(self):
        self._changed(lambda content: bytes([content[0] ^ 1 << self.draw.randrange(8)]) + content[1:])

    def zeroed(self):
        self._changed(lambda content: content[:10] + bytes(len(content) - 10))

    def swapped(self):
        self._changed(lambda content: content[len(content) // 2 :] + content[: len(content) // 2])

    def _changed(self, change):
        path = self.files.pop()
        path.write_bytes(change(path.read_bytes()))
        self.expected[Problem.DAMAGED] += 1

    def orphan(self):
        self.files[-1].with_name(f"thing-{self.draw.randrange(10**12):013d}.json").write_text("{}")
        self.expected[Problem.ORPHAN] += 1

    def longer(self):
        path = self.files.pop()
        path.write_bytes(path.read_bytes() + b" ")
        self.expected[Problem.SIZE] += 1

    def dead_row(self):
        with sqlite3.connect(self.root / "registry.sqlite3") as connection:
            sql = DEAD[self.dead % len(DEAD)]
            connection.execute(sql, (new_id().bytes,) if "?" in sql else ())
        connection.close()
        self.dead += 1


DEAD = [
    "INSERT INTO metadata (id, document, added) VALUES (?, '{}', 1)",
    "INSERT INTO dataset_artifact (dataset_id, component, artifact, selector) VALUES (?, '', 1, '')",
    "INSERT OR IGNORE INTO collection_chain (parent, position, child, added) VALUES (997, 0, 998, 1)",
    (
        "INSERT OR IGNORE INTO artifact (id, directory, name, nonce, size, format, format_version, owned) "
        "VALUES (99999, 1, 'none', 'none', 1, 'json', 1, 1)"
    ),
    "INSERT OR IGNORE INTO dataset_type_alias (name, type, added) VALUES ('nobody', 999, 1)",
]


def campaign(root, seed, damages):
    vandal = Vandal(repository(root, damages), seed)
    for number in range(damages):
        getattr(vandal, CLASSES[number % len(CLASSES)].replace(" ", "_"))()
    stop = threading.Event()

    troubles = []

    def write(number):
        try:
            with Butler(root, run=f"other{number}", instrument="Cam") as butler:
                while not stop.is_set():
                    refs = [butler.put({"new": n}, "thing", detector=1000 + n) for n in range(PUTS)]
                    butler.remove_datasets(refs)
        except BaseException as exc:  # noqa: BLE001 - told by the test
            troubles.append(repr(exc))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        with Butler(root, writeable=False) as butler:
            reports = [butler.check(deep=True) for _ in range(2)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert troubles == []
    for report in reports:
        found = Counter(finding.problem for finding in report.findings)
        dead = {finding.key for finding in report.of(Problem.DEAD)}
        assert dead == {"metadata", "dataset_artifact", "collection_chain", "artifact", "dataset_type_alias"}
        del found[Problem.DEAD]
        found.pop(Problem.TRASH, None)  # what the writers are removing at this moment
        assert found == vandal.expected
    return vandal


@pytest.mark.parametrize("seed", [1])
def test_each_damage_is_found_and_nothing_else_beside_writers(seed, tmp_path):
    campaign(tmp_path / "repo", seed, 80)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_damages_are_found_and_nothing_else_beside_writers(seed, tmp_path):
    campaign(tmp_path / "repo", seed, 1000)


def test_what_is_whole_leaves_a_repository_with_dead_rows(tmp_path):
    vandal = Vandal(repository(tmp_path / "repo", 6), 1)
    for _ in DEAD:
        vandal.dead_row()
    with Butler.create(tmp_path / "new") as new, Butler(tmp_path / "repo", writeable=False) as butler:
        assert {finding.problem for finding in butler.check().findings} == {Problem.DEAD}
        new.transfers.take(butler.transfers.parcel(), transfer="copy")
        assert new.check(deep=True).is_clean
        assert new.query_datasets("thing", "run1").count() == 6

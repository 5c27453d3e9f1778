import pytest

from bunter.database import Database
from bunter.dataset import ArtifactLink, ArtifactRow
from bunter.dataset.changes import AddArtifacts
from bunter.datastore import MAIN, ArtifactRecords
from bunter.errors import KeyTakenError
from bunter.values import new_ids

RECORDS = ArtifactRecords()


@pytest.fixture
def database():
    with Database.memory() as database:
        with database.write() as tx:
            RECORDS.create(tx)
        yield database


def rows(count, *, directory="run/{}", owned=True, begin=0):
    return [
        ArtifactRow(f"n{i}", MAIN, directory.format(i % 3), f"f{i}", i, b"s" * 32, b"x" * 16, "json", 1, owned)
        for i in range(begin, begin + count)
    ]


def add(database, artifacts, links):
    with database.write() as tx:
        RECORDS.add(tx, AddArtifacts(artifacts, links))


def one_each(database, count, **options):
    artifacts, ids = rows(count, **options), new_ids(count)
    add(database, artifacts, [ArtifactLink(i, "", a.nonce) for i, a in zip(ids, artifacts, strict=True)])
    return ids


def test_what_was_added_is_located_one_by_one_and_at_once(database):
    ids = one_each(database, 10)
    with database.read() as connection:
        many = RECORDS.locate(connection, ids)
        assert many == [RECORDS.locate(connection, [i])[0] for i in ids]
        assert [item.key for [item] in many] == [f"run/{i % 3}/f{i}" for i in range(10)]
        assert many[4][0].size == 4
        assert many[4][0].owned is True
        assert RECORDS.locate(connection, []) == []
        unknown = new_ids(1)[0]
        assert RECORDS.locate(connection, [unknown]) == [[]]
        assert RECORDS.locate(connection, [ids[3], unknown, ids[1]]) == [many[3], [], many[1]]
        assert RECORDS.stored(connection, [ids[3], unknown]) == [True, False]


def test_statements_do_not_grow_with_the_number_of_rows(database):
    def cost(act):
        before = database.statements
        act()
        return database.statements - before

    def remove(ids):
        with database.write() as tx:
            RECORDS.remove(tx, ids)

    def locate(ids):
        with database.read() as connection:
            RECORDS.locate(connection, ids)
            RECORDS.registered(connection, [f"x/{i}" for i in range(len(ids))], MAIN)

    few, many = [], []
    assert cost(lambda: few.extend(one_each(database, 2))) == cost(
        lambda: many.extend(one_each(database, 999, begin=2))
    )
    assert cost(lambda: locate(few)) == cost(lambda: locate(many))
    assert cost(lambda: remove(few)) == cost(lambda: remove(many))


def test_a_dataset_may_have_a_file_per_component_and_a_file_many_datasets(database):
    a, b = new_ids(2)
    artifacts = rows(2)
    links = [ArtifactLink(a, "", "n0", "1"), ArtifactLink(a, "wcs", "n1"), ArtifactLink(b, "", "n0", "2")]
    add(database, artifacts, links)
    with database.read() as connection:
        of_a, of_b = RECORDS.locate(connection, [a, b])
    assert [(item.component, item.key, item.selector) for item in of_a] == [
        ("", "run/0/f0", "1"),
        ("wcs", "run/1/f1", ""),
    ]
    assert [item.selector for item in of_b] == ["2"]


def test_an_artifact_goes_to_the_trash_with_its_last_dataset(database):
    a, b = new_ids(2)
    add(database, rows(1), [ArtifactLink(a, "", "n0", "1"), ArtifactLink(b, "", "n0", "2")])
    with database.write() as tx:
        assert RECORDS.remove(tx, [a]) == 0
        assert RECORDS.trash(tx, MAIN) == []
        assert RECORDS.remove(tx, [b]) == 1
        assert RECORDS.trash(tx, MAIN) == [("run/0/f0", 0)]
        assert RECORDS.registered(tx, ["run/0/f0"], MAIN) == set()
        RECORDS.forget_trash(tx, ["run/0/f0"], MAIN)
        assert RECORDS.trash(tx, MAIN) == []


def test_forgetting_trash_leaves_what_others_brought_meanwhile(database):
    ids = one_each(database, 6)
    with database.write() as tx:
        assert RECORDS.remove(tx, ids[:2]) == 2
        mine = [key for key, _ in RECORDS.trash(tx, MAIN)]
        RECORDS.forget_trash(tx, mine[:1], MAIN)  # somebody else has emptied one of them
        assert RECORDS.remove(tx, ids[2:3]) == 1  # and brought another: there are as many as before
        RECORDS.forget_trash(tx, mine, MAIN)
        assert [key for key, _ in RECORDS.trash(tx, MAIN)] == ["run/2/f2"]
        assert RECORDS.remove(tx, [*ids[3:5], *ids[3:5]]) == 2  # given twice
        RECORDS.forget_trash(tx, ["run/2/f2", "run/0/f3", "run/1/f4"], MAIN)
        assert RECORDS.trash(tx, MAIN) == []


def test_what_is_not_ours_never_goes_to_the_trash(database):
    ids = one_each(database, 3, directory="/data/{}", owned=False)
    with database.write() as tx:
        assert RECORDS.remove(tx, ids) == 0
        assert RECORDS.trash(tx, MAIN) == []
        assert RECORDS.page(tx, 0, 100) == (None, [])


def test_a_key_is_recorded_once(database):
    one_each(database, 1)
    again = ArtifactRow("other", MAIN, "run/0", "f0", 1, None, None, "json")
    with pytest.raises(KeyTakenError, match="run/0/f0 is recorded already"):
        add(database, [again], [ArtifactLink(new_ids(1)[0], "", "other")])


def test_a_dataset_is_stored_once(database):
    ids = one_each(database, 1)
    with pytest.raises(KeyTakenError, match="stored already"):
        add(database, rows(1, begin=5), [ArtifactLink(ids[0], "", "n5")])


def test_links_may_name_artifacts_recorded_before(database):
    one_each(database, 3)
    later = new_ids(1)[0]
    add(database, [], [ArtifactLink(later, "", "n1", "0:10")])
    with database.read() as connection:
        assert RECORDS.locate(connection, [later])[0][0].key == "run/1/f1"
    with pytest.raises(KeyTakenError, match="neither new nor recorded"):
        add(database, [], [ArtifactLink(new_ids(1)[0], "", "nothing")])


def test_registered_tells_recorded_keys_from_others(database):
    one_each(database, 4)
    one_each(database, 1, begin=7, directory="")
    with database.read() as connection:
        keys = ["run/0/f0", "run/0/f1", "other/f0", "f7", "f0", 'odd"/name']
        assert RECORDS.registered(connection, keys, MAIN) == {"run/0/f0", "f7"}
        assert RECORDS.registered(connection, keys, "other") == set()
        assert RECORDS.registered(connection, [], MAIN) == set()

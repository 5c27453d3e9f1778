"""Eight processes do the same at once: registrations all succeed, of puts one wins."""

from itertools import chain

from bunter import Butler

PROCESSES = 8


def everybody(shared, action, count):
    return shared.together(*((action, me, count) for me in range(PROCESSES)))


def test_the_same_registrations_all_succeed(shared):
    everybody(shared, "registrations", 3)
    with Butler(shared.root) as butler:
        assert butler.query_dimension_records("instrument").count() == 4
        assert butler.query_dimension_records("detector", instrument="shared1").count() == 5
        assert len(butler.dataset_types.query("type*")) == 3
        assert butler.collections.info("shared2/CHAINED").children == ("shared2/RUN", "shared2/TAGGED")
        children = butler.collections.info("everything").children
        assert sorted(children) == sorted(f"own/{me}/{n}" for me in range(PROCESSES) for n in range(3))
        assert set(butler.collections.expand("shared*/opened")) == {f"shared{n}/opened" for n in range(3)}
        assert butler.check().is_clean


def test_of_equal_puts_one_wins_and_all_get_its_ref(shared):
    ids = everybody(shared, "equal", 10)
    assert all(each == ids[0] for each in ids)
    assert_ten(shared, set(ids[0]))


def test_of_equal_puts_of_several_that_overlap_each_wins_once(shared):
    merged = {}
    for ids in everybody(shared, "bulk", 30):
        for number, each in ids.items():
            merged.setdefault(number, set()).update(each)
    assert len(merged) == 30
    assert all(len(each) == 1 for each in merged.values())
    with Butler(shared.root) as butler:
        assert butler.query_datasets("thing", "run1").count() == 30
        assert butler.check(deep=True).is_clean


def test_of_different_puts_one_wins_and_the_others_are_told(shared):
    won = everybody(shared, "different", 10)
    assert sorted(chain.from_iterable(won)) == list(range(10))
    with Butler(shared.root) as butler:
        for ref in butler.query_datasets("thing", "run1"):
            assert ref.data_id["exposure"] in won[butler.get(ref)["me"]]
    assert_ten(shared)


def assert_ten(shared, ids=None):
    with Butler(shared.root) as butler:
        refs = list(butler.query_datasets("thing", "run1"))
        assert len(refs) == 10
        assert ids is None or {str(ref.id) for ref in refs} == ids
        assert all(butler.get(ref) for ref in refs)
        report = butler.check(deep=True)
        assert report.is_clean, report

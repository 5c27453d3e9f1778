"""Eight processes put into one run while another asks: nothing fails, nothing is lost, and who asks hardly waits."""

import os
from itertools import chain

import pytest

from bunter import Butler

PROCESSES = 8
SLOWNESS = float(os.environ.get("BUNTER_SLOWNESS", "1"))


def put_while_asking(shared, count):
    works = [("puts", me, count) for me in range(PROCESSES)]
    *put, asked = shared.together(*works, ("reads", 0, 0))
    return sorted(chain.from_iterable(put)), sorted(asked)


def assert_whole(shared, count):
    with Butler(shared.root) as butler:
        found = {
            (ref.data_id["exposure"], ref.data_id["detector"]): ref for ref in butler.query_datasets("thing", "run1")
        }
        assert set(found) == {(e, d) for e in range(count) for d in range(PROCESSES)}
        assert all(butler.get(ref) == {"e": e, "d": d} for (e, d), ref in found.items())
        report = butler.check(deep=True)
        assert report.is_clean, report


def told(name, times):
    places = {"median": len(times) // 2, "p99": len(times) * 99 // 100, "max": -1}
    figures = ", ".join(f"{place} {times[n] * 1e3:.1f} ms" for place, n in places.items())
    print(f"{name}: {len(times)}, {figures}")  # noqa: T201 - figures for the report


def campaign(shared, count):
    put, asked = put_while_asking(shared, count)
    told("puts", put)
    told("questions meanwhile", asked)
    assert_whole(shared, count)
    assert len(asked) > 10
    assert asked[len(asked) * 99 // 100] < 0.1 * SLOWNESS
    assert asked[-1] < SLOWNESS, "a disk that writes may hold up one of hundreds, but not for a second"


def test_eight_processes_put_and_a_reader_hardly_waits(shared):
    campaign(shared, 100)


@pytest.mark.soak
def test_eight_processes_put_four_thousand_datasets(shared):
    campaign(shared, 500)

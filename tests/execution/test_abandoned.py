"""What a run that nobody resumes wrote for quanta that never ended goes after a while; the run can be resumed all the same."""

import os
import shutil
import subprocess

import pytest
from test_crashes import BUNTER, complete, repository, start, wait_until_gone

from bunter.butler import Butler
from bunter.execution import abandoned_keys, claimed_keys

__all__ = ["repository"]

pytestmark = pytest.mark.slow


def test_pieces_of_a_given_up_run_are_swept_after_a_grace_period_only(repository):
    fresh = repository
    for step in range(304, 400, 8):  # earlier effects are those of the plan and of artifacts that are written
        repository = fresh.with_name(f"repo-{step}")
        shutil.copytree(fresh, repository)
        start(repository, 1, BUNTER_KILL_AT=str(step)).communicate(timeout=300)
        wait_until_gone(repository)
        with Butler(repository, writeable=True) as butler:
            butler.repository.recover()
            store = butler.datastore.stores["main"]
            keys = list(abandoned_keys(repository, older_than_s=0))
            there = [key for key, stat in zip(keys, store.stat_many(keys), strict=True) if stat is not None]
        if there:
            break
    assert there, "no kill came between the publication and the receipt"
    assert abandoned_keys(repository, older_than_s=3600) == {}
    young = subprocess.run([*BUNTER, "gc", str(repository), "--json"], capture_output=True, text=True, check=True)
    assert "abandoned" not in young.stdout
    told = subprocess.run(
        [*BUNTER, "gc", str(repository), "--abandoned-after", "0", "--dry-run"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "abandoned run" in told.stdout
    assert all(os.path.exists(store.path(key)) for key in there)  # noqa: PTH110
    subprocess.run([*BUNTER, "gc", str(repository), "--abandoned-after", "0"], capture_output=True, check=True)
    assert not any(os.path.exists(store.path(key)) for key in there)  # noqa: PTH110
    with Butler(repository) as butler:
        assert butler.check(deep=True, claims=lambda: claimed_keys(repository)).is_clean
    assert complete(repository)[0] == 0
    with Butler(repository) as butler:
        assert butler.check(deep=True).is_clean

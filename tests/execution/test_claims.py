"""What a killed run has published and not registered is its own, not an orphan."""

import subprocess

import pytest
from test_crashes import BUNTER, complete, repository, start, wait_until_gone

from bunter.butler import Butler
from bunter.datastore.check import Problem
from bunter.execution import claimed_keys

__all__ = ["repository"]


@pytest.mark.parametrize("step", [150, 260])
def test_a_check_between_kill_and_resumption_names_the_run(repository, step):
    start(repository, 1, BUNTER_KILL_AT=str(step)).communicate(timeout=300)
    wait_until_gone(repository)
    with Butler(repository, writeable=True) as butler:
        butler.repository.recover()
        alone, told = butler.check(), butler.check(claims=lambda: claimed_keys(repository))
    assert not told.of(Problem.ORPHAN)
    assert sum(told.unfinished.values()) == len(alone.of(Problem.ORPHAN))
    assert told.is_clean
    checked = subprocess.run([*BUNTER, "check", str(repository)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    if told.unfinished:
        assert "unfinished run" in checked.stdout
    assert complete(repository)[0] == 0
    with Butler(repository) as butler:
        assert butler.check(deep=True).is_clean

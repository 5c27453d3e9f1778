import os
import time

import pytest

from bunter.butler import Butler, temporary_repository
from bunter.errors import RepositoryNotFoundError


def made():
    begin = time.process_time()
    with temporary_repository() as butler:
        assert butler.universe
    return time.process_time() - begin


def test_an_empty_repository_for_a_test_costs_less_than_20_ms():
    made()  # the first loads modules
    assert min(made() for _ in range(10)) < 0.02 * float(os.environ.get("BUNTER_SLOWNESS", "1"))


def test_each_is_its_own_and_is_gone_afterwards():
    with temporary_repository() as one, temporary_repository() as other:
        one.collections.register("run")
        assert list(other.collections.query()) == []
        name = repr(one).split("'")[1]
    with pytest.raises(RepositoryNotFoundError):
        Butler(name)

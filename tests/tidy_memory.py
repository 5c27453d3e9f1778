"""Memory that is measured without what only waits for its turn to be collected; whoever imports the fixture has it."""

import gc
import tracemalloc

import pytest


@pytest.fixture(autouse=True)
def tidy():
    """Let what only refers to itself go soon: when its turn comes depends on all that the process has done before."""
    before = gc.get_threshold()
    gc.set_threshold(200, 2, 2)
    yield
    gc.set_threshold(*before)


def peak_of(act, *arguments):
    """Return the most bytes that Python held while something was done, beyond those before."""
    gc.collect()
    tracemalloc.start()
    try:
        act(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

"""What is promised in test_state.py, by PostgreSQL."""

import pytest
from hypothesis import settings

from again_on_postgres import again

globals().update(again(__file__))

TestRegistry = globals()["TestRegistry"]
AT_LENGTH = TestRegistry.settings
TestRegistry.settings = settings(AT_LENGTH, max_examples=8)  # each example makes a schema


@pytest.mark.slow
class TestRegistryAtLength(TestRegistry):
    settings = AT_LENGTH

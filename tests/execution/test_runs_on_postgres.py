"""Runs that are extended, that wait, and that hand results on, once more with the registry on PostgreSQL."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from small_survey import make_repository

pytestmark = pytest.mark.slow


@pytest.fixture
def butler(tmp_path, postgres_url, request):
    with make_repository(tmp_path / "repo", database=postgres_url) as butler:
        if request.function.__module__ == "waiting_again":  # where an input comes late
            butler.remove_datasets(
                butler.query_datasets("raw", "raw", where="exposure = 2 AND detector = 1"), purge=True
            )
        yield butler


def again(name):
    """Return the tests of a module that begin with a small repository, under names that tell where they are from."""
    spec = importlib.util.spec_from_file_location(f"{name}_again", Path(__file__).with_name(f"test_{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = {key.removeprefix("test_"): thing for key, thing in vars(module).items() if key.startswith("test_")}
    return {
        f"test_{name}_{key}": thing
        for key, thing in tests.items()
        if "butler" in thing.__code__.co_varnames[: thing.__code__.co_argcount]
    }


globals().update(again("extending"), **again("waiting"), **again("handover"))

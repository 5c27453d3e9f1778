"""SIGKILL at random moments of every deed that changes a repository; the seed is printed, BUNTER_SEED repeats it."""

import importlib.util
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from bunter.butler.cloning import clone_registry
from killing import in_child

_spec = importlib.util.spec_from_file_location("deeds", Path(__file__).with_name("deeds.py"))
deeds = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(deeds)

SEED = int(os.environ.get("BUNTER_SEED", time.time_ns() % 10**9))


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return deeds.make_template(tmp_path_factory.mktemp("template"))


def campaign(name, template, tmp_path, *, rounds, seconds=float("inf"), copy=shutil.copytree):
    """Kill a deed again and again, at moments within the time it takes; return how often it was killed."""
    print(f"BUNTER_SEED={SEED}")  # noqa: T201 - whoever repeats a failure needs it
    moments = random.Random(f"{SEED} {name}")
    place = tmp_path / "trial"
    copy(template, place)
    took = in_child(deeds.DEEDS[name].act, place)[1]
    until, killed = time.monotonic() + seconds, 0
    for _ in range(rounds):
        shutil.rmtree(place)
        if killed and time.monotonic() > until:
            break
        copy(template, place)
        died, lived = in_child(deeds.DEEDS[name].act, place, kill_after_s=moments.uniform(0, took))
        took = max(took * 0.9, lived) if not died else took
        killed += died
        deeds.verify(name, place, died=died)
    return killed


@pytest.mark.slow
@pytest.mark.parametrize("name", deeds.DEEDS)
def test_a_kill_at_some_random_moments_loses_nothing(name, template, tmp_path):
    assert campaign(name, template, tmp_path, rounds=100, seconds=4) > 0


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", deeds.DEEDS)
def test_a_kill_at_five_hundred_random_moments_loses_nothing(name, template, tmp_path):
    assert campaign(name, template, tmp_path, rounds=500) > 50


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [name for name in deeds.DEEDS if name != "load"])  # which makes a registry in a file
def test_a_kill_at_fifty_random_moments_loses_nothing_on_postgres(name, template, tmp_path, postgres_server):
    def copy(source, place):
        shutil.copytree(source, place)
        clone_registry(place / deeds.DEEDS[name].root, postgres_server.url(), switch=True)

    assert campaign(name, template, tmp_path, rounds=50, copy=copy) > 5

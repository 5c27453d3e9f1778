"""Runs that are killed at random moments, with the registry on PostgreSQL."""

from __future__ import annotations

import random

import pytest
from small_survey import make_repository
from test_crashes import DETECTORS, EXPOSURES, PIPELINE, everything_is_readable, is_done, strike, wait_until_gone


@pytest.fixture
def repository(tmp_path, postgres_url):
    make_repository(tmp_path / "repo", EXPOSURES, DETECTORS, database=postgres_url).close()
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return tmp_path / "repo"


def killed_once(repository, seed):
    strike(repository, random.Random(seed), 2)
    wait_until_gone(repository)
    everything_is_readable(repository)
    is_done(repository)


@pytest.mark.slow
def test_a_run_that_is_killed_is_completed_by_the_same_command(repository):
    killed_once(repository, 20_260_102)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100))
def test_a_run_survives_a_kill_at_a_moment(repository, seed):
    killed_once(repository, seed)

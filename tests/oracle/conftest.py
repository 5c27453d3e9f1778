"""Where the reference system is installed (`make oracle`), every test asks both systems the same.

The campaign is bounded by ``BUNTER_ORACLE_EXAMPLES`` (questions per test) and repeated by ``BUNTER_ORACLE_SEED``; with
``BUNTER_ORACLE_DATABASE=postgresql`` Bunter's registry is there instead of in SQLite.
"""

import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

SEED = int(os.environ.get("BUNTER_ORACLE_SEED") or random.SystemRandom().randrange(10**6))
EXAMPLES = int(os.environ.get("BUNTER_ORACLE_EXAMPLES") or 100)
os.environ["BUNTER_ORACLE_SEED"] = str(SEED)  # workers use the same


def pytest_report_header():
    return f"oracle: BUNTER_ORACLE_SEED={SEED} BUNTER_ORACLE_EXAMPLES={EXAMPLES}"


@pytest.fixture(scope="session")
def campaign_seed():
    return SEED


@pytest.fixture(scope="session")
def database(request):
    """Address of a new schema for Bunter's registry; None for SQLite."""
    if os.environ.get("BUNTER_ORACLE_DATABASE") != "postgresql":
        return lambda: None
    return request.getfixturevalue("postgres_server").url


@pytest.fixture(scope="session", params=["survey", "base", "hsc-rc2", "lsstcam", "ci-hsc"])
def world(request, tmp_path_factory, database):
    """One repository in both systems: a made-up survey, or what the reference system is tested with."""
    import worlds

    folder = tmp_path_factory.mktemp("worlds")
    if request.param == "survey":
        return worlds.world("survey", worlds.made_up(folder, SEED % 100), folder, database())
    return worlds.world(request.param, worlds.packaged(*worlds.PACKAGED[request.param]), folder, database())


@pytest.fixture(scope="session")
def survey(tmp_path_factory, database):
    """The made-up survey alone, always the same one."""
    import worlds

    folder = tmp_path_factory.mktemp("survey")
    return worlds.world("survey", worlds.made_up(folder, 1), folder, database())


@pytest.fixture(scope="session")
def schema(world):
    import questions

    return questions.Schema.of(world.ours)


@pytest.fixture(scope="session")
def survey_schema(survey):
    import questions

    return questions.Schema.of(survey.ours)

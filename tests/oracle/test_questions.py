"""Random questions have the same answers in both systems."""

import pytest

pytest.importorskip("lsst.daf.butler", reason="the reference system is not installed; `make oracle` installs it")

import asking
import questions
from campaign import TALLY, campaign

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:Generating overly large repr")]


@pytest.fixture(scope="module", autouse=True)
def told():
    """Print how many questions were compared, and how."""
    yield
    print(f"\noracle: {sum(TALLY.values())} questions: {dict(TALLY)}")


def test_datasets(world, schema):
    if schema.dataset_types:
        campaign(questions.dataset_questions(schema), lambda asked: asking.compare(world, asked))


def test_data_ids(world, schema):
    campaign(questions.data_id_questions(schema), lambda asked: asking.compare(world, asked))


def test_records(world, schema):
    campaign(questions.record_questions(schema), lambda asked: asking.compare(world, asked))


def test_order_and_limit(world, schema):
    campaign(questions.ordered_questions(schema), lambda asked: asking.compare_ordered(world, asked))

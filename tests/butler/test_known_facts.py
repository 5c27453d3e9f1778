"""The contract about puts beside others who change collections and dataset types, over every implementation."""

import pytest

from bunter import Butler
from bunter.contracts.known_facts import KnownFactsContract


class TestKnownFactsOfAFolder(KnownFactsContract):
    @pytest.fixture
    def pair(self, tmp_path):
        with Butler.create(tmp_path / "repo") as mine, Butler(tmp_path / "repo", writeable=True) as theirs:
            yield mine, theirs


class TestKnownFactsOnPostgres(KnownFactsContract):
    @pytest.fixture
    def pair(self, tmp_path, postgres_url):
        place = tmp_path / "repo"
        with Butler.create(place, database=postgres_url) as mine, Butler(place, writeable=True) as theirs:
            yield mine, theirs


def test_an_object_that_is_put_looks_for_facts_in_its_own_transaction_only(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        butler.collections.register("run")
        butler.dataset_types.register("number", [], "StructuredDataDict")
        butler.dataset_types.register("other", [], "StructuredDataDict")
        butler.put({"a": 1}, "number", run="run")
        before = butler.repository.statements
        butler.put({"a": 1}, "other", run="run")
        assert butler.repository.statements - before <= 11

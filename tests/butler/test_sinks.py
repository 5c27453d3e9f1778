"""The sink contract over every kind of registry."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.sinks import SinkContract
from bunter.errors import ConfigurationError


class TestSinksOfFolder(SinkContract):
    @pytest.fixture
    def make(self, tmp_path):
        made = []
        yield lambda datastore: made.append(Butler.create(tmp_path / "repo", datastore=datastore)) or made[-1]
        for butler in made:
            butler.close()


class TestSinksInMemory(SinkContract):
    @pytest.fixture
    def make(self):
        return lambda datastore: Butler.create(f"memory://{uuid.uuid4()}", datastore=datastore)


class TestSinksOnPostgres(SinkContract):
    @pytest.fixture
    def make(self, tmp_path, postgres_url):
        made = []
        yield (
            lambda datastore: (
                made.append(Butler.create(tmp_path / "repo", database=postgres_url, datastore=datastore)) or made[-1]
            )
        )
        for butler in made:
            butler.close()


@pytest.mark.parametrize(
    ("sink", "sentence"),
    [
        ({"kind": "metrix"}, "did you mean 'metrics'"),
        ({"kind": "http"}, "must be an address such as https"),
        ({"kind": "http", "address": "file:///etc/passwd"}, "must be an address such as https"),
    ],
)
def test_a_sink_that_cannot_be_is_a_sentence(tmp_path, sink, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        Butler.create(tmp_path / "repo", datastore={"sinks": {"x": sink}})

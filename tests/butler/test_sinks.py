"""The contracts of sinks over every kind of registry."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.alone_sinks import AloneSinkContract
from bunter.contracts.sinks import SinkContract
from bunter.errors import ConfigurationError


class TestSinksOfFolder(SinkContract, AloneSinkContract):
    @pytest.fixture
    def make(self, tmp_path):
        made = []
        yield lambda datastore: made.append(Butler.create(tmp_path / "repo", datastore=datastore)) or made[-1]
        for butler in made:
            butler.close()


class TestSinksInMemory(SinkContract, AloneSinkContract):
    @pytest.fixture
    def make(self):
        return lambda datastore: Butler.create(f"memory://{uuid.uuid4()}", datastore=datastore)


class TestSinksOnPostgres(SinkContract, AloneSinkContract):
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
        ({"kind": "http", "address": "https://x", "alone": True}, "could not be read back; leave 'alone' out"),
        ({"alone": True}, "says what it takes; add 'constraints"),
        ({"kind": "rows", "address": "https://x"}, "leave 'address' out"),
    ],
)
def test_a_sink_that_cannot_be_is_a_sentence(tmp_path, sink, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        Butler.create(tmp_path / "repo", datastore={"sinks": {"x": sink}})


def test_a_sink_that_is_alone_has_no_name_of_a_store(tmp_path):
    sinks = {"other": {"alone": True, "constraints": {"accept": ["seeing"]}}}
    with pytest.raises(ConfigurationError, match="needs a name that no store has"):
        Butler.create(tmp_path / "repo", datastore={"sinks": sinks, "stores": {"other": {"root": "other"}}})

"""The contracts of sinks over every kind of registry."""

import pytest

from bunter import Butler
from bunter.contracts.alone_sinks import AloneSinkContract
from bunter.contracts.sinks import SinkContract
from bunter.errors import ConfigurationError
from made_repositories import MadeInFolder, MadeInMemory, MadeOnPostgres


class TestSinksOfFolder(MadeInFolder, SinkContract, AloneSinkContract):
    pass


class TestSinksInMemory(MadeInMemory, SinkContract, AloneSinkContract):
    pass


class TestSinksOnPostgres(MadeOnPostgres, SinkContract, AloneSinkContract):
    pass


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

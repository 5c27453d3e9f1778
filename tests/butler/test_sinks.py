"""The contracts of sinks over every kind of registry."""

import pytest

from bunter import Butler
from bunter.contracts.alone_sinks import AloneSinkContract
from bunter.contracts.sinks import SinkContract, filled, put
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


def test_a_sink_that_came_later_is_filled(tmp_path):
    with filled(Butler.create(tmp_path / "repo")) as butler:
        put(butler, {"fwhm": 1.0})
        put(butler, {"fwhm": 2.0}, "note")
    with (tmp_path / "repo" / "bunter.yaml").open("a") as file:
        file.write("datastore: {sinks: {late: {kind: metrics, constraints: {accept: ['instrument<Cam>.seeing']}}}}\n")
    with Butler(tmp_path / "repo", run="run2", instrument="Cam") as butler:
        assert butler.repository.feeding.fill("late", dry_run=True) == 1
        assert butler.repository.feeding.fill("late") == 1
        assert butler.repository.feeding.deliver() == {"late": 1}
        assert butler.repository.feeding.fill("late") == 0
        assert list(butler.metrics("seeing", "fwhm", collections="run1").to_table()["fwhm"]) == [1.0]
        with pytest.raises(ConfigurationError, match="did you mean 'late'"):
            butler.repository.feeding.fill("lat")

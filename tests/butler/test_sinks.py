"""The contracts of sinks over every kind of registry."""

import json

import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.contracts.alone_sinks import AloneSinkContract
from bunter.contracts.sinks import SinkContract, filled, put
from bunter.errors import ConfigurationError, MissingMetricError
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


@pytest.fixture
def measured(tmp_path):
    """A repository with metrics of two datasets, one of which lacks one."""
    metrics = {"sinks": {"metrics": {"kind": "metrics"}}}
    with filled(Butler.create(tmp_path / "repo", datastore=metrics)) as butler:
        for detector, content in enumerate(({"fwhm": 1.0, "chi2": 2.0}, {"fwhm": 3.0})):
            put(butler, content, detector=detector)
    return tmp_path / "repo"


def test_a_metric_that_nothing_has_is_refused_and_one_that_some_have_is_not(measured):
    with Butler(measured) as butler:
        with pytest.raises(MissingMetricError, match="no dataset has a metric 'fwmh'; did you mean 'fwhm'"):
            butler.metrics("seeing", "fwmh", collections="*").to_arrow()
        with pytest.raises(MissingMetricError, match="there are chi2, fwhm"):
            butler.metrics("seeing", "sky", collections="*").to_arrow()
        found = butler.metrics("seeing", "chi2", collections="*", find_first=False).to_arrow()
        assert sorted(map(str, found["chi2"].to_pylist())) == ["2.0", "nan"]


def test_columns_of_metrics_are_chosen_at_the_command_line(measured, capfd):
    for names in ([], ["fwhm"]):
        words = ["metrics", str(measured), "seeing", *names, "--collections", "*", "--columns", "fwhm,detector"]
        assert run([*words, "--json"]) == 0
        rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        assert [list(row) for row in rows] == [["fwhm", "detector"]] * 2
        assert run([*words, "--csv"]) == 0
        assert capfd.readouterr().out.splitlines()[0] == "fwhm,detector"
    assert run(["metrics", str(measured), "seeing", "--collections", "*", "--columns", "fwmh"]) == 1
    assert "did you mean 'fwhm'" in capfd.readouterr().err


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

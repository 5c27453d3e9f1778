"""Parts of configurations that are chosen: by tag, by plug-in, and the subtasks made from them."""

from typing import Annotated, Literal

import pytest

from bunter.errors import PipelineError
from bunter.pipeline import (
    Connections,
    Field,
    Output,
    Pipeline,
    PipelineTask,
    PluginChoice,
    Struct,
    Subtask,
    TaskConfig,
    TaskPart,
    config_dict,
    config_diff,
    config_hash,
    config_schema,
    run_task,
)
from bunter.pipeline.choices import provided


class Threshold(TaskPart):
    kind: Literal["threshold"] = "threshold"
    sigma: float = Field(5.0, gt=0)


class Wavelet(TaskPart):
    kind: Literal["wavelet"] = "wavelet"
    scales: int = Field(4, ge=1, description="How many.")


class ByThreshold(Subtask[Threshold]):
    def run(self, pixels):
        self.metadata["sigma"] = self.config.sigma
        self.log.info("looking")
        return [one for one in pixels if one > self.config.sigma]


class ByWavelet(Subtask[Wavelet]):
    def run(self, pixels):
        return pixels[: self.config.scales]


class Median(TaskPart):
    size: int = Field(64, ge=8)


class Spline(TaskPart):
    knots: int = Field(5, ge=2)
    weights: list[float] = Field([1.0])


METADATA = """Metadata-Version: 2.1
Name: sky-extras
Version: 1.0
"""
POINTS = f"[test.skies]\nmedian = {__name__}:Median\nspline = {__name__}:Spline\nbroken = no_such_module_at_all:X\n"


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    """Install a distribution that provides two kinds of sky."""
    folder = tmp_path / "sky_extras-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA)
    (folder / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    from bunter.pipeline import choices

    choices._points.cache_clear()
    yield
    choices._points.cache_clear()


class SkyConnections(Connections, dimensions=("instrument",)):
    found = Output("found", "StructuredDataList", dimensions=("instrument",))


class SkyConfig(TaskConfig):
    detect: Annotated[Threshold | Wavelet, Field(discriminator="kind")] = Threshold()
    sky: Annotated[TaskPart, PluginChoice("test.skies")] = Median(size=32)


class SkyTask(PipelineTask[SkyConfig]):
    Connections = SkyConnections

    def run(self):
        return Struct(found=self.subtask("detect").run([1, 4, 9]))


def configured(**config):
    pipeline = Pipeline.from_tasks({"sky": (SkyTask, {name.replace("__", "."): one for name, one in config.items()})})
    return pipeline.resolve()["sky"].config


def test_a_plugin_is_chosen_by_name_and_its_fields_are_set():
    assert configured().sky == Median(size=32)
    assert configured(sky__size=16).sky == Median(size=16)
    assert configured(sky="spline").sky == Spline()
    assert configured(sky="spline", sky__knots=7).sky == Spline(knots=7)
    assert configured(sky__kind="spline", sky__weights=[2]).sky == Spline(weights=[2])
    assert configured(sky={"kind": "spline", "knots": 3}).sky == Spline(knots=3)


def test_a_chosen_plugin_is_saved_as_data_and_read_back():
    config = configured(sky__kind="spline", sky__knots=7)
    plain = config_dict(config)
    assert plain["sky"] == {"kind": "spline", "knots": 7, "weights": [1.0]}
    assert SkyConfig.model_validate(plain) == config
    assert config_hash(SkyConfig.model_validate(plain)) == config_hash(config) != config_hash(configured())


def test_the_command_line_chooses_plugins_and_every_value_has_its_source():
    pipeline = Pipeline.from_tasks({"sky": SkyTask}).configure(
        "sky:sky.kind=spline", "sky:sky.knots=9", "sky:detect.kind=wavelet"
    )
    values = pipeline.values_of("sky")
    assert values["sky.knots"] == (9, "argument 'sky:sky.knots=9'")
    assert values["sky.weights"] == ([1.0], "default")
    assert values["detect.kind"] == ("wavelet", "argument 'sky:detect.kind=wavelet'")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"sky": "splien"}, "no installed package provides 'splien' in 'test.skies'; did you mean 'spline'"),
        ({"sky": {"knots": 3}}, r"give a kind of 'test.skies' \(broken, median, spline\)"),
        ({"sky__size": 2}, "greater than or equal to 8"),
        ({"sky__sise": 64}, "sise"),
        ({"sky": "broken"}, "importing 'broken' of 'test.skies' fails"),
        ({"detect__kind": "guess"}, "detect"),
    ],
)
def test_a_wrong_choice_is_one_sentence(config, sentence):
    with pytest.raises(PipelineError, match=sentence):
        configured(**config)


def test_the_schema_lists_what_is_installed(monkeypatch):
    monkeypatch.setattr("bunter.pipeline.choices.provided", lambda group: ("median", "spline"))
    schema = config_schema(SkyConfig)["properties"]["sky"]
    assert [one["properties"]["kind"] for one in schema["oneOf"]] == [{"const": "median"}, {"const": "spline"}]
    assert schema["oneOf"][0]["properties"]["size"]["minimum"] == 8


def test_provided_names_are_listed():
    assert provided("test.skies") == ("broken", "median", "spline")


def test_the_value_decides_which_subtask_is_made():
    result = run_task(SkyTask)
    assert result.found == [9]
    assert result.metadata_ == {"detect": {"sigma": 5.0}}
    assert run_task(SkyTask, {"detect": {"kind": "wavelet", "scales": 2}}).found == [1, 4]


def test_a_subtask_logs_under_its_owner(caplog):
    with caplog.at_level("INFO"):
        run_task(SkyTask)
    assert [one.name for one in caplog.records] == [f"{__name__}.SkyTask.detect"]


def test_a_part_without_subtask_says_what_to_write():
    with pytest.raises(PipelineError, match=r"no subtask is made for Median.*Subtask\[Median\]"):
        SkyTask().subtask("sky")
    with pytest.raises(PipelineError, match="no configuration field 'detetc'; did you mean 'detect'"):
        SkyTask().subtask("detetc")


def test_two_configurations_are_compared_by_dotted_name():
    before, after = configured(), configured(sky__kind="spline", detect__sigma=3)
    assert config_diff(before, config_dict(after)) == [
        ("detect.sigma", 5.0, 3.0),
        ("sky.kind", "median", "spline"),
        ("sky.knots", None, 5),
        ("sky.size", 32, None),
        ("sky.weights", None, [1.0]),
    ]
    assert config_diff(after, after) == []

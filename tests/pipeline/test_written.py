"""Files as the reference system's users write them, and what becomes of a pipeline that is written again."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.errors import PipelineError
from bunter.pipeline import Pipeline
from bunter.pipeline.written import yaml_of

INGREDIENT = """
description: >
  Ingredient; use it through a recipe.
parameters:
  catalogName: source_v1
tasks:
  isr:
    class: lsst.ip.isr.IsrTask
    config:
      connections.outputExposure: 'post_isr'
      doFlat: true
      growSaturationFootprintSize: 0
      maskPlanes: ["SAT", "BAD"]
  detect:
    class: demo.tasks.DetectTask
    config:
      - connections.catalog: parameters.catalogName
        threshold: 5.0
      - file: $DEMO_PIPE_DIR/detect.py
      - threshold: 6.0
        python: |
          config.filters = [f for f in config.filters if f != "u"]
  plots: demo.tasks.PlotTask
subsets:
  step1-single-visit:
    subset: [isr, detect]
    description: Any where clause on exposure or detector is safe.
  plots-only: [plots]
steps:
  - label: step1-single-visit
    dimensions: ["exposure", "detector"]
  - {label: plots-only, dimensions: []}
contracts:
  - isr.doFlat == True if detect.doIllumination == True else True
  - contract: isr.connections.ConnectionsClass(config=isr).outputExposure.name ==
              detect.connections.ConnectionsClass(config=detect).exposure.name
    msg: "isr.outputExposure != detect.exposure"
"""
RECIPE = """
description: for one camera
instrument: demo.cam.DemoCam
imports:
  - location: $DEMO_PIPE_DIR/ingredient.yaml
    exclude: [plots-only]
    labeledSubsetModifyMode: EDIT
    importSteps: false
tasks:
  isr:
    class: lsst.ip.isr.IsrTask
    config:
      doFlat: false
  extra: demo.tasks.ExtraTask
"""


@pytest.fixture
def camera(tmp_path, monkeypatch):
    monkeypatch.setenv("DEMO_PIPE_DIR", str(tmp_path))
    (tmp_path / "ingredient.yaml").write_text(INGREDIENT)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "detect.py").write_text("config.selector.retarget(Unknown)\n")
    return tmp_path


def test_files_of_the_reference_system_are_read_drawn_and_listed(camera):
    found = Pipeline.from_file(camera / "recipe.yaml")
    assert list(found.tasks) == ["isr", "detect", "extra"]
    assert (found.instrument, found.steps) == ("demo.cam.DemoCam", ())
    assert found.subsets["step1-single-visit"].labels == ("isr", "detect")
    assert "detect" in found.draw()
    assert [one.label for one in Pipeline.from_file(camera / "ingredient.yaml").steps] == [
        "step1-single-visit",
        "plots-only",
    ]
    assert set(Pipeline.from_file(f"{camera}/ingredient.yaml#step1-single-visit").outline()) == {"isr", "detect"}
    assert set(Pipeline.from_file(camera / "ingredient.yaml").select("S:plots-only | isr").outline()) == {
        "isr",
        "plots",
    }


def test_a_written_pipeline_reads_back_the_same(camera):
    for name in ("ingredient.yaml", "recipe.yaml"):
        found = Pipeline.from_file(camera / name)
        again = Pipeline.from_text(found.to_text(), folder="/")
        assert again.to_dict() == found.to_dict()
        assert Pipeline.from_dict(found.to_dict()).to_dict() == found.to_dict()
    told = [one.field for one in Pipeline.from_file(camera / "ingredient.yaml").tasks["detect"].assignments]
    assert told == ["connections.catalog", "threshold", "file", "threshold", "python"]


def test_a_written_pipeline_configures_the_same():
    found = Pipeline.from_file("survey:drp.yaml").configure("isr:saturation=3", "measure:psf.stars=7")
    again = Pipeline.from_text(found.to_text())
    for label in found.tasks:
        ours = {name: value for name, (value, _) in found.values_of(label).items()}
        assert {name: value for name, (value, _) in again.values_of(label).items()} == ours
    assert again.resolve().to_dict() == found.resolve().to_dict()


def test_a_chosen_part_is_not_written():
    with pytest.raises(PipelineError, match="part is chosen"):
        Pipeline.from_file("survey:drp.yaml#isr").to_text()


def test_contracts_follow_a_renamed_label(tmp_path):
    (tmp_path / "recipe.yaml").write_text(
        "imports:\n- location: survey:drp.yaml\n  importSteps: false\n  rename: {measure: measureStars}\n"
        "tasks:\n  measureStars: {class: survey.tasks.MeasureTask, config: {threshold: 2}}\n"
    )
    found = Pipeline.from_file(tmp_path / "recipe.yaml")
    assert [one.expression for one in found.contracts] == ["measureStars.threshold >= 3"]
    with pytest.raises(PipelineError, match=r"'measureStars.threshold >= 3' does not hold"):
        found.resolve()


@pytest.mark.parametrize("other", ["calibrate", "summarize"])
def test_contracts_ask_for_final_names_in_the_old_way(tmp_path, other):
    (tmp_path / "p.yaml").write_text(
        "imports:\n- survey:drp.yaml\ncontracts:\n- contract: measure.connections.ConnectionsClass(config=measure).exposure.name ==\n"
        f"    {other}.connections.ConnectionsClass(config={other}).{'exposure' if other == 'calibrate' else 'calibrated'}.name\n"
    )
    found = Pipeline.from_file(tmp_path / "p.yaml")
    if other == "calibrate":
        assert len(found.resolve()) == 7
    else:
        with pytest.raises(PipelineError, match="does not hold"):
            found.resolve()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from("abc"), one, max_size=3),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}(\.[a-z]{1,4})?", fullmatch=True).filter(lambda key: key not in {"file", "python"}), VALUES, max_size=5))  # fmt: skip
def test_every_value_survives_writing_and_reading(config):
    found = Pipeline.from_dict({"tasks": {"a": {"class": "x.Y", "config": config}}})
    again = Pipeline.from_text(found.to_text())
    assert [(one.field, one.value) for one in again.tasks["a"].assignments] == list(config.items())


@pytest.mark.parametrize(
    "text", ["no", "on", "1e5", "5", "null", "~", "2026-11-21", "a\nb\n", "a: b", " x ", "#x", "yes", "0x1F", ""]
)
def test_text_that_looks_like_something_else_stays_text_in_both_yamls(text):
    written = yaml_of({"x": text})
    assert yaml.safe_load(written) == {"x": text}

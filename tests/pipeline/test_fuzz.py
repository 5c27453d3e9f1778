"""Whatever a pipeline file holds, the answer is a pipeline or a PipelineError."""

import contextlib
import re

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bunter.errors import PipelineError
from bunter.pipeline import Pipeline
from bunter.pipeline.located import read_yaml, scalar_of

KEYS = [
    "description", "instrument", "imports", "parameters", "tasks", "subsets", "steps", "contracts", "class", "config", "isr",
    "measure", "location", "include", "exclude", "rename", "label", "dimensions", "subset", "contract", "msg", "python",
    "file", "connections", "connections.raw", "psf.order", "saturation", "subset_mode", "<<",
]  # fmt: skip
WORDS = [
    *KEYS,
    "survey.tasks.IsrTask",
    "survey.tasks.MeasureTask",
    "survey:drp.yaml",
    "drop",
    "edit",
    "isr..measure",
    "a b",
]

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)
TASKS = st.dictionaries(st.sampled_from(["isr", "measure", "a"]), VALUES | st.sampled_from(WORDS), max_size=3)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={key: VALUES for key in KEYS[:8] if key != "tasks"} | {"tasks": TASKS | VALUES}
)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(DOCUMENTS, st.sampled_from(["", "isr", "isr..", "measure,a"]))
def test_any_document_is_a_pipeline_or_a_pipeline_error(document, part):
    text = yaml.safe_dump(document, allow_unicode=True)
    with contextlib.suppress(PipelineError):
        pipeline = Pipeline.from_text(text)
        pipeline = pipeline.choose(part) if part else pipeline
        with contextlib.suppress(PipelineError):
            pipeline.draw("svg")
        pipeline.resolve()


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#\n\t ,?<1.", max_size=60))
def test_any_text_is_data_or_a_pipeline_error(text):
    with contextlib.suppress(PipelineError):
        read_yaml(text, "f.yaml").plain()
    scalar_of(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 50_000])
def test_deep_nesting_is_refused(text):
    with pytest.raises(PipelineError):
        read_yaml(text, "f.yaml")


@given(VALUES)
def test_plain_data_survive_writing_and_reading(value):
    text = yaml.safe_dump(value, allow_unicode=True)
    assume(not re.search(r"\d[eE]", text))  # 1e5 is a number here, as in YAML 1.2, and text for PyYAML
    if "<<" not in text:
        back = read_yaml(text, "f.yaml").plain()
        assert repr(back) == repr(yaml.safe_load(text)) or isinstance(value, str)

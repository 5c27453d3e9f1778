"""Whatever a pipeline file holds, the answer is a pipeline or a PipelineError."""

import contextlib
import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
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


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS[:-1]), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_is_read_as_it_is(value):
    back = read_yaml(json.dumps(value), "f.yaml").plain()
    assert back == value
    assert repr(back) == repr(value)

from __future__ import annotations

import pytest

from bunter.errors import PipelineError
from bunter.pipeline import Pipeline
from bunter.pipeline.resources import plain_resources, read_seconds, read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("800 MB", 800_000_000), ("2.5GB", 2_500_000_000), ("4GiB", 4 << 30), ("512k", 512_000), (1000, 1000), ("0", 0)],
)
def test_memory_is_read_with_units(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize(("text", "seconds"), [(90, 90), ("90s", 90), ("15 min", 900), ("2h", 7200), ("0.5", 0.5)])
def test_time_is_read_with_units(text, seconds):
    assert read_seconds(text) == seconds


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"memory": "much"}, "'much' is no amount of memory"),
        ({"memory": "1..5GB"}, "is no amount of memory"),
        ({"timeout": "soon"}, "'soon' is no time"),
        ({"retries": "-1"}, "is no number of retries"),
        ({"growth": 0.5}, "at least 1"),
        ({"retry_on": 5}, "list of names"),
        ({"memroy": 5}, "did you mean 'memory'"),
    ],
)
def test_what_cannot_be_meant_is_refused(told, sentence):
    with pytest.raises(PipelineError, match=sentence):
        plain_resources(told)


def test_a_pipeline_file_says_what_quanta_may_take_and_where_it_is_wrong():
    text = "tasks:\n  one:\n    class: some.Task\n    resources: {memory: 2 GB, timeout: 10 min, retry_on: OSError memory}\n"
    resources = Pipeline.from_text(text).tasks["one"].resources
    assert resources == {"memory": 2_000_000_000, "timeout": 600.0, "retry_on": ["OSError", "memory"]}
    with pytest.raises(PipelineError, match=r":4.*'much' is no amount"):
        Pipeline.from_text(text.replace("2 GB", "much"))

"""Errors say one plain sentence and survive pickling."""

from __future__ import annotations

import inspect
import pickle

import pytest

from bunter import errors
from bunter.errors import ButlerError, DatasetNotFoundError, InvalidQueryError, PipelineError, near

ALL = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, ButlerError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_shows_its_message_and_survives_pickling(kind):
    error = kind("it's a 'message'")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert "it's a 'message'" in str(error)


def test_every_error_stands_in_the_tree_at_the_head_of_the_module():
    assert not [each.__name__ for each in ALL if each.__name__ not in (errors.__doc__ or "")]


def test_facts_survive_pickling():
    error = DatasetNotFoundError("no raw", dataset_type="raw", data_id={"exposure": 1}, searched=["a"])
    again = pickle.loads(pickle.dumps(error))
    assert (again.dataset_type, again.data_id, again.searched) == ("raw", {"exposure": 1}, ("a",))


def test_a_query_error_points_at_the_place():
    error = pickle.loads(pickle.dumps(InvalidQueryError("no 'vist'", text="a = 1\nAND vist = 2", position=10)))
    assert str(error) == "no 'vist'\n  AND vist = 2\n      ^"


def test_a_pipeline_error_names_file_and_line():
    assert str(PipelineError("no task", file="p.yaml", line=3)) == "p.yaml:3: no task"


def test_near_names_are_offered_only_when_near():
    assert near("expsure", ["exposure", "visit"]) == "; did you mean 'exposure'?"
    assert near("zzz", ["exposure", "visit"]) == ""

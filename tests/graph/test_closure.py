"""The relational builder against the definition."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import HealthCheck, assume, event, given, settings

sys.path.insert(0, str(Path(__file__).parent))

from brute_force import BruteForce
from surveys import UNIVERSE, conditions, outcome, pipelines, surveys, to_sources

from bunter.errors import GraphError
from bunter.graph.assembly import explain
from bunter.graph.closure import select_closure
from bunter.graph.joins import Joins
from bunter.graph.strict import select_strict
from bunter.graph.terms import Terms

calm = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@calm
@given(surveys(), pipelines(), conditions())
def test_the_relational_builder_plans_what_the_definition_says(survey, pipeline, said):
    tasks, restrictions = pipeline
    sources = to_sources(survey)
    brute = BruteForce(UNIVERSE, survey, tasks, said, restrictions)
    own = {key: condition.conjunct() for key, condition in restrictions.items()}
    try:
        selection = select_closure(Joins(sources), tasks, Terms([w.conjunct() for w in said], own))
    except GraphError as error:
        assert "says nothing about this pipeline" in str(error)  # noqa: PT017 - only some examples raise
        return
    planned = brute.closure()
    event(f"{min(len(planned) // 4 * 4, 20)}+ quanta")
    assert outcome(selection, sources) == brute.outcome(planned)


@calm
@given(surveys(), pipelines(), conditions())
def test_strict_selection_is_one_join_of_everything(survey, pipeline, said):
    tasks, restrictions = pipeline
    brute = BruteForce(UNIVERSE, survey, tasks, said, restrictions)
    assume(not any(c.name == "more" for task in tasks for c in task.connections))
    sources = to_sources(survey)
    own = {key: condition.conjunct() for key, condition in restrictions.items()}
    selection = select_strict(Joins(sources), tasks, Terms([w.conjunct() for w in said], own))
    assert outcome(selection, sources) == brute.outcome(brute.strict())


@calm
@given(surveys(), pipelines(), conditions())
def test_every_candidate_is_planned_or_removed_for_one_reason(survey, pipeline, said):
    tasks, restrictions = pipeline
    own = {key: condition.conjunct() for key, condition in restrictions.items()}
    try:
        selection = select_closure(Joins(to_sources(survey)), tasks, Terms([w.conjunct() for w in said], own))
    except GraphError:
        return
    for told in explain(selection, {}).tasks.values():
        assert told.candidates == told.planned + sum(count for _, count in told.removed)

"""The relational builder against the definition."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from brute_force import BruteForce
from surveys import UNIVERSE, conditions, outcome, pipelines, sayings, surveys, to_sources

from bunter.errors import GraphError
from bunter.graph.assembly import explain
from bunter.graph.closure import select_closure
from bunter.graph.joins import Joins
from bunter.graph.strict import select_strict
from bunter.graph.terms import Terms
from bunter.graph.waiting import set_aside

EXAMPLES = int(os.environ.get("BUNTER_GRAPH_EXAMPLES") or 60)
"""How many surveys, pipelines and selections each test tries; a thousand and more are for a campaign."""
calm = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


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
@given(st.data(), surveys(), pipelines(), conditions())
def test_vetoes_overrides_and_what_is_waited_for_do_what_the_definition_says(data, survey, pipeline, said):
    tasks, restrictions = pipeline
    more = data.draw(sayings(survey, tasks))
    kinds = {c.dataset_type: SimpleNamespace(dimensions=c.dimensions) for task in tasks for c in task.connections}
    decisions = more.decisions()
    sources = to_sources(survey, more.alternatives())
    sources = decisions.without_vetoed(sources, SimpleNamespace(dataset_types=kinds))
    decided = {"vetoes": more.vetoes, "overrides": more.overrides, "awaited": more.awaited}
    brute = BruteForce(UNIVERSE, survey, tasks, said, restrictions, **decided)
    own = {key: condition.conjunct() for key, condition in restrictions.items()}
    try:
        terms = Terms([w.conjunct() for w in said], own, decisions, awaited=more.awaited)
        selection = set_aside(select_closure(Joins(sources), tasks, terms))
    except GraphError as error:
        assert "says nothing about this pipeline" in str(error)  # noqa: PT017 - only some examples raise
        return
    assert outcome(selection, sources) == brute.outcome(brute.without_waiting(brute.closure()))
    for told in explain(selection, {}).tasks.values():
        assert told.candidates == told.planned + sum(count for _, count in told.removed)


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

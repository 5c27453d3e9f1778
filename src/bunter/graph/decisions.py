"""Decisions of operators: data that are not to be used, and data that are to be used instead of others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError, near
from bunter.graph.conditions import bind_conjuncts
from bunter.graph.conjuncts import Conjunct, satisfied
from bunter.graph.joins import Joins
from bunter.query.bound import all_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.dimensions import DimensionGroup
    from bunter.graph.keys import Array
    from bunter.graph.relation import Relation
    from bunter.graph.sources import Sources
    from bunter.pipeline import PipelineGraph

__all__ = ["Decision", "Decisions", "read_decisions"]

_VETO, _OVERRIDE = {"veto", "where", "reason", "author"}, {"use", "for", "where", "reason", "author"}


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, with who made it and why.

    Parameters
    ----------
    subject : str
        The dataset type, or for a veto also the label of a task.
    where : str
        Of which data IDs: a condition on the dimensions of the dataset type or task; for an override on those of the quanta
        that read the dataset type.
    reason, author : str
        Why, and who says so.
    use : str
        For an override, the collection from which the datasets are taken; empty for a veto.
    """

    subject: str
    where: str
    reason: str
    author: str
    use: str = ""

    def __str__(self) -> str:
        what = f"{self.subject} from {self.use}" if self.use else f"no {self.subject}"
        return f"{what} where {self.where} ({self.author}: {self.reason})"

    def to_dict(self) -> dict[str, str]:
        """Plain values, as in a file of decisions."""
        what = {"use": self.use, "for": self.subject} if self.use else {"veto": self.subject}
        return {**what, "where": self.where, "reason": self.reason, "author": self.author}


def read_decisions(path: str | os.PathLike[str]) -> list[Decision]:
    """Read a YAML file: a list of vetoes (``veto``, ``where``, ``reason``, ``author``) and overrides (``use``, ``for``, ...).

    Raises
    ------
    PipelineError
        With file and line of an entry that is not understood.
    """
    from pathlib import Path

    from bunter.pipeline.located import read_yaml_file

    found = []
    for entry in read_yaml_file(Path(path)).items("a file of decisions"):
        words = entry.mapping("a decision")
        wanted = _OVERRIDE if "use" in words else _VETO
        if odd := [name for name in words if name not in wanted] or sorted(wanted - set(words)):
            said = "has no" if odd[0] not in words else "does not know"
            raise entry.source.error(f"a decision {said} {odd[0]!r}; it has {', '.join(sorted(wanted))}")
        plain = {name: value.text(name) for name, value in words.items()}
        subject = plain.get("for") or plain["veto"]
        found.append(Decision(subject, plain["where"], plain["reason"], plain["author"], plain.get("use", "")))
    return found


@dataclass(slots=True, eq=False)
class Decisions:
    """Decisions that are bound to a pipeline, and how often each was applied.

    Parameters
    ----------
    tests : mapping of Decision to Conjunct
        Their conditions.
    hits : dict of Decision to int
        How many datasets or quanta a veto has struck, how many quanta an override serves.
    """

    tests: Mapping[Decision, Conjunct] = field(default_factory=dict)
    hits: dict[Decision, int] = field(default_factory=dict)

    @classmethod
    def bind(cls, decisions: Iterable[Decision], pipeline: PipelineGraph, scope: DimensionGroup) -> Decisions:
        """Check decisions against a pipeline.

        Raises
        ------
        GraphError
            If the pipeline has no such dataset type or task, or the condition needs other dimensions.
        """
        tests = {one: _test(one, pipeline, scope) for one in decisions}
        return cls(tests, dict.fromkeys(tests, 0))

    def vetoes(self, subject: str) -> list[Decision]:
        """Return the vetoes on a dataset type or task."""
        return [one for one in self.tests if one.subject == subject and not one.use]

    def overrides(self, dataset_type: str) -> list[Decision]:
        """Return the overrides of a dataset type."""
        return [one for one in self.tests if one.subject == dataset_type and one.use]

    def struck(self, decision: Decision, keys: Relation, joins: Joins) -> Array:
        """Say of which data IDs a decision speaks, and count them."""
        mask = satisfied(self.tests[decision], keys, joins)
        self.hits[decision] += int(np.count_nonzero(mask))
        return mask

    def left(self, subject: str, keys: Relation, joins: Joins) -> Array:
        """Which data IDs of a dataset type are not vetoed."""
        kept = np.ones(len(keys), bool)
        for one in self.vetoes(subject):
            kept &= ~self.struck(one, keys, joins)
        return kept

    def without_vetoed(self, sources: Sources, pipeline: PipelineGraph) -> Sources:
        """Take vetoed datasets out of what a graph is built from: they do not exist."""
        joins = Joins(sources)
        datasets, calibrations = dict(sources.datasets), dict(sources.calibrations)
        for name in {one.subject for one in self.tests if not one.use}:
            if name in datasets:
                existing = datasets[name]
                datasets[name] = existing.take(self._kept(name, existing.keys, joins, pipeline))
            elif name in calibrations:
                certified = calibrations[name]
                calibrations[name] = certified.take(self._kept(name, certified.existing.keys, joins, pipeline))
        return replace(sources, datasets=datasets, calibrations=calibrations)

    def _kept(self, name: str, keys: Relation, joins: Joins, pipeline: PipelineGraph) -> Array:
        return np.flatnonzero(self.left(name, joins.expand(keys, pipeline.dataset_types[name].dimensions), joins))

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain values for JSON, with how often each was applied."""
        return [one.to_dict() | {"hits": hits} for one, hits in self.hits.items()]


def _test(decision: Decision, pipeline: PipelineGraph, scope: DimensionGroup) -> Conjunct:
    known = [*pipeline.dataset_types, *pipeline.labels]
    if decision.subject not in known or (decision.use and decision.subject not in pipeline.dataset_types):
        raise GraphError(
            f"the decision '{decision}' is about {decision.subject!r}, which the pipeline does not have"
            f"{near(decision.subject, known)}"
        )
    conjuncts = bind_conjuncts(decision.where, scope=scope)
    if not conjuncts:
        raise GraphError(f"the decision '{decision}' has an empty condition; say which data IDs it is about")
    whole = _all(conjuncts)
    if not any(whole.speaks_about(group) for group in _groups(decision, pipeline)):
        raise GraphError(
            f"the decision '{decision}' needs {whole.dimensions}, which "
            f"{'no task that reads it has' if decision.use else 'it does not have'}"
        )
    return whole


def _groups(decision: Decision, pipeline: PipelineGraph) -> Sequence[DimensionGroup]:
    if decision.use:
        return [task.dimensions for task in pipeline.consumers_of(decision.subject)]
    if decision.subject in pipeline.dataset_types:
        return [pipeline.dataset_types[decision.subject].dimensions]
    return [pipeline[decision.subject].dimensions]


def _all(conjuncts: Sequence[Conjunct]) -> Conjunct:
    """One condition that holds where all do."""
    dimensions = conjuncts[0].dimensions
    for other in conjuncts[1:]:
        dimensions = dimensions | other.dimensions
    columns = tuple(dict.fromkeys(column for one in conjuncts for column in one.columns))

    def test(values: Mapping[Any, Any], rows: int) -> Array:
        held: Array = np.all([one.test({c: values[c] for c in one.columns}, rows) for one in conjuncts], axis=0)
        return held

    predicates = [one.predicate for one in conjuncts if one.predicate is not None]
    return Conjunct(" AND ".join(one.text for one in conjuncts), dimensions, columns, test, all_of(predicates))

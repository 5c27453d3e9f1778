"""The search for what empties a result: constraints added one by one, dropped one by one, and the smallest conflict."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from bunter.butler.reasons.constraints import Demands
from bunter.butler.reasons.explanation import Conflict, Explanation
from bunter.butler.reasons.hints import Hints
from bunter.butler.reasons.trials import MOST_ROWS, Trials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.butler.question import Question
    from bunter.butler.reasons.constraints import Constraint
    from bunter.butler.reasons.explanation import Step
    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.session import Session

__all__ = ["explain"]

_PAIRED = 8


def explain(
    session: Session, question: Question, facts: RepositoryFacts, defaults: Mapping[str, object]
) -> Explanation:
    """Say why a question has the rows it has.

    Parameters
    ----------
    session : Session
        The repository.
    question : Question
        What was asked.
    facts : RepositoryFacts
        Dimensions, types and collections.
    defaults : mapping
        Data-ID values that are used where none are given.

    Returns
    -------
    Explanation
        Of at most 80 questions and about 5 s; numbers beyond 10,000 are not told exactly.
    """
    demands = Demands(question, facts, defaults)
    trials = Trials(session, demands)
    every = demands.constraints
    rows = trials.count(every)
    added = tuple(_added(trials, every))
    subject = _subject(question)
    if rows:
        return Explanation(
            subject, min(rows, MOST_ROWS), added=added, notes=_window(question, rows), is_least=rows > MOST_ROWS
        )
    for each in every:
        trials.any((each,))  # quick to see, and settles most of what follows where one of them is hopeless alone
    dropped = tuple(trials.step(each, [c for c in every if c is not each]) for each in every)
    conflicts = _conflicts(trials, every, dropped)
    hints = Hints(session, demands, trials)
    told = tuple(Conflict(tuple(c.text for c in conflict), tuple(hints.of(conflict))) for conflict in conflicts)
    apart = list(hints.of_distance())
    notes = [*apart, *([] if told or apart else hints.of_nothing(question)), *_limits(trials)]
    return Explanation(subject, 0, told, added, dropped if len(every) > 1 else (), tuple(notes))


def _added(trials: Trials, every: Sequence[Constraint]) -> Iterator[Step]:
    for place, each in enumerate(every):
        step = trials.step(each, every[: place + 1])
        yield step
        if step.rows == 0:
            break


def _conflicts(trials: Trials, every: Sequence[Constraint], dropped: Sequence[Step]) -> list[tuple[Constraint, ...]]:
    """Return the constraints that are hopeless alone; if there are none, one smallest set that is hopeless together."""
    if not trials.any(()):
        return []
    alone: list[tuple[Constraint, ...]] = [(each,) for each in every if trials.any((each,)) is False]
    if alone:
        return alone
    # What frees the result when it is dropped is part of every conflict.
    needed = tuple(each for each, step in zip(every, dropped, strict=True) if step.rows)
    if len(needed) <= 2 <= len(every) <= _PAIRED:
        for pair in combinations(every, 2):
            if set(needed) <= set(pair) and trials.any(pair) is False:
                return [pair]
    return [_thinned(trials, every, needed)] if len(every) > 1 else []


def _thinned(trials: Trials, every: Sequence[Constraint], needed: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """Drop constraints for good as long as nothing appears; what is left is a conflict of which none can be spared."""
    left = list(every)
    for each in every:
        if each not in needed and trials.any(rest := [c for c in left if c is not each]) is False:
            left = rest
    return tuple(left)


def _subject(question: Question) -> str:
    name = getattr(question.result, "name", None)
    if question.kind == "datasets":
        return f"{name} dataset"
    if question.kind == "records":
        return f"{name} record"
    if question.kind == "joined":
        return f"row with {', '.join(search.dataset_type.name for search in question.searches)}"
    return f"data ID of {question.result!r}"


def _window(question: Question, rows: int) -> tuple[str, ...]:
    """Say that rows were left out by offset or limit."""
    if question.offset >= rows:
        return (f"offset={question.offset} leaves out all of them",)
    if question.limit == 0:
        return ("limit=0 shows none of them",)
    return ()


def _limits(trials: Trials) -> Iterator[str]:
    if trials.exhausted:
        yield "there is more to try than was tried; narrow the question to have all of it explained"

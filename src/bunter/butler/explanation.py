"""Why a look-up found what it found: every collection in search order, with what it had to offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.dataset import CollectionType, DatasetRef
from bunter.dataset.inquiries import Candidates, Neighbours, Summaries
from bunter.errors import CalibrationLookupError
from bunter.values import Timespan, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.butler.sought import Sought

__all__ = ["Candidate", "LookupExplanation", "LookupStep", "ambiguous", "explain"]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dataset that might have been found.

    Parameters
    ----------
    ref : DatasetRef
        The dataset.
    timespan : Timespan, optional
        When it is valid; None outside CALIBRATION collections, where it always is.
    """

    ref: DatasetRef
    timespan: Timespan | None = None

    def is_valid(self, when: Timespan | None) -> bool:
        """Say whether it is valid at some moment of a time; without a time it is."""
        return self.timespan is None or when is None or self.timespan.overlaps(when)

    def __str__(self) -> str:
        valid = "" if self.timespan is None else f", valid {self.timespan}"
        return f"{self.ref.id} of run {self.ref.run}{valid}"


@dataclass(frozen=True, slots=True)
class LookupStep:
    """What one collection had to offer.

    Parameters
    ----------
    collection : str
        The collection.
    type : CollectionType
        RUN, TAGGED or CALIBRATION.
    path : tuple of str
        Chains through which it was reached, the one asked for first.
    verdict : str
        "chosen", "shadowed", "ambiguous", "not valid then", "no such data ID", "no such dataset type" or "skipped".
    reason : str
        The same as a sentence, with near misses.
    candidates : tuple of Candidate
        Datasets of this data ID in the collection, valid or not.
    """

    collection: str
    type: CollectionType
    path: tuple[str, ...]
    verdict: str
    reason: str
    candidates: tuple[Candidate, ...] = ()

    def __str__(self) -> str:
        via = f" (in {' > '.join(self.path)})" if self.path else ""
        return f"{self.collection}{via}: {self.verdict}{f' - {self.reason}' if self.reason else ''}"


@dataclass(frozen=True, slots=True)
class LookupExplanation:
    """The search for one dataset, told.

    Parameters
    ----------
    dataset_type : str
        What was looked for.
    data_id : dict
        Its data ID.
    timespan : Timespan, optional
        When a calibration had to be valid; None for any time.
    chosen : DatasetRef, optional
        What was found; None if nothing was, or too much.
    steps : tuple of LookupStep
        Collections in the order of search.
    elsewhere : tuple of str
        Other collections that have a dataset of this data ID.
    note : str
        What is wrong with the question itself, if anything.
    """

    dataset_type: str
    data_id: Mapping[str, object]
    timespan: Timespan | None
    chosen: DatasetRef | None
    steps: tuple[LookupStep, ...]
    elsewhere: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        when = "" if self.timespan is None else f" at {_moment(self.timespan)}"
        asked = ", ".join(f"{name}={value!r}" for name, value in self.data_id.items())
        found = "nothing" if self.chosen is None else f"{self.chosen.id} of run {self.chosen.run}"
        lines = [f"{self.dataset_type} for {asked}{when}: found {found}"]
        lines += [f"  {number}. {step}" for number, step in enumerate(self.steps, 1)]
        if not self.steps:
            lines.append("  no collection was searched; give collections, or make some")
        if self.elsewhere:
            lines.append(f"  not searched, but having it: {', '.join(self.elsewhere)}")
        return "\n".join([*lines, *([f"  {self.note}"] if self.note else [])])

    __repr__ = __str__


def _moment(timespan: Timespan) -> str:
    begin, end = timespan.bounds
    return f"{format_instant(begin)} TAI" if end == begin + 1 else str(timespan)


def ambiguous(session: Session, sought: Sought, names: Sequence[str]) -> CalibrationLookupError:
    """Return the error for a look-up that several calibrations answer, which names them."""
    found = _candidates(session, sought)
    for name in names:
        valid = [each for each in found.get(name, ()) if each.is_valid(sought.timespan)]
        if len({each.ref.id for each in valid}) > 1:
            said = "; ".join(map(str, valid[:_SHOWN])) + ("; ..." if len(valid) > _SHOWN else "")
            when = "without a time" if sought.timespan is None else f"at {_moment(sought.timespan)}"
            return CalibrationLookupError(
                f"{len(valid)} {sought.kind.name!r} for {sought.data_id.mapping} in {name!r} fit {when}: {said}. "
                "Say when: give a timespan, or an exposure or visit",
                dataset_type=sought.kind.name,
                data_id=sought.data_id.mapping,
                searched=tuple(names),
            )
    return CalibrationLookupError(f"several {sought.kind.name!r} for {sought.data_id.mapping} fit; say when")


def explain(session: Session, sought: Sought, asked: Iterable[str], searched: Sequence[str]) -> LookupExplanation:
    """Tell of a look-up.

    Parameters
    ----------
    session : Session
        The repository.
    sought : Sought
        What is looked for.
    asked : iterable of str
        Collections that were asked for, chains among them.
    searched : sequence of str
        Those of them, flat, that a look-up searches.
    """
    paths = _paths(session, asked)
    found = _candidates(session, sought)
    catalog = session.facts.collections
    here = [name for name in paths if name in set(searched)]
    kinds = {name: catalog.row(name).type for name in paths}
    held = _types(session, [name for name in here if name not in found])
    missing = [name for name in here if name not in found and sought.kind.name in held.get(name, {})]
    near = _neighbours(session, sought, missing)
    steps: list[LookupStep] = []
    winner: str | None = None
    chosen: DatasetRef | None = None
    for name, path in paths.items():
        mine = tuple(found.get(name, ()))
        if name not in here:
            verdict, reason = "skipped", _skipped(kinds[name], sought)
        else:
            verdict, reason = _judged(mine, sought, winner, held.get(name, {}), near.get(name, ""))
        if verdict in ("chosen", "ambiguous"):
            winner = name
            chosen = next((e.ref for e in mine if e.is_valid(sought.timespan)), None) if verdict == "chosen" else None
        steps.append(LookupStep(name, kinds[name], path, verdict, reason, mine))
    elsewhere = tuple(name for name in sorted(found) if name not in paths)
    data_id = sought.data_id.mapping
    return LookupExplanation(
        sought.kind.name, data_id, sought.timespan, chosen, tuple(steps), elsewhere, "" if chosen else sought.doubt
    )


def _judged(
    mine: tuple[Candidate, ...], sought: Sought, winner: str | None, held: Mapping[str, int], near: str
) -> tuple[str, str]:
    """Return the verdict on a collection that is searched, and the reason."""
    if not mine:
        if sought.kind.name not in held:
            others = ", ".join(sorted(held)[:_SHOWN]) or "nothing"
            return "no such dataset type", f"holds {others}{' and more' if len(held) > _SHOWN else ''}"
        other = f"has {held[sought.kind.name]} {sought.kind.name} of data IDs that differ in several dimensions"
        return "no such data ID", near or other
    valid = [each for each in mine if each.is_valid(sought.timespan)]
    if not valid:
        return "not valid then", _nearest(mine, sought.timespan)
    told = "; ".join(map(str, valid[:_SHOWN]))
    if winner is not None:
        return "shadowed", f"{told}; {winner} comes before it"
    if len({each.ref.id for each in valid}) > 1:
        return "ambiguous", f"{told}; say when"
    return "chosen", told


def _skipped(kind: CollectionType, sought: Sought) -> str:
    if kind is CollectionType.CALIBRATION:
        return f"{sought.kind.name} is no calibration"
    return "says nothing of when a calibration is valid; name this collection to have it searched"


def _nearest(mine: Iterable[Candidate], when: Timespan | None) -> str:
    """Name the validity ranges next before and next after a time."""
    if when is None:
        return ""
    begin, end = when.bounds
    spans = [(each.timespan.bounds, each) for each in mine if each.timespan is not None]
    before = max((s for s in spans if s[0][1] <= begin), key=lambda s: s[0][1], default=None)
    after = min((s for s in spans if s[0][0] >= end), key=lambda s: s[0][0], default=None)
    told = [f"{word} {span[1]}" for word, span in (("before it", before), ("after it", after)) if span is not None]
    return "; ".join(told)


def _paths(session: Session, asked: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the collections that are searched, in order, each with the chains that led to it first."""
    catalog = session.facts.collections
    found: dict[str, tuple[str, ...]] = {}
    pending: list[tuple[str, tuple[str, ...]]] = [
        (name, ()) for pattern in reversed(tuple(asked)) for name in reversed(catalog.expand(pattern))
    ]
    while pending:
        name, path = pending.pop()
        row = catalog.row(name)
        if row.type is CollectionType.CHAINED:
            pending += [(child, (*path, name)) for child in reversed(row.children)]
        else:
            found.setdefault(name, path)
    return found


def _candidates(session: Session, sought: Sought) -> dict[str, list[Candidate]]:
    inquiry = Candidates(sought.kind.name, sought.data_id.required_values)
    found: dict[str, list[Candidate]] = {}
    for row in session.repository.answer(session.principal, inquiry).to_pylist():
        ref = DatasetRef(UUID(bytes=row["id"]), sought.kind, sought.data_id, row["run"])
        begin = row["timespan_begin"]
        timespan = None if begin is None else Timespan.from_bounds(begin, row["timespan_end"])
        found.setdefault(row["collection"], []).append(Candidate(ref, timespan))
    return found


def _types(session: Session, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many datasets of each type collections hold."""
    found: dict[str, dict[str, int]] = {}
    table: Any = session.repository.answer(session.principal, Summaries(tuple(names), sizes=False))
    for row in table.to_pylist():
        held = found.setdefault(row["collection"], {})
        held[row["dataset_type"]] = held.get(row["dataset_type"], 0) + row["datasets"]
    return found


def _neighbours(session: Session, sought: Sought, names: Sequence[str]) -> dict[str, str]:
    """Say which data IDs near this one the collections have, by collection."""
    if not names:
        return {}
    inquiry = Neighbours(sought.kind.name, sought.data_id.required_values, tuple(names), sought.timespan)
    found: dict[str, dict[str, list[str]]] = {}
    for row in session.repository.answer(session.principal, inquiry).to_pylist():
        found.setdefault(row["collection"], {}).setdefault(row["dimension"], []).append(row["value"])
    return {
        name: "has it with " + ", or ".join(f"{dimension} {', '.join(values)}" for dimension, values in near.items())
        for name, near in found.items()
    }

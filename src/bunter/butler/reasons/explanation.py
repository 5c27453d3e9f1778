"""An explanation as a value: text for terminals, HTML for notebooks, a mapping for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Conflict", "Explanation", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """How many rows there are with some of the constraints.

    Parameters
    ----------
    constraint : str
        The constraint that was added, or left out.
    rows : int, optional
        Number of rows; None where it was not counted.
    is_least : bool
        Whether there are more than that.
    """

    constraint: str
    rows: int | None
    is_least: bool = False

    @property
    def number(self) -> str:
        """The number as text."""
        return "not counted" if self.rows is None else f"over {self.rows}" if self.is_least else str(self.rows)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Constraints that no row satisfies together, though rows satisfy any fewer of them.

    Parameters
    ----------
    constraints : tuple of str
        One that is hopeless alone, or several that contradict each other.
    hints : tuple of str
        Sentences about what there is instead: nearest names and values, other collections, distances.
    """

    constraints: tuple[str, ...]
    hints: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        """The constraints in words."""
        return f"because of {' and '.join(self.constraints)}{' together' if len(self.constraints) > 1 else ''}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a question has the rows it has.

    Parameters
    ----------
    subject : str
        What was asked for.
    rows : int
        How many rows there are.
    conflicts : tuple of Conflict
        What empties the result; none if it is not empty.
    added : tuple of Step
        Rows with the first constraint, the first two, and so on, in the order written.
    dropped : tuple of Step
        Rows without each one of the constraints.
    notes : tuple of str
        What else is to be said, such as what was not looked into.
    is_least : bool
        Whether there are more rows than were counted.
    """

    subject: str
    rows: int
    conflicts: tuple[Conflict, ...] = ()
    added: tuple[Step, ...] = ()
    dropped: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    is_least: bool = False

    @property
    def sentence(self) -> str:
        """The answer in one line."""
        if self.rows:
            number = Step("", self.rows, self.is_least).number
            return f"{self.subject}: {number} result{'' if number == '1' else 's'}"
        return "; ".join([f"no {self.subject}", *self._causes(), *([] if self.conflicts else self.notes)])

    def _causes(self) -> Iterator[str]:
        for conflict in self.conflicts:
            yield f"{conflict.cause}: {conflict.hints[0]}" if conflict.hints else conflict.cause

    def __str__(self) -> str:
        lines = [self._headline()]
        for conflict in self.conflicts:
            lines.append(f"  {conflict.cause}{' (each alone has rows)' if len(conflict.constraints) > 1 else ''}")
            lines += [f"    {hint}" for hint in conflict.hints]
        lines += _table("rows, one constraint after the other:", self.added)
        lines += _table("rows without one of them:", self.dropped)
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def _headline(self) -> str:
        return self.sentence if self.rows else f"no {self.subject}"

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, mappings, texts and numbers, as for JSON."""
        return {**asdict(self), "sentence": self.sentence}

    def _repr_html_(self) -> str:
        causes = "".join(
            f"<li>{escape(conflict.cause)}{''.join(f'<br>{escape(hint)}' for hint in conflict.hints)}</li>"
            for conflict in self.conflicts
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return (
            f"<p><b>{escape(self._headline())}</b></p><ul>{causes}</ul>"
            f"{_html('one constraint after the other', self.added)}{_html('without one of them', self.dropped)}{notes}"
        )


def _table(title: str, steps: Iterable[Step]) -> list[str]:
    rows = [(step.number, step.constraint) for step in steps]
    width = max((len(number) for number, _ in rows), default=0)
    return [f"  {title}", *(f"    {number.rjust(width)}  {text}" for number, text in rows)] if rows else []


def _html(title: str, steps: tuple[Step, ...]) -> str:
    if not steps:
        return ""
    rows = "".join(f"<tr><td>{step.number}</td><td><code>{escape(step.constraint)}</code></td></tr>" for step in steps)
    return f"<table><tr><th>rows</th><th>{title}</th></tr>{rows}</table>"

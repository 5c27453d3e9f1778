"""What undoes a change, as it is gathered: changes, what they do in words, and what is in their way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bunter.dataset.changes import Change
    from bunter.registry.layout import GroupLayout
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["Reversal", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that undoing a change does.

    Parameters
    ----------
    what : str
        ``dataset``, ``run``, ``tagged``, ``calibration``, ``chained``, ``dataset type`` or ``alias``.
    name : str
        Of which collection, or dataset type.
    text : str
        What happens to it.
    """

    what: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.what} {self.name!r}: {self.text}"


@dataclass(slots=True)
class Reversal:
    """How a change is undone, as it is gathered.

    Parameters
    ----------
    number : int
        Number of the change.
    roster : Roster
        What there is now.

    Attributes
    ----------
    steps : list of Step
        What would happen.
    conflicts : list of str
        What is in the way; the steps leave it as it is.
    counts : dict of (str, str) to int
        Datasets that come back, by dataset type and run.
    ids : set of bytes
        Their ids.
    names : dict of int to str
        Collections that stand now for the numbers of then; without those that are gone.
    kinds : dict of int to TypeRow
        Dataset types likewise; those that come back have the tables of then.
    made : dict of int to str
        Collections that the change made, and that go.
    """

    number: int
    roster: Roster
    steps: list[Step] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    ids: set[bytes] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)
    kinds: dict[int, TypeRow] = field(default_factory=dict)
    made: dict[int, str] = field(default_factory=dict)
    definitions: list[Change] = field(default_factory=list)
    datasets: list[Change] = field(default_factory=list)
    members: list[Change] = field(default_factory=list)
    chains: list[Change] = field(default_factory=list)
    removals: list[Change] = field(default_factory=list)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What undoes the change, to be applied in order."""
        return (*self.definitions, *self.datasets, *self.members, *self.chains, *self.removals)

    @property
    def layouts(self) -> dict[int, GroupLayout]:
        """Tables by number of the dimension group."""
        return {layout.number: layout for layout in self.roster.layouts.values()}

    def meant(self) -> list[tuple[int, int]]:
        """Return the numbers of then with those of now, for collections that are there."""
        catalog = self.roster.collections
        return [(then, catalog.row(name).number) for then, name in self.names.items() if name in catalog]

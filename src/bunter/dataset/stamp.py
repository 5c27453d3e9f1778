"""The stamp of a dataset: what a file says of its own origin, wherever it is carried."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["STAMP_CARDS", "Stamp", "is_stamp_card"]

STAMP_CARDS = {
    "BNTID": "id of this dataset",
    "BNTTYPE": "dataset type",
    "BNTRUN": "run that holds it",
    "BNTDATA": "data ID, JSON",
    "BNTTASK": "label of the task that made it",
    "BNTCLASS": "class of that task",
    "BNTTVERS": "version of that task",
    "BNTGRAPH": "id of the quantum graph",
    "BNTQNTM": "number of the quantum in the graph",
    "BNTCODE": "versions of what ran, JSON",
    "BNTNIN": "number of datasets read before",
}
"""Keywords and comments of the cards of a stamp; besides ``BNTI1``, ``BNTI2`` and so on, the ids of what was read."""

_INPUT = "BNTI"
_LISTED = 100


def is_stamp_card(keyword: str) -> bool:
    """Whether a card is part of a stamp."""
    return keyword.startswith("BNT") and (keyword in STAMP_CARDS or (keyword[:4] == _INPUT and keyword[4:].isdecimal()))


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a dataset comes from.

    Nothing in it says when or where it was made, so that the same work gives the same bytes.

    Parameters
    ----------
    id : UUID
        The dataset's id.
    dataset_type, run : str
        Names.
    data_id : mapping
        Values of its dimensions.
    task, task_class, task_version : str
        Label, class and version of the task that made it.
    graph : str
        Id of the graph of the run.
    quantum : int
        Number of the quantum in it.
    code : mapping of str to str
        Versions of what ran.
    inputs : tuple of (UUID, str)
        Id and dataset type of what was read before it was written; in a header the first hundred.
    """

    id: UUID
    dataset_type: str
    run: str
    data_id: Mapping[str, Any]
    task: str
    task_class: str
    task_version: str
    graph: str
    quantum: int
    code: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[tuple[UUID, str], ...] = ()

    def cards(self) -> Iterable[tuple[str, str | int, str]]:
        """Yield keyword, value and comment of the cards of a header."""
        values: list[str | int] = [
            str(self.id),
            self.dataset_type,
            self.run,
            json.dumps(dict(self.data_id)),
            self.task,
            self.task_class,
            self.task_version,
            self.graph,
            self.quantum,
            json.dumps(dict(self.code)),
            len(self.inputs),
        ]
        for (keyword, comment), value in zip(STAMP_CARDS.items(), values, strict=True):
            yield keyword, value, comment
        for number, (id_, kind) in enumerate(self.inputs[:_LISTED], 1):
            yield f"{_INPUT}{number}", str(id_), kind

    @classmethod
    def from_cards(cls, cards: Mapping[str, Any], where: str = "the header") -> Self:
        """Read a stamp from the values of cards; the dataset types of inputs are not known then.

        Raises
        ------
        FormatError
            If there is none, or it is no longer whole.
        """
        if "BNTID" not in cards:
            raise FormatError(
                f"{where} has no stamp: it was not written by a run, or before there were stamps, or with datastore.stamps off"
            )
        try:
            inputs = [UUID(str(cards[name])) for n in range(1, _LISTED + 1) if (name := f"{_INPUT}{n}") in cards]
            return cls(
                UUID(str(cards["BNTID"])),
                str(cards["BNTTYPE"]),
                str(cards["BNTRUN"]),
                json.loads(cards["BNTDATA"]),
                str(cards["BNTTASK"]),
                str(cards["BNTCLASS"]),
                str(cards["BNTTVERS"]),
                str(cards["BNTGRAPH"]),
                int(cards["BNTQNTM"]),
                json.loads(cards["BNTCODE"]),
                tuple((id_, "") for id_ in inputs),
            )
        except (KeyError, ValueError, TypeError) as exc:
            raise FormatError(
                f"the stamp of {where} is no longer whole ({exc}); another program has changed it"
            ) from exc

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "id": str(self.id),
            "dataset_type": self.dataset_type,
            "run": self.run,
            "data_id": dict(self.data_id),
            "task": self.task,
            "class": self.task_class,
            "version": self.task_version,
            "graph": self.graph,
            "quantum": self.quantum,
            "code": dict(self.code),
            "inputs": [str(id_) for id_, _ in self.inputs],
        }

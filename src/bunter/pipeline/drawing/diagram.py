"""What there is to draw of a pipeline, whether its tasks were imported or only read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Box", "Diagram", "Line", "diagram_of"]


@dataclass(frozen=True, slots=True)
class Box:
    """A task, or dataset types that the same tasks write and read.

    Parameters
    ----------
    key : str
        ``T:label`` or ``D:name``.
    names : tuple of str
        The label, or the names of the dataset types.
    dimensions : tuple of str
        Dimensions of the task or dataset types.
    note : str
        Class of the task, or storage class of the dataset types.
    """

    key: str
    names: tuple[str, ...]
    dimensions: tuple[str, ...]
    note: str

    @property
    def is_task(self) -> bool:
        """Whether it is a task."""
        return self.key.startswith("T:")


@dataclass(frozen=True, slots=True)
class Line:
    """One connection of one task, as far as a drawing cares.

    Parameters
    ----------
    label : str
        Label of the task.
    connection : str
        Name of the connection within the task.
    dataset_type : str
        Name of the dataset type.
    is_input, prerequisite : bool
        Whether the task reads it, and whether it must be there beforehand.
    dimensions : tuple of str
        Dimensions of the dataset type.
    storage_class : str
        Storage class that the task sees.
    """

    label: str
    connection: str
    dataset_type: str
    is_input: bool
    prerequisite: bool
    dimensions: tuple[str, ...]
    storage_class: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes such that arrows lead from earlier to later ones.

    Parameters
    ----------
    boxes : tuple of Box
        In topological order.
    arrows : tuple of (str, str)
        Keys of the boxes at the tail and the tip.
    prerequisites : frozenset of (str, str)
        The arrows that are prerequisites: there beforehand.
    description : str
        What the pipeline does.
    missing : tuple of str
        Labels of tasks whose connections are not known.
    lines : tuple of Line
        The connections that the arrows stand for.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]
    prerequisites: frozenset[tuple[str, str]] = frozenset()
    description: str = ""
    missing: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()

    def into(self, key: str) -> list[str]:
        """Return the keys of the boxes from which arrows lead here."""
        return [tail for tail, tip in self.arrows if tip == key]

    def out_of(self, key: str) -> list[str]:
        """Return the keys of the boxes to which arrows lead from here."""
        return [tip for tail, tip in self.arrows if tail == key]


def diagram_of(tasks: Iterable[Box], lines: Sequence[Line], description: str, missing: tuple[str, ...] = ()) -> Diagram:
    """Put dataset types that the same tasks write and read into one box, and order all boxes.

    Parameters
    ----------
    tasks : iterable of Box
        The tasks, producers first.
    lines : sequence of Line
        Their connections.
    description : str
        What the pipeline does.
    missing : tuple of str
        Labels of tasks whose connections are not known.
    """
    about: dict[str, list[Line]] = {}
    for line in lines:
        about.setdefault(line.dataset_type, []).append(line)
    alike: dict[object, list[str]] = {}
    for name, own in about.items():
        roles = frozenset((line.label, line.is_input, line.prerequisite) for line in own)
        alike.setdefault((roles, own[0].dimensions), []).append(name)
    datasets: dict[str, Box] = {}
    for names in alike.values():
        first = about[names[0]][0]
        notes = dict.fromkeys(about[name][0].storage_class for name in names)
        box = Box(f"D:{names[0]}", tuple(names), first.dimensions, ", ".join(notes))
        datasets |= dict.fromkeys(names, box)
    ordered: dict[str, Box] = {}
    for task in tasks:
        own = [line for line in lines if line.label == task.names[0]]
        ordered |= {datasets[line.dataset_type].key: datasets[line.dataset_type] for line in own if line.is_input}
        ordered[task.key] = task
        ordered |= {datasets[line.dataset_type].key: datasets[line.dataset_type] for line in own if not line.is_input}
    arrows: dict[tuple[str, str], bool] = {}
    for line in lines:
        ends = datasets[line.dataset_type].key, f"T:{line.label}"
        arrows.setdefault(ends if line.is_input else ends[::-1], line.prerequisite)
    before = frozenset(arrow for arrow, prerequisite in arrows.items() if prerequisite)
    return Diagram(tuple(ordered.values()), tuple(arrows), before, description, missing, tuple(lines))

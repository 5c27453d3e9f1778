"""Which task reads and writes which dataset type: order, cycles, and what lies upstream or downstream."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.errors import PipelineError, near

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Wiring"]


@dataclass(frozen=True)
class Wiring:
    """Tasks by label and dataset types by name, joined by reading and writing.

    Parameters
    ----------
    reads, writes : Mapping[str, Iterable[str]]
        Dataset types by label of the task; both have every task, in the pipeline's order.
    """

    reads: Mapping[str, tuple[str, ...]]
    writes: Mapping[str, tuple[str, ...]]

    def producers(self) -> dict[str, str]:
        """Return the task that writes each dataset type.

        Raises
        ------
        PipelineError
            If two tasks write the same one.
        """
        found: dict[str, str] = {}
        for label, names in self.writes.items():
            for name in names:
                if found.setdefault(name, label) != label:
                    raise PipelineError(
                        f"dataset type {name!r} is written by two tasks, {found[name]!r} and {label!r};"
                        f" rename one with '{label}: config: connections.<output>: <name>'"
                    )
        return found

    def dataset_types(self) -> dict[str, None]:
        """Return the names of all dataset types, in the order in which tasks mention them."""
        return dict.fromkeys(
            name for label in self.reads for names in (self.reads[label], self.writes[label]) for name in names
        )

    def upstream(self) -> dict[str, dict[str, str]]:
        """Return, for each task, the tasks it depends on and a dataset type by which it does."""
        producers = self.producers()
        return {
            label: {producers[name]: name for name in reversed(names) if name in producers}
            for label, names in self.reads.items()
        }

    def ordered(self) -> list[str]:
        """Return the labels such that producers come before consumers, else in the pipeline's order.

        Raises
        ------
        PipelineError
            If tasks depend on each other in a circle; the message walks along it.
        """
        upstream = self.upstream()
        downstream: dict[str, list[str]] = defaultdict(list)
        for label, parents in upstream.items():
            for parent in parents:
                downstream[parent].append(label)
        place = {label: i for i, label in enumerate(self.reads)}
        waiting = {label: len(parents) for label, parents in upstream.items()}
        ready = [(place[label], label) for label, count in waiting.items() if count == 0]
        order: list[str] = []
        while ready:
            _, label = heapq.heappop(ready)
            order.append(label)
            for child in downstream[label]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    heapq.heappush(ready, (place[child], child))
        if len(order) < len(place):
            raise PipelineError(_describe_cycle(upstream, set(place) - set(order)))
        return order

    def ancestors(self, nodes: Iterable[str]) -> set[str]:
        """Return all nodes upstream of the given ones; nodes are ``T:label`` and ``D:dataset type``."""
        into = {f"T:{label}": [f"D:{name}" for name in names] for label, names in self.reads.items()}
        into |= {f"D:{name}": [f"T:{label}"] for name, label in self.producers().items()}
        return _reach(nodes, into)

    def descendants(self, nodes: Iterable[str]) -> set[str]:
        """Return all nodes downstream of the given ones."""
        out: dict[str, list[str]] = {
            f"T:{label}": [f"D:{name}" for name in names] for label, names in self.writes.items()
        }
        for label, names in self.reads.items():
            for name in names:
                out.setdefault(f"D:{name}", []).append(f"T:{label}")
        return _reach(nodes, out)

    def nodes(self) -> set[str]:
        """Return all nodes."""
        return {f"T:{label}" for label in self.reads} | {f"D:{name}" for name in self.dataset_types()}

    def between(self, first: str | None, last: str | None) -> list[str]:
        """Return the labels on a path from one task to another, both included; None leaves an end open.

        Raises
        ------
        PipelineError
            If a label is unknown, or no path leads from the one to the other.
        """
        for label in (first, last):
            if label is not None and label not in self.reads:
                raise PipelineError(f"there is no task {label!r}{near(label, self.reads)}")
        kept = self.nodes()
        if first is not None:
            kept &= self.descendants([f"T:{first}"]) | {f"T:{first}"}
        if last is not None:
            kept &= self.ancestors([f"T:{last}"]) | {f"T:{last}"}
        if any(label is not None and f"T:{label}" not in kept for label in (first, last)):
            raise PipelineError(f"no path leads from {first!r} to {last!r}; nothing that {first!r} makes reaches it")
        return [label for label in self.reads if f"T:{label}" in kept]

    def only(self, labels: Iterable[str]) -> Wiring:
        """Return the wiring of some of the tasks."""
        wanted = set(labels)
        return Wiring(
            {label: names for label, names in self.reads.items() if label in wanted},
            {label: names for label, names in self.writes.items() if label in wanted},
        )


def _reach(start: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(start)
    while todo:
        for node in edges.get(todo.pop(), ()):
            if node not in found:
                found.add(node)
                todo.append(node)
    return found


def _describe_cycle(upstream: Mapping[str, Mapping[str, str]], stuck: set[str]) -> str:
    """Walk upstream among tasks that wait for each other until one comes up again."""
    way = [min(stuck)]
    while True:
        parent = next(label for label in upstream[way[-1]] if label in stuck)
        if parent in way:
            circle = way[way.index(parent) :][::-1]
            break
        way.append(parent)
    circle = circle[circle.index(min(circle)) :] + circle[: circle.index(min(circle))]
    steps = "".join(
        f" --[{upstream[child][label]}]--> {child}"
        for label, child in zip(circle, [*circle[1:], circle[0]], strict=True)
    )
    return f"these tasks wait for each other in a circle: {circle[0]}{steps}; rename an input or output to break it"

"""Two runs side by side."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.output import output_options
from bunter.values import sized

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.execution import Comparison

__all__ = ["diff"]


@click.command("diff", epilog="\b\nExample: bunter diff demo demo/science demo/science")
@click.argument("repo")
@click.argument("first", metavar="RUN1")
@click.argument("second", metavar="RUN2")
@output_options
def diff(*, repo: str, first: str, second: str, emit: Emit) -> None:
    """Compare RUN1 and RUN2 of REPO, or the newest runs of two chains: settings, versions, counts, times, outputs."""
    from bunter.butler import Butler
    from bunter.execution import compare_runs

    with Butler(repo, writeable=False) as butler:
        found = compare_runs(butler, first, second)
    if emit.style == "json":
        emit.record(asdict(found) | {"is_same": found.is_same})
        return
    _show(found, emit)


def _show(found: Comparison, emit: Emit) -> None:
    for name, (one, other) in found.settings.items():
        emit.note(f"{name}: {one or 'none'} -> {other or 'none'}")
    for task in found.tasks:
        if task.version[0] != task.version[1]:
            emit.note(f"{task.label}: version {_arrow(task.version)}")
        for name, pair in task.config.items():
            emit.note(f"{task.label}: {name} = {_arrow(pair)}")
    emit.heading("tasks")
    emit.rows(
        ("task", "succeeded", "failed", "wall_s", "cpu_s", "memory"),
        [
            (t.label, _arrow(t.succeeded), _arrow(t.failed), _arrow(t.wall_s), _arrow(t.cpu_s),
             _arrow((_size(t.peak_memory[0]), _size(t.peak_memory[1]))))
            for t in found.tasks
        ],
    )  # fmt: skip
    emit.heading("outputs")
    emit.rows(
        ("dataset_type", "count", "bytes", "same", "different", "only_first", "only_second"),
        [
            (
                o.dataset_type,
                _arrow(o.count),
                _arrow((sized(o.size[0]), sized(o.size[1]))),
                o.same,
                o.different,
                *o.only,
            )
            for o in found.outputs
        ],
    )
    for one in found.outputs:
        for data_id in one.examples:
            emit.note(f"differs: {one.dataset_type} {', '.join(f'{name}={value}' for name, value in data_id.items())}")


def _size(count: int | None) -> str | None:
    return None if count is None else sized(count)


def _arrow(pair: tuple[Any, Any]) -> str:
    one, other = ("-" if value is None else str(value) for value in pair)
    return one if one == other else f"{one} -> {other}"

"""Options by which commands choose datasets that go elsewhere, and say how what they wrote is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.butler.transfers.manifest import Manifest
    from bunter.cli.output import Emit

__all__ = ["selection_options", "tell_nothing", "tell_written"]


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-d``, ``-c`` and ``--where``."""
    for option in (
        click.option("--where", default="", help="Only datasets that satisfy this expression."),
        click.option(
            "-c", "--collections", multiple=True, help="Only datasets of these collections, which go along. Repeatable."
        ),
        click.option(
            "-d", "--datasets", "dataset_types", multiple=True, default=("*",), help="Dataset type or glob. Repeatable."
        ),
    ):
        command = option(command)
    return command


def tell_nothing(source: str, emit: Emit) -> None:
    """Say that no dataset was selected, and how to find out why."""
    emit.note(
        f"no dataset of {source} is selected; `bunter query-datasets {source}` with the same types, --collections and --where "
        "says why"
    )


def tell_written(
    manifest: Manifest, place: dict[str, str], verbs: tuple[str, str], emit: Emit, *, dry_run: bool
) -> None:
    """Print what was written to a place, given as its kind and name; the verbs are for what would be, and for what was."""
    from bunter.values import counted, sized

    counts = {"datasets": manifest.datasets, "artifacts": manifest.artifacts, "size": manifest.size}
    [name] = place.values()
    if not manifest.datasets:
        tell_nothing(manifest.source, emit)
    emit.record(
        {**place, **counts, "dry_run": dry_run},
        f"{verbs[0] if dry_run else verbs[1]} {counted(manifest.datasets, 'dataset')} "
        f"({counted(manifest.artifacts, 'artifact')}, {sized(manifest.size)}) to {name}",
    )

"""The command that orders artifacts back from tape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option, names_of
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["recall"]


@click.command("recall", epilog="\b\nExample: bunter recall demo -d raw --where \"instrument = 'DemoCam'\" --dry-run")
@click.argument("repo")
@click.option(
    "-d", "--datasets", "dataset_types", multiple=True, default=("*",), help="Dataset type or glob. Repeatable."
)
@click.option("--collections", multiple=True, help="Collections to search, separated by commas. Repeatable.")
@click.option("--where", default="", help="Query expression, such as \"band = 'r'\".")
@dry_run_option
@output_options
def recall(
    *,
    repo: str,
    dataset_types: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Order the artifacts of datasets of REPO back that are nearline, such as on tape: one order, grouped by container."""
    from bunter.butler import Butler
    from bunter.cli.commands.files import _refs

    with Butler(repo, writeable=False) as butler:
        refs = _refs(butler, dataset_types, tuple(names_of(collections)), where)
        orders = butler.recall(refs, dry_run=dry_run)
    emit.rows(
        ("store", "container", "artifacts", "bytes", "ticket"),
        [(order.datastore, order.container, len(order.keys), order.size, order.ticket) for order in orders],
    )
    if not orders:
        emit.note(f"nothing of {len(refs)} datasets has to be recalled")

"""The command that orders artifacts back from tape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options
from bunter.cli.selecting import choosing_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.cli.selecting import Chosen

__all__ = ["recall"]


@click.command("recall", epilog="\b\nExample: bunter recall demo -d raw --where \"instrument = 'DemoCam'\" --dry-run")
@click.argument("repo")
@choosing_options()
@dry_run_option
@output_options
def recall(
    *,
    repo: str,
    chosen: Chosen,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Order the artifacts of datasets of REPO back that are nearline, such as on tape: one order, grouped by container."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        refs = chosen.refs(butler)
        orders = butler.recall(refs, dry_run=dry_run)
    emit.rows(
        ("store", "container", "artifacts", "bytes", "ticket"),
        [(order.datastore, order.container, len(order.keys), order.size, order.ticket) for order in orders],
    )
    if not orders:
        emit.note(f"nothing of {len(refs)} datasets has to be recalled")

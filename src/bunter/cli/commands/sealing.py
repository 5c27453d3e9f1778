"""The command that finishes a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["seal"]


@click.command(
    "seal",
    epilog="\b\nExamples: bunter seal demo --dry-run\n          bunter seal demo\n          bunter seal demo --unseal",
)
@click.argument("repo")
@click.option("--unseal", is_flag=True, help="Open it for writing again.")
@dry_run_option
@output_options
def seal(*, repo: str, unseal: bool, dry_run: bool, emit: Emit) -> None:
    """Make REPO readable from read-only media and by users who may not write there; writing is refused until --unseal."""
    from bunter.butler.opening import Address, existing_place
    from bunter.butler.sealing import seal as close
    from bunter.butler.sealing import unseal as reopen

    root = existing_place(Address.of(repo))
    changed = (reopen if unseal else close)(root, dry_run=dry_run)
    state = "open for writing" if unseal else "sealed"
    verb = f"{repo} would be" if dry_run and changed else f"{repo} is" if changed else f"{repo} was already"
    emit.record(
        {"repository": str(root), "sealed": not unseal, "changed": changed, "dry_run": dry_run}, f"{verb} {state}"
    )

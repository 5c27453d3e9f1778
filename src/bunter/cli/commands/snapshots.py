"""Commands that name moments in the life of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import as_of_option, dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["snapshot"]


@click.group("snapshot", epilog="\b\nExample: bunter snapshot list demo")
def snapshot() -> None:
    """Name the repository as it stands, to see it so again with --as-of NAME."""


@snapshot.command(
    "create",
    short_help="Name the present state, or an earlier one.",
    epilog='\b\nExample: bunter snapshot create demo release/1 --doc "what the paper used"',
)
@click.argument("repo")
@click.argument("name")
@click.option("--doc", default="", help="What it is for.")
@as_of_option
@dry_run_option
@output_options
def create(*, repo: str, name: str, doc: str, as_of: str | None, dry_run: bool, emit: Emit) -> None:
    """Call the present state of REPO, or that of --as-of, NAME; this takes no space and keeps no files."""
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run or None) as butler:
        if dry_run:
            change = butler.clone(as_of=as_of or "9999-01-01").as_of
            emit.record({"name": name, "change": change}, f"would call change {change} {name}")
            return
        made = butler.snapshots.create(name, doc, as_of=as_of)
    emit.record({"name": made.name, "change": made.change}, f"{made.name} is change {made.change}")


@snapshot.command("list", short_help="List the snapshots.", epilog="\b\nExample: bunter snapshot list demo")
@click.argument("repo")
@click.argument("pattern", default="*")
@output_options
def list_snapshots(*, repo: str, pattern: str, emit: Emit) -> None:
    """List the snapshots of REPO whose names match PATTERN, the oldest moment first; times are UTC."""
    from bunter.butler import Butler
    from bunter.values import clock_text

    with Butler(repo, writeable=False) as butler:
        rows = [
            (s.name, s.change, None if s.time is None else clock_text(s.time), s.user, s.doc)
            for s in butler.snapshots.query(pattern)
        ]
    emit.rows(("name", "change", "time", "user", "doc"), rows)


@snapshot.command("remove", epilog="\b\nExample: bunter snapshot remove demo release/1")
@click.argument("repo")
@click.argument("name")
@dry_run_option
@output_options
def remove(*, repo: str, name: str, dry_run: bool, emit: Emit) -> None:
    """Forget the name of a moment; nothing else changes."""
    from bunter.butler import Butler

    with Butler(repo, writeable=None if dry_run else True) as butler:
        known = butler.snapshots.get(name)
        if not dry_run:
            butler.snapshots.remove(name)
    emit.record(
        {"name": name, "change": known.change},
        f"{'would forget' if dry_run else 'forgot'} {name}, which is change {known.change}",
    )

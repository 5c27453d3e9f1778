"""The command that copies a repository's database to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.database.cloning import Copied

__all__ = ["clone"]

_MANY = 100_000


@click.command(epilog="\b\nExample: bunter clone demo copy.sqlite3")
@click.argument("repo")
@click.argument("to")
@click.option("--switch", is_flag=True, help="Let REPO use the copy from now on; the old database is closed for good.")
@dry_run_option
@output_options
def clone(*, repo: str, to: str, switch: bool, dry_run: bool, emit: Emit) -> None:
    """Copy the database of REPO to another one, exactly; files of datasets stay where they are.

    TO is postgresql://user@host/database?schema=name, or a SQLite file, relative to the folder of REPO. Both ways go.
    """
    from bunter.butler.cloning import clone_registry

    def told(copied: Copied) -> None:
        if copied.rows >= _MANY:
            emit.note(f"{copied.table}: {copied.rows} rows")

    found = clone_registry(repo, to, switch=switch, dry_run=dry_run, progress=told)
    would = "would copy" if dry_run else "copied"
    after = f"; {repo} uses it from now on" if found.switched else ""
    emit.record(
        {
            "source": found.source,
            "target": found.target,
            "rows": found.rows,
            "tables": dict(found.tables),
            "switched": found.switched,
            "dry_run": dry_run,
        },
        f"{would} {found.rows} rows of {len(found.tables)} tables from {found.source} to {found.target}{after}",
    )

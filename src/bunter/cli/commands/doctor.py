"""The command that tries out a repository, a store, a folder or a database server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["doctor"]


@click.command("doctor", epilog="\b\nExamples: bunter doctor demo\n          bunter doctor s3://bucket/prefix --json")
@click.argument("address")
@output_options
def doctor(*, address: str, emit: Emit) -> None:
    """Try out a repository, or what Bunter needs of a store, a folder, or postgresql://...; exit with 1 if something is wrong.

    Of a repository its configuration, its registry and each of its stores are tried. Rights, consistency, clock and speed are tried with objects of its own, which are removed again.
    """
    from bunter.butler.repository_diagnosis import examine

    symptoms = examine(address)
    emit.rows(("check", "verdict", "detail"), [(each.check, each.verdict, each.detail) for each in symptoms])
    if any(each.verdict == "wrong" for each in symptoms):
        raise click.exceptions.Exit(1)

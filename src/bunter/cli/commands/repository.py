"""Commands about a repository as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["config_dump", "config_validate", "create"]


@click.command(
    epilog="\b\nExamples: bunter create night1\n          bunter create night2 --shared\n\b\n"
    "bunter create dr1 --database 'postgresql://db.example.org/surveys?schema=dr1'"
)
@click.argument("repo")
@click.option(
    "--database",
    metavar="FILE|URL",
    help="Where the registry is kept: a SQLite file, its path taken from REPO (from here, for a REPO in a store), or postgresql://user@host/database?schema=name, without a password.",
)
@click.option(
    "--seed-config", type=click.Path(exists=True, dir_okay=False), help="Partial configuration (YAML) to begin with."
)
@click.option(
    "--dimensions",
    "--dimension-config",
    "dimension_config",
    metavar="FILE|NAME",
    help="Definition of the dimensions: a YAML file, or default, fibre-spectrograph, spectral-survey.",
)
@click.option(
    "--shared",
    is_flag=False,
    flag_value="",
    metavar="[GROUP]",
    help="Let a group write all files, whoever makes them: --shared for the folder's group, --shared=GROUP for another.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Check everything and make nothing.")
@output_options
def create(
    *,
    repo: str,
    database: str | None,
    seed_config: str | None,
    dimension_config: str | None,
    shared: str | None,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Create an empty repository in the folder REPO, or in a store such as s3://bucket/dr1.

    A repository in a store has its registry elsewhere: --database names a file of this machine, made if it is not there, or a
    server.

    The address of a PostgreSQL database in place of REPO stands for a folder of its schema's name, here, with the registry
    in that schema.
    """
    from bunter.butler import Butler, check_creation
    from bunter.butler.registry_place import folder_and_database

    folder, database = folder_and_database(repo, database)
    repo = str(folder)
    if dry_run:
        check_creation(repo, dimensions=dimension_config, seed_config=seed_config, database=database)
        emit.record({"repository": repo, "created": False}, f"would create a repository in {repo}")
        return
    sharing = shared or shared is not None
    with Butler.create(
        repo, database=database, dimensions=dimension_config, seed_config=seed_config, shared=sharing
    ) as butler:
        universe = butler.universe
        emit.record(
            {"repository": repo, "created": True, "universe": universe.namespace, "universe_version": universe.version},
            f"created repository {repo}; next: bunter register-instrument {repo} NAME",
        )
        for sentence in butler.repository.advice():
            emit.note(sentence)


@click.command("config-dump", epilog="\b\nExample: bunter config-dump demo --source")
@click.argument("repo")
@click.option("--source", is_flag=True, help="Say which layer each value comes from.")
@output_options
def config_dump(*, repo: str, source: bool, emit: Emit) -> None:
    """Print the configuration of REPO."""
    from bunter.butler import configuration_of

    rows = configuration_of(repo).rows()
    if source:
        emit.rows(("setting", "value", "source"), rows)
    else:
        emit.rows(("setting", "value"), [row[:2] for row in rows])


@click.command("config-validate", epilog="\b\nExample: bunter config-validate demo")
@click.argument("repo")
@output_options
def config_validate(*, repo: str, emit: Emit) -> None:
    """Check the configuration of REPO, also against its dataset types."""
    from bunter.butler import Butler, configuration_of
    from bunter.datastore.constraint_checks import meaningless_entries
    from bunter.datastore.template_checks import check_for_universe

    with Butler(repo, writeable=False) as butler:
        config = configuration_of(repo).model.datastore
        check_for_universe(config, butler.universe)
        kinds = butler.dataset_types.query()
        for text in meaningless_entries(config, [kind.name for kind in kinds], butler.universe):
            emit.note(text)
        troubles = [text for kind in kinds for text in butler.datastore.chain.troubles(kind)]
        count = len(kinds)
    if troubles:
        emit.rows(("trouble",), [(text,) for text in troubles])
        raise click.exceptions.Exit(1)
    emit.record({"valid": True, "dataset_types": count}, f"the configuration is valid for {count} dataset types")

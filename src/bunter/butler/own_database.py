"""The database of a repository of our own: made with its tables, opened, brought to the format of this code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bunter import effects
from bunter.butler.claims import claim_on, settle_file
from bunter.butler.config import CONFIG_NAME
from bunter.butler.making import write_configuration
from bunter.butler.registry_place import make_folder_of, options_of, place_of
from bunter.butler.remote_root import RemoteFile
from bunter.butler.seal_note import seal_sentence
from bunter.database import Database
from bunter.database.making import making
from bunter.datastore.records import ArtifactRecords
from bunter.errors import ReadOnlyError
from bunter.registry import Registry
from bunter.values import Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.butler.config import Configuration
    from bunter.datastore.store_address import StoreAddress
    from bunter.dimensions import Universe

__all__ = ["make_repository", "make_tables", "migrate_database", "open_database"]


def make_repository(
    root: Path | StoreAddress, universe: Universe, configuration: Configuration, *, kept: Mapping[str, Any]
) -> None:
    """Make an empty repository; the configuration file comes last and makes it one."""
    model = configuration.model
    if isinstance(root, Path):
        if model.shared:
            effects.share(root)
        effects.mkdirs(root)
    place = place_of(root, model.registry)
    if isinstance(place, Path):
        make_folder_of(place)
    text = yaml.safe_dump({"format": model.format, **kept}, sort_keys=False)
    with making(place, options_of(model.registry), claim=claim_on(place, root)) as filling:
        with filling() as database:
            make_tables(database, universe)
        if isinstance(root, Path):
            write_configuration(root, text)
        else:
            RemoteFile(root, CONFIG_NAME).write_text(text)


def make_tables(database: Database, universe: Universe) -> None:
    """Make the tables of an empty repository."""
    Registry.create(database, universe)
    with database.write() as transaction:
        ArtifactRecords().create(transaction)


def open_database(root: Path | StoreAddress, configuration: Configuration, *, read_only: bool) -> Database:
    """Open the database of the repository at a root; one that is sealed is not opened for writing."""
    registry = configuration.model.registry
    if configuration.model.shared and isinstance(root, Path):
        effects.share(root)
    if not read_only and (sealed := seal_sentence(root, configuration)) is not None:
        raise ReadOnlyError(f"{sealed} and cannot be changed; `bunter seal {root} --unseal` opens it for writing")
    place = place_of(root, registry)
    if not read_only:
        settle_file(place, root)
    return Database.open(
        place, read_only=read_only, lock_timeout_s=registry.lock_timeout_s, options=options_of(registry)
    )


def migrate_database(root: Path | StoreAddress, configuration: Configuration, *, dry_run: bool) -> tuple[str, ...]:
    """Bring an older repository to the format of this code, in one transaction; return the steps in words."""
    from bunter.butler.formats import migrate, pending_steps
    from bunter.registry.living_universe import read_attributes

    with open_database(root, configuration, read_only=dry_run) as database:
        with database.read() as connection:
            steps = pending_steps(int(read_attributes(connection, database.location)["registry.version"]))
        if steps and not dry_run:
            with database.write() as transaction:
                now = int(read_attributes(transaction, database.location)["registry.version"])
                migrate(transaction, pending_steps(now), Principal.current())
    return tuple(f"format {step.number}: {step.title}" for step in steps)

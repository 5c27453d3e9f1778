"""A repository of one's own over a release: its catalogue copied, its files read where they are, new ones kept apart."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bunter.butler.cloning import clone_registry
from bunter.butler.config import CONFIG_NAME, load_configuration
from bunter.butler.making import making, refuse_unless_new, write_configuration
from bunter.butler.opening import Address, configuration_at, existing_place, existing_root
from bunter.database import is_server
from bunter.datastore import MAIN
from bunter.datastore.services import place_below
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from bunter.butler.transfers.report import TransferReport
    from bunter.datastore.config import DatastoreConfig
    from bunter.datastore.store_address import StoreAddress

__all__ = ["Overlay", "overlay_repository", "refresh_overlay"]

_LAYER = "release"


@dataclass(frozen=True, slots=True)
class Overlay:
    """A repository over another one.

    Parameters
    ----------
    folder : str
        The new one.
    release : str
        The one below, which is never changed.
    stores : mapping of str to str
        Stores of the release that are read, by name, with their places.
    rows : int
        Rows of its catalogue that were copied.
    """

    folder: str
    release: str
    stores: dict[str, str]
    rows: int


def overlay_repository(
    release: str | Path, folder: str | Path, *, database: str | None = None, dry_run: bool = False
) -> Overlay:
    """Make a repository that has all that a release has, and takes what is new.

    Parameters
    ----------
    release : str or Path
        A repository: a folder, an address in a store, or a label. It may be sealed, and on read-only media.
    folder : str or Path
        Folder of the new repository, empty or not there.
    database : str, optional
        Address of a server that is to have its registry; a file in the folder if none is given.
    dry_run : bool
        Whether only to see that it could be made.

    Raises
    ------
    RepositoryExistsError
        If the folder holds anything.
    """
    root = existing_place(Address.of(release))
    target = Path(os.path.abspath(folder))  # noqa: PTH100 - the user's spelling
    refuse_unless_new(target)
    below = configuration_at(root).model.datastore
    stores = _stores_of(below, root)
    place = database if database is not None else str(target / "registry.sqlite3")
    with nullcontext() if dry_run else making(target):
        clone = clone_registry(release, place, dry_run=dry_run)
        if not dry_run:
            write_configuration(target, yaml.safe_dump(_configuration(below, stores, database), sort_keys=False))
    return Overlay(str(target), str(root), stores, clone.rows)


def refresh_overlay(release: str | Path, folder: str | Path, *, dry_run: bool = False) -> TransferReport:
    """Bring to an overlay what its release has got since; no file is copied, and what was removed in the overlay stays so.

    Parameters
    ----------
    release : str or Path
        The release that it lies over.
    folder : str or Path
        The overlay.
    dry_run : bool
        Whether only to compare; conflicts are in the report then.

    Raises
    ------
    ConfigurationError
        If the folder is not laid over this release.
    TransferConflictError
        If anything contradicts; nothing has changed.
    """
    from bunter.butler.facade import Butler

    root, target = existing_place(Address.of(release)), existing_root(Address.of(folder))
    stores = _stores_of(configuration_at(root).model.datastore, root)
    known = load_configuration(target / CONFIG_NAME).model.datastore.stores
    if missing := [
        place for place in stores.values() if not any(c.root == place and c.read_only for c in known.values())
    ]:
        raise ConfigurationError(
            f"{target} is not laid over {root}: it has no read-only store at {missing[0]}; `bunter overlay` makes such a repository"
        )
    with Butler(str(root), writeable=False) as below, Butler(target, writeable=not dry_run) as above:
        return above.transfers.lay_over(below.transfers.parcel(), dry_run=dry_run)


def _stores_of(below: DatastoreConfig, root: Path | StoreAddress) -> dict[str, str]:
    """Return the stores of a release by the names that they get, with places that hold from elsewhere."""
    first = next(name for name in chain([_LAYER], (f"{_LAYER}{n}" for n in count(2))) if name not in below.stores)
    named = {first: below.root} | {name: child.root for name, child in below.stores.items() if child.root is not None}
    return {name: str(place_below(root, place)) for name, place in named.items()}


def _configuration(below: DatastoreConfig, stores: dict[str, str], database: str | None) -> dict[str, Any]:
    if database is not None and not is_server(database):
        raise ConfigurationError(f"{database} is no address of a server; leave it out to have a file in the folder")
    kept = below.model_dump(mode="json", include={"templates", "formats", "composites"}, exclude_defaults=True)
    layers = {name: {"root": place, "read_only": True} for name, place in stores.items() if name != MAIN}
    tree: dict[str, Any] = {"format": 1, "datastore": {**kept, "stores": layers}}
    if below.alone:  # what these have comes with the catalogue
        alone = {name: below.sinks[name].model_dump(mode="json", exclude_defaults=True) for name in below.alone}
        tree["datastore"]["sinks"] = alone
    return tree if database is None else {**tree, "registry": {"database": database}}

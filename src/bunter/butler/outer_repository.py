"""Repositories that would lie among the files of another one, which would take theirs for leftovers."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

from bunter.butler.config import CONFIG_NAME, load_configuration
from bunter.datastore.services import place_below
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler.config import Configuration

__all__ = ["refuse_inside_another"]


def refuse_inside_another(root: Path, configuration: Configuration) -> None:
    """Refuse a new repository that lies, or keeps files, in a store of another repository, or one store in another.

    Parameters
    ----------
    root : Path
        Its folder.
    configuration : Configuration
        Its configuration.

    Raises
    ------
    ConfigurationError
        If it does.
    """
    places = list(_written_places(root, configuration))
    for inner, outer in permutations(places, 2):
        if inner.resolve() != outer.resolve() and inner.resolve().is_relative_to(outer.resolve()):
            raise ConfigurationError(
                f"the store at {inner} lies inside the one at {outer}, which would take its files for leftovers; give it a place "
                "beside it (datastore.stores)"
            )
    for place in (root, *places):
        real = place.resolve()
        for folder in real.parents:
            if folder != root.resolve() and (folder / CONFIG_NAME).is_file():
                _refuse(place, real, folder)


def _refuse(place: Path, real: Path, other: Path) -> None:
    for store in _written_places(other, load_configuration(other / CONFIG_NAME)):
        if real.is_relative_to(store.resolve()):
            raise ConfigurationError(
                f"{place} lies in {store}, where the repository {other} keeps its files, and would be taken for its leftovers; "
                "choose another folder"
            )


def _written_places(root: Path, configuration: Configuration) -> Iterator[Path]:
    """Yield the folders of this machine in which a repository keeps files of its own."""
    datastore = configuration.model.datastore
    roots = [datastore.root, *(child.root for child in datastore.stores.values() if not child.read_only)]
    for each in roots:
        if each is not None and isinstance(place := place_below(root, each), Path):
            yield place

"""Stores whose places lie in one another: the outer one would take what is in the inner one for leftovers."""

from __future__ import annotations

import os
from itertools import permutations
from typing import TYPE_CHECKING

from bunter.datastore.local import LocalStore
from bunter.datastore.store_address import StoreAddress
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.datastore.chain import Child

__all__ = ["refuse_nested"]


def refuse_nested(children: Iterable[Child]) -> None:
    """Refuse stores of which one lies in another that is written, whatever way they are spelled.

    Raises
    ------
    ConfigurationError
        If there are any.
    """
    places = {child.name: (child, place) for child in children if (place := _place(child)) is not None}
    for (inner, (_, place)), (outer, (child, around)) in permutations(places.items(), 2):
        if not child.read_only and place.startswith(around) and place != around:
            raise ConfigurationError(
                f"the store {inner!r} at {place.rstrip('/')} lies inside the store {outer!r} at {around.rstrip('/')}, which would take its "
                "files for leftovers; move it out and name its new place in bunter.yaml (datastore.stores)"
            )


def _place(child: Child) -> str | None:
    """Return where a store really is, with a slash at its end; None where it has no place."""
    if isinstance(child.store, LocalStore):
        return f"{os.path.realpath(child.store.root)}/"
    address = getattr(child.store, "address", None)
    if not isinstance(address, str) or "://" not in address:
        return None
    place = StoreAddress.of(address)
    return f"{place.scheme}://{place.place}/{place.prefix}/".replace("//", "/").replace(":/", "://")

"""Keys for artifacts that are transferred: by columns where they are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset import DatasetColumns, StoredArtifact
    from bunter.datastore.chain import Route

    _Fresh = tuple[
        tuple[DatasetColumns, int, StoredArtifact], str
    ]  # an artifact with the row of its dataset, and its nonce

__all__ = ["keys_alike", "suffix"]

_FEW = 8
"""Fewer artifacts that are alike are named one by one."""


def keys_alike(fresh: Sequence[_Fresh], routes: Sequence[Route]) -> list[str]:
    """Return the key of each artifact, empty where it has to be made by itself.

    Parameters
    ----------
    fresh : sequence
        Artifacts, each with the columns and the row of its dataset, and what makes its name unique.
    routes : sequence of Route
        Where each goes, and how it is named there.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, (((columns, _, stored), _), route) in enumerate(zip(fresh, routes, strict=True)):
        if not stored.component:
            groups.setdefault((id(columns), id(route), suffix(stored.key)), []).append(place)
    keys = [""] * len(fresh)
    for (_, _, ending), places in groups.items():
        some = [fresh[place] for place in places]
        made = _by_columns(some, routes[places[0]], str(ending)) if len(places) >= _FEW else None
        for place, key in zip(places, made or (), strict=False):
            keys[place] = key
    return keys


def _by_columns(fresh: Sequence[_Fresh], route: Route, ending: str) -> list[str] | None:
    columns, template = fresh[0][0][0], route.choice.template
    required = columns.dataset_type.dimensions.required
    if not template.sought <= set(required) or "id" in template.names:
        return None
    rows = [row for (_, row, _), _ in fresh]
    values: dict[str, Sequence[Any]] = {name: [columns.values[name][row] for row in rows] for name in required}
    shared = {"run": columns.run, "dataset_type": columns.dataset_type.name}
    return template.keys(values, shared, required, [nonce for _, nonce in fresh], ending)


def suffix(key: str) -> str:
    """Return the ending of a key with its dot, and that of a compressed file with both."""
    name = key.rpartition("/")[2]
    stem, dot, last = name.rpartition(".")
    if not stem:
        return ""
    if f".{last}" in {".gz", ".fz", ".bz2"} and (inner := stem.rpartition("."))[0]:
        return f".{inner[2]}.{last}"
    return dot + last

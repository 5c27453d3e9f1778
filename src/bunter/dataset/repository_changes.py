"""Changes to what a repository is, as values: its universe, its packers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ChangeUniverse", "DefinePacker"]


@dataclass(frozen=True, slots=True)
class ChangeUniverse:
    """Give a living repository a universe with more in it; an error if anything of the old one would go.

    Parameters
    ----------
    definition : mapping
        The new universe, as `bunter.dimensions.Universe.to_dict` gives it.
    fill : mapping of str to object
        Values of new keys, implied dimensions and columns that must have one, for the records that are there, by
        ``element.column``; in a text ``{name}`` stands for the record's value of another column.
    """

    definition: Mapping[str, Any]
    fill: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DefinePacker:
    """Keep the layout of a packer; the same again changes nothing, another one is an error unless it extends it.

    Parameters
    ----------
    layout : mapping
        As `bunter.dimensions.Layout.to_dict` gives it.
    """

    layout: Mapping[str, Any]

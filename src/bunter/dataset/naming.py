"""Dataset types by name, where a type may have further names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ByName"]

T = TypeVar("T")


class ByName(Mapping[str, T]):
    """Values by name or alias; only names are listed and counted.

    Parameters
    ----------
    values : mapping of str to T
        Values by name.
    aliases : mapping of str to str, optional
        Name that each alias stands for.
    """

    __slots__ = ("_values", "aliases")

    def __init__(self, values: Mapping[str, T], aliases: Mapping[str, str] | None = None) -> None:
        self._values = values
        self.aliases = dict(aliases or {})

    def __getitem__(self, name: str) -> T:
        try:
            return self._values[name]
        except KeyError:
            return self._values[self.aliases[name]]

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self.aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"ByName({dict(self._values)!r}, {self.aliases!r})"

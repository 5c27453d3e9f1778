"""What a task's ``run`` returns: results by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

__all__ = ["Struct"]


class Struct(SimpleNamespace):
    """Results by name, one attribute for each output connection.

    An attribute that is missing or None is an output that this call did not make; that is legal.

    Examples
    --------
    >>> result = Struct(exposure=[1, 2], background=None)
    >>> result.exposure
    [1, 2]
    >>> result.to_dict()
    {'exposure': [1, 2], 'background': None}
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the results as a new dictionary, in the order in which they were set."""
        return dict(vars(self))

    def merge(self, other: Struct, *names: str) -> Struct:
        """Return a new Struct with the results of both.

        Parameters
        ----------
        other : Struct
            Where more results come from; they win.
        *names : str
            Take only these from ``other``; all of them by default.

        Raises
        ------
        AttributeError
            If ``other`` has no result of that name.
        """
        taken = {name: getattr(other, name) for name in names} if names else vars(other)
        return Struct(**{**vars(self), **taken})

"""What a graph says about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bunter.graph.predicted import new_base

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Header"]


@dataclass(frozen=True, slots=True)
class Header:
    """Where a graph comes from and where its results go.

    Parameters
    ----------
    output_run : str
        The run that gets all outputs.
    inputs : tuple of str
        Collections in which inputs were searched, in order.
    where : str
        The user's selection.
    select : str
        "closure" or "strict".
    base : bytes
        Id of dataset row 0; predicted ids are base + row.
    user, host, command : str
        Who built it, where, and how.
    created_ns : int
        When, in ns since 1970-01-01T00:00:00 UTC.
    dimensions : mapping
        The universe: its namespace and version.
    decisions : tuple of mapping
        Vetoes and overrides of operators, with reason, author and how often each was applied.
    """

    output_run: str
    inputs: tuple[str, ...] = ()
    where: str = ""
    select: str = "closure"
    base: bytes = field(default_factory=new_base)
    user: str = ""
    host: str = ""
    command: str = ""
    created_ns: int = 0
    dimensions: Mapping[str, object] = field(default_factory=dict)
    decisions: tuple[Mapping[str, object], ...] = ()

    @property
    def graph_id(self) -> str:
        """Identity of the graph: the base as 32 hexadecimal digits."""
        return self.base.hex()

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        plain: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        return plain | {
            "base": self.base.hex(),
            "inputs": list(self.inputs),
            "dimensions": dict(self.dimensions),
            "decisions": list(self.decisions),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Header:
        """Make the header that `to_dict` wrote."""
        known = {name: plain[name] for name in cls.__slots__ if name in plain}
        known |= {"base": bytes.fromhex(str(plain["base"])), "inputs": tuple(plain["inputs"])}  # type: ignore[arg-type]
        return cls(**known | {"decisions": tuple(plain.get("decisions", ()))})  # type: ignore[arg-type]

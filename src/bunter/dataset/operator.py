"""What operators ask of a repository, and what they are answered, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

__all__ = ["OperatorQuestion", "RemovalToll", "SqlAnswer", "SqlStatement", "Statistics", "TypeHoldings", "Views"]


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """One SELECT over the views of a repository.

    Parameters
    ----------
    text : str
        The statement; values may be left open as ``:name``.
    binds : mapping
        Values for these.
    limit : int, optional
        At most this many rows; None for all.
    time_limit_s : float
        After so many seconds it is given up.
    """

    text: str
    binds: Mapping[str, object] = field(default_factory=dict)
    limit: int | None = None
    time_limit_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """How many datasets and bytes there are, by type, run, instrument, night, user, host and day of registration."""


@dataclass(frozen=True, slots=True)
class RemovalToll:
    """What the removal of datasets would take away: datasets, bytes of our artifacts and memberships by type and run."""

    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Views:
    """Which views there are for SQL, what each holds, and its columns."""


@dataclass(frozen=True, slots=True)
class TypeHoldings:
    """In which runs a dataset type has datasets, and how many."""

    dataset_type: str


OperatorQuestion = SqlStatement | Statistics | RemovalToll | Views | TypeHoldings


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """Rows of plain values under their names.

    Parameters
    ----------
    names : tuple of str
        Names of the columns.
    rows : list of tuple
        Numbers, texts, bytes and None.
    is_complete : bool
        Whether these are all rows that there are; False if the limit cut some off.
    """

    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_complete: bool = True

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table; a column of mixed types becomes text."""
        from bunter.values import pyarrow

        pa = pyarrow()
        columns = list(zip(*self.rows, strict=True)) if self.rows else [() for _ in self.names]
        return pa.table([_column(values) for values in columns], names=list(_distinct(self.names)))

    def to_table(self) -> Any:
        """Return the rows as an astropy table."""
        from astropy.table import Table

        from bunter.storage_class.conversions import astropy_from_arrow

        return astropy_from_arrow(self.to_arrow()) if self.rows else Table(names=_distinct(self.names))

    def to_pandas(self) -> Any:
        """Return the rows as a pandas data frame."""
        return self.to_arrow().to_pandas()

    def __repr__(self) -> str:
        more = "" if self.is_complete else ", and more that the limit cut off"
        return f"SqlAnswer({len(self.rows)} rows of {', '.join(self.names)}{more}); .to_table() shows them"


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Tell apart by numbers names that come twice, as ``SELECT a.id, b.id`` gives them."""
    seen: dict[str, int] = {}
    told = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return tuple(told)


def _column(values: Sequence[object]) -> pa.Array:
    from bunter.values import pyarrow

    pa = pyarrow()
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())

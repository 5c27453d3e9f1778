"""Two repositories made to hold the same datasets: the union of both, by id."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from bunter.butler.transfers.report import TransferReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.butler.transferring import TransferringButler
    from bunter.butler.transfers.outgoing import RepositoryParcel
    from bunter.datastore.carriage import Progress

__all__ = ["synchronise"]


def synchronise(  # noqa: PLR0913 - all but four by keyword
    first: TransferringButler,
    second: TransferringButler,
    dataset_types: str | Sequence[str] = "*",
    collections: str | Sequence[str] | None = None,
    *,
    where: str = "",
    both: bool = True,
    restore: bool = False,
    transfer: str = "auto",
    keep_records: bool = False,
    dry_run: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> list[TransferReport]:
    """Bring to each of two repositories what only the other one has; conflicts of both directions are found first.

    Parameters
    ----------
    first, second : Butler
        The repositories.
    dataset_types, collections, where
        Which datasets, and which collections go along; everything by default.
    both : bool
        Whether the first one is brought what only the second one has, too.
    restore : bool
        Whether datasets come back where they were removed on purpose; without it they stay removed there, and are not
        removed from the other side.
    transfer, keep_records, dry_run, progress
        As for `Transfers.take`.

    Returns
    -------
    list of TransferReport
        What came to the second, and then to the first.

    Raises
    ------
    TransferConflictError
        If anything contradicts; nothing has changed on either side.
    ConfigurationError
        If both are the same repository.
    """
    first.transfers.refuse_itself(second.transfers)
    ways = [(second, _part(first, dataset_types, collections, where))]
    if both:
        ways.append((first, _part(second, dataset_types, collections, where)))
    if all(parcel is None for _, parcel in ways):
        first.transfers.parcel(dataset_types, collections, where=where).collections()  # says what is not there
    others = (first, second)

    def taken(**how: Any) -> list[TransferReport]:
        alike: dict[str, Any] = {"transfer": transfer, "keep_records": keep_records, "restore": restore}
        reports = [
            TransferReport(other.transfers.location, butler.transfers.location, dry_run="dry_run" in how)
            if parcel is None
            else butler.transfers.take(parcel, **alike, **how)
            for other, (butler, parcel) in zip(others, ways, strict=False)
        ]
        return [reports[0], *(replace(report, unlike=()) for report in reports[1:])]  # told once

    surveys = taken(dry_run=True)
    if dry_run:
        return surveys
    for survey in surveys:
        survey.refuse()
    return taken(progress=progress)


def _part(
    butler: TransferringButler, dataset_types: str | Sequence[str], collections: str | Sequence[str] | None, where: str
) -> RepositoryParcel | None:
    """Return what a side has of what is asked for; None if it knows none of the types or collections."""
    types = [dataset_types] if isinstance(dataset_types, str) else dataset_types
    names = [collections] if isinstance(collections, str) else collections
    known, there = butler.transfers.known_names()
    if not any(fnmatchcase(name, pattern) for name in known for pattern in types):
        return None if list(types) != ["*"] or names is not None else butler.transfers.parcel()
    types = [pattern for pattern in types if any(fnmatchcase(name, pattern) for name in known)]
    if names is not None:
        names = [name for name in names if any(fnmatchcase(each, name) for each in there)]
        if not names:
            return None
    return butler.transfers.parcel(types, names, where=where)

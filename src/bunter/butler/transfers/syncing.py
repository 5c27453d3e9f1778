"""Two repositories made to hold the same datasets: the union of both, by id."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.butler.transferring import TransferringButler
    from bunter.butler.transfers.report import TransferReport
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
    """
    there = first.transfers.parcel(dataset_types, collections, where=where)
    ways = [(second, there)]
    if both:
        ways.append((first, second.transfers.parcel(dataset_types, collections, where=where)))
    surveys = [
        butler.transfers.take(parcel, transfer=transfer, keep_records=keep_records, dry_run=True)
        for butler, parcel in ways
    ]
    if dry_run:
        return surveys
    for survey in surveys:
        survey.refuse()
    return [
        butler.transfers.take(parcel, transfer=transfer, keep_records=keep_records, progress=progress)
        for butler, parcel in ways
    ]

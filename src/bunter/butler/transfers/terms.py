"""On which terms a parcel is taken in."""

from __future__ import annotations

from dataclasses import dataclass

from bunter.datastore import Transfer

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How what comes is treated.

    Parameters
    ----------
    transfer : str
        How artifacts come in, as for `Butler.ingest`.
    keep_records : bool
        Whether dimension records that are there and differ stay; without it they are conflicts.
    only_stored : bool
        Whether datasets without artifacts stay behind.
    restore : bool
        Whether what was removed here comes back: datasets, collections, places in chains, tags and validity ranges.
    verify : bool
        Whether what is linked is read and compared with its digest; what is copied always is.
    kind : str
        Kind of the activity that is recorded.
    """

    transfer: str = "auto"
    keep_records: bool = False
    only_stored: bool = False
    restore: bool = True
    verify: bool = True
    kind: str = "transfer"

    def __post_init__(self) -> None:
        Transfer(self.transfer)

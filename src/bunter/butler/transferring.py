"""The part of a butler's face that moves datasets between repositories, folders and archives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.butler.queries import Queries
    from bunter.butler.session import Session
    from bunter.butler.transfers import TransferReport, Transfers
    from bunter.dataset import DatasetRef

__all__ = ["TransferringButler"]


class TransferringButler:
    """What `bunter.Butler` offers about datasets of other repositories."""

    _session: Session
    _queries: Queries

    @property
    def transfers(self) -> Transfers:
        """Moves datasets between repositories, folders and archives."""
        from bunter.butler.transfers import Transfers

        return Transfers(self._session, self._queries)

    def transfer_from(
        self, source: TransferringButler, refs: Iterable[DatasetRef], *, transfer: str = "auto", **more: Any
    ) -> TransferReport:
        """Bring datasets of another repository, with their artifacts, dimension records, types, runs and all kept beside them.

        Ids stay the same, and what is there already stays as it is, so that the same call again completes what was cut
        short.

        Parameters
        ----------
        source : Butler
            Where they are.
        refs : iterable of DatasetRef
            Which ones.
        transfer : str
            "auto" (link, or copy where links do not reach), "copy", "move", "link", "hardlink", "symlink", "relsymlink" or
            "direct" (the artifacts stay where they are, and are never removed by this repository).
        **more
            See `Transfers.take`: ``dry_run``, ``keep_records``, ``only_stored``, ``verify``, ``progress``.

        Raises
        ------
        TransferConflictError
            If anything contradicts what is there; nothing has changed.
        """
        from bunter.butler.transfers import Selection

        parcel = source.transfers.parcel(selection=Selection(refs=list(refs)))
        return self.transfers.take(parcel, transfer=transfer, **more)

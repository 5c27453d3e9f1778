"""What a release has got since a repository was laid over it: its records, and not one byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.butler.transfers.receiving import Receiving
from bunter.butler.transfers.terms import Terms
from bunter.datastore import Staged
from bunter.values import Digests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from bunter.butler.session import Session
    from bunter.butler.transfers.parcel import Parcel
    from bunter.dataset import DatasetColumns, StoredArtifact
    from bunter.datastore.carriage import Cargo
    from bunter.datastore.chain import Route

__all__ = ["Layering"]


class Layering(Receiving):
    """Takes datasets of a release in under the keys that they have there, as the copy of its catalogue has the earlier ones.

    What was removed in the overlay stays removed.

    Parameters
    ----------
    session : Session
        The overlay.
    parcel : Parcel
        The release, or a part of it.
    """

    names_anew = False

    def __init__(self, session: Session, parcel: Parcel) -> None:
        super().__init__(session, parcel, Terms(restore=False, kind="overlay"))

    def _key(
        self, columns: DatasetColumns, data_id: Mapping[str, Any], nonce: str, stored: StoredArtifact, route: Route
    ) -> str:
        del columns, data_id, nonce, route
        return stored.key

    def _carried(self, cargo: list[Cargo]) -> list[Staged]:
        own = self._session.repository.datastore.alone  # in a database that is no longer that of the release
        brought = iter(super()._carried([each for each in cargo if each.stored.datastore in own]))
        return [next(brought) if each.stored.datastore in own else _there(each.stored) for each in cargo]


def _there(stored: StoredArtifact) -> Staged:
    """Say of an artifact of the release that there is nothing to publish."""
    digests = None if stored.sha256 is None or stored.xxh3 is None else Digests(stored.sha256, stored.xxh3)
    return Staged(stored.key, stored.size, digests, "", owned=stored.owned, datastore=stored.datastore)

"""Files in and out: ingest of files that exist, retrieval of artifacts to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from bunter.butler.publishing import dataset_columns
from bunter.dataset import ArtifactLink, ArtifactRow, DatasetRef, FileDataset
from bunter.dataset.changes import AddArtifacts, AddDatasets
from bunter.errors import ConflictingDatasetError, DatasetNotFoundError, IngestError
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.butler.facade import Butler
    from bunter.butler.lookup import Lookup
    from bunter.butler.session import Session
    from bunter.dataset.changes import Change
    from bunter.datastore import Staged

__all__ = ["Files", "read_file_table"]


class Files:
    """Brings files in and takes them out.

    Parameters
    ----------
    session : Session
        The repository.
    lookup : Lookup
        Finds what is there.
    """

    def __init__(self, session: Session, lookup: Lookup) -> None:
        self._session = session
        self._lookup = lookup

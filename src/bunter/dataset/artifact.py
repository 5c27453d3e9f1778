"""Artifacts: the files and objects that hold datasets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset.ref import DatasetRef


@dataclass(frozen=True, slots=True)
class FileDataset:
    """A file that is to be ingested, and the datasets it holds.

    Parameters
    ----------
    path : str
        Path or URI of the file.
    refs : Sequence[DatasetRef]
        Datasets in it.
    format : str, optional
        Short name of its format; None to take that of the storage class.
    selectors : Sequence[str], optional
        For each dataset where in the file it is, such as an HDU; None if a dataset is all of the file.
    """

    path: str
    refs: Sequence[DatasetRef]
    format: str | None = None
    selectors: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if not self.refs:
            raise ValueError(f"{self.path} holds no datasets; give at least one ref")
        if self.selectors is not None and len(self.selectors) != len(self.refs):
            raise ValueError(f"{self.path} needs one selector for each of its {len(self.refs)} datasets")


class ArtifactRow(Struct, frozen=True):
    """What is recorded of an artifact.

    Parameters
    ----------
    nonce : str
        Its identity, drawn when its publication was planned; see `bunter.values.new_nonce`.
    datastore : str
        Name of the datastore that holds it.
    directory, name : str
        Key, split at the last ``/``; for a direct artifact an absolute path or URI.
    size : int
        Bytes.
    sha256, xxh3 : bytes, optional
        Digests; None where nobody has read the content yet.
    format, format_version
        How its bytes are to be read.
    owned : bool
        Whether Bunter wrote it and may remove it.
    """

    nonce: str
    datastore: str
    directory: str
    name: str
    size: int
    sha256: bytes | None
    xxh3: bytes | None
    format: str
    format_version: int = 1
    owned: bool = True


class ArtifactLink(Struct, frozen=True):
    """A dataset, or the component of one, lies in an artifact.

    Parameters
    ----------
    dataset_id : bytes
        16 bytes.
    component : str
        Empty for the whole dataset.
    nonce : str
        Identity of the artifact.
    selector : str
        Where in the artifact, such as an HDU or ``offset:length``; empty for all of it.
    """

    dataset_id: bytes
    component: str
    nonce: str
    selector: str = ""


class StoredArtifact(Struct, frozen=True):
    """Where a dataset, or a component, is to be read from; fields as in `ArtifactRow` and `ArtifactLink`."""

    dataset_id: bytes
    component: str
    key: str
    datastore: str
    size: int
    sha256: bytes | None
    xxh3: bytes | None
    format: str
    format_version: int
    owned: bool
    selector: str

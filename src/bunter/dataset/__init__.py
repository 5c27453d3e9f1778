"""Dataset types, references to datasets, collections, and the vocabulary of changes to a repository."""

from __future__ import annotations

from bunter.dataset.artifact import ArtifactLink, ArtifactRow, FileDataset, StoredArtifact
from bunter.dataset.collection import CollectionInfo, CollectionType, collection_name_problem, is_glob
from bunter.dataset.columns import DatasetColumns
from bunter.dataset.deferred import DeferredDataset
from bunter.dataset.ref import DatasetRef, DatasetSearch
from bunter.dataset.type import DatasetType, dataset_type_name_problem, split_component

__all__ = [
    "ArtifactLink",
    "ArtifactRow",
    "CollectionInfo",
    "CollectionType",
    "DatasetColumns",
    "DatasetRef",
    "DatasetSearch",
    "DatasetType",
    "DeferredDataset",
    "FileDataset",
    "StoredArtifact",
    "collection_name_problem",
    "dataset_type_name_problem",
    "is_glob",
    "split_component",
]

"""The Butler: the public face of a repository, and the seam behind it."""

from __future__ import annotations

from bunter.butler.builder import Query
from bunter.butler.facade import Butler
from bunter.butler.file_tables import FileTable
from bunter.butler.opening import check_creation, configuration_of, labels
from bunter.butler.repository import FindRequest, Repository, RepositoryFacts
from bunter.butler.results import DataIdResults, DatasetResults, JoinedResults, RecordResults, TableResults
from bunter.butler.search import Search
from bunter.butler.temporary import temporary_repository
from bunter.dataset import DeferredDataset

__all__ = [
    "Butler",
    "DataIdResults",
    "DatasetResults",
    "DeferredDataset",
    "FileTable",
    "FindRequest",
    "JoinedResults",
    "Query",
    "RecordResults",
    "Repository",
    "RepositoryFacts",
    "Search",
    "TableResults",
    "check_creation",
    "configuration_of",
    "labels",
    "temporary_repository",
]

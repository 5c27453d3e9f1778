"""Repositories in a storage service."""

import pytest

from bunter import Butler
from bunter.contracts.repository import RepositoryContract


class TestInS3(RepositoryContract):
    @pytest.fixture
    def empty(self, s3_place, tmp_path):
        with Butler.create(f"{s3_place}/repo", database=str(tmp_path / "registry.sqlite3")) as butler:
            yield butler

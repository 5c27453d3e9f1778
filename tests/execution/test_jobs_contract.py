"""Jobs in repositories in a folder, on PostgreSQL, and with their root in a storage service."""

from __future__ import annotations

import pytest

from bunter import Butler
from bunter.contracts.jobs import JobsContract


class TestInAFolder(JobsContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestOnPostgres(JobsContract):
    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "repo") as butler:
            yield butler


class TestInAService(JobsContract):
    @pytest.fixture(params=["sqlite", "postgres"])
    def empty(self, request, tmp_path, s3_place, monkeypatch):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        books = f"{tmp_path}/registry.sqlite3" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
        with Butler.create(f"{s3_place}/repo", database=books) as butler:
            yield butler

"""Repositories made as a test says, over every kind of registry: what contracts with a fixture ``make`` ask for."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

import pytest

from bunter import Butler


class MadeInFolder:
    """Supplies ``make(datastore)``, which creates a repository in a folder."""

    @pytest.fixture
    def make(self, tmp_path):
        with ExitStack() as stack:
            yield lambda datastore: stack.enter_context(Butler.create(tmp_path / "repo", datastore=datastore))


class MadeInMemory:
    """The same in memory."""

    @pytest.fixture
    def make(self):
        return lambda datastore: Butler.create(f"memory://{uuid.uuid4()}", datastore=datastore)


class MadeOnPostgres:
    """The same with the registry on a PostgreSQL server."""

    @pytest.fixture
    def make(self, tmp_path, postgres_url):
        with ExitStack() as stack:
            yield lambda datastore: stack.enter_context(
                Butler.create(tmp_path / "repo", database=postgres_url, datastore=datastore)
            )

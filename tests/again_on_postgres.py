"""A test module once more, with every database of its own on a PostgreSQL server."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bunter.database import Database


class OnServer:
    """Stands for `Database` in a module: makes schemas where databases in memory are asked for."""

    server = None

    @classmethod
    def memory(cls):
        return Database.create(cls.server.url())


@pytest.fixture(autouse=True, scope="module")
def _on_server(postgres_server):
    OnServer.server = postgres_server


def again(file, *, without=()):
    """Return the tests and fixtures of the module of which ``file`` is named ``..._on_postgres.py``."""
    source = Path(file).with_name(Path(file).name.replace("_on_postgres", ""))
    spec = importlib.util.spec_from_file_location(f"{source.stem}_again", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for owner in (module, getattr(module, "_module", None)):
        if hasattr(owner, "Database"):
            owner.Database = OnServer
    names = {name: thing for name, thing in vars(module).items() if name not in without}
    return {name: thing for name, thing in names.items() if not name.startswith("__")} | {"_on_server": _on_server}

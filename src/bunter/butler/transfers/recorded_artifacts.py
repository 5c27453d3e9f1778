"""Which artifacts the tables of a dump record."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from bunter.butler.transfers.table_files import batches_of
from bunter.dataset import StoredArtifact
from bunter.datastore.key import check_key, escape, is_direct, join_key
from bunter.errors import ExportFileError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bunter.butler.transfers.dump_manifest import DumpedTable

__all__ = ["open_table", "recorded_artifacts"]

_TOGETHER = 5000


def recorded_artifacts(folder: Path, tables: Sequence[DumpedTable]) -> Iterator[list[StoredArtifact]]:
    """Yield the artifacts that lie in a store, some thousands at a time; those that stay where they are are left out.

    Raises
    ------
    ExportFileError
        If one has a name that leads out of its store.
    """
    directories = {
        number: (datastore, path)
        for batch in _rows(folder, tables, "artifact_directory")
        for number, datastore, path in _tuples(batch, "id", "datastore", "path")
    }
    names = ("directory", "name", "size", "sha256", "xxh3", "format", "format_version", "owned")
    for batch in _rows(folder, tables, "artifact"):
        found = []
        for directory, name, size, sha256, xxh3, form, version, owned in _tuples(batch, *names):
            datastore, path = directories[directory]
            key = join_key(path, name)
            if not is_direct(key):
                _check(datastore, key)
                found.append(
                    StoredArtifact(b"", "", key, datastore, size, sha256, xxh3, form, version, bool(owned), "")
                )
        if found:
            yield found


def _check(datastore: str, key: str) -> None:
    try:
        check_key(key)
    except TemplateError as exc:
        raise ExportFileError(str(exc)) from exc
    if escape(datastore) != datastore:
        raise ExportFileError(f"{datastore!r} cannot name a store")


def _rows(folder: Path, tables: Sequence[DumpedTable], name: str) -> Iterator[Any]:
    for table in tables:
        if table.shape.name == name:
            return batches_of(partial(open_table, folder / table.file.file), _TOGETHER)
    return iter(())


def open_table(path: Path) -> BinaryIO:
    """Open a table's file."""
    return path.open("rb")


def _tuples(batch: Any, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(batch.column(name).to_pylist() for name in names), strict=True)

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

__all__ = ["kept_artifacts", "open_table", "recorded_artifacts"]

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


def kept_artifacts(folder: Path, tables: Sequence[DumpedTable]) -> Iterator[list[StoredArtifact]]:
    """Yield the artifacts of removals that can be undone, some thousands at a time, but those that are recorded as well.

    Raises
    ------
    ExportFileError
        If one has a name that leads out of its store.
    """
    wanted = {nonce for batch in _rows(folder, tables, "kept_artifact") for nonce in batch.column("nonce").to_pylist()}
    if wanted:
        for batch in _rows(folder, tables, "artifact"):
            wanted.difference_update(batch.column("nonce").to_pylist())
    names = ("nonce", "datastore", "directory", "name", "size", "sha256", "xxh3", "format", "format_version", "owned")
    for batch in _rows(folder, tables, "kept_artifact") if wanted else ():
        found = []
        for nonce, datastore, path, name, size, sha256, xxh3, form, version, owned in _tuples(batch, *names):
            key = join_key(path, name)
            if nonce in wanted and not is_direct(key):
                wanted.discard(nonce)
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

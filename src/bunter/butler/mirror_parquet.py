"""Mirrors as folders of Parquet files, which nearly every program reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from bunter import effects
from bunter.errors import ConfigurationError, DatabaseBusyError
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

__all__ = ["ParquetTarget"]

_BOOK = "mirror.json"
_ROWS_TOGETHER = 262_144


class ParquetTarget:
    """A folder with ``mirror.json``, which names the files of each table, and a folder for each table.

    Files are never changed: an update writes new ones, and then the book. Files that it does not name any more go after
    that, so that a reader that has begun keeps what it opened.

    Parameters
    ----------
    root : Path
        The folder; made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock: effects.Lease | None = None
        self._book: dict[str, Any] = {"repository": None, "change": 0, "tables": {}}

    def __enter__(self) -> Self:
        if (self._root / _BOOK).exists():
            try:
                self._book = json.loads(effects.read_bytes(self._root / _BOOK))
            except ValueError as exc:
                raise ConfigurationError(
                    f"{self._root / _BOOK} is damaged; remove the mirror and make it again"
                ) from exc
        elif any(not name.startswith(".") for name in effects.listdir(self._root)):
            raise ConfigurationError(f"{self._root} is no mirror and is not empty; choose another folder")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._lock is not None:
            self._sweep()
            self._lock.close()

    def since(self, repository: str) -> int:
        """See `MirrorTarget`."""
        known = self._book["repository"]
        if known not in {None, repository}:
            raise ConfigurationError(f"{self._root} is a mirror of {known}, not of {repository}; choose another folder")
        return int(self._book["change"])

    def counts(self) -> dict[str, int]:
        """See `MirrorTarget`."""
        return {name: sum(part["rows"] for part in parts) for name, parts in self._book["tables"].items()}

    def forget(self, tables: Sequence[str], ids: set[bytes]) -> None:
        """See `MirrorTarget`; only files that have such a row are written anew."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(ids), pa.binary())
        for name in tables:
            parts = self._book["tables"].get(name, [])
            self._book["tables"][name] = [part for old in parts if (part := self._without(old, wanted, pc)) is not None]

    def _without(self, part: dict[str, Any], ids: pa.Array, pc: Any) -> dict[str, Any] | None:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._root / part["file"]) as file:
            if not any(
                pc.any(pc.is_in(batch.column(0), value_set=ids)).as_py()
                for batch in file.iter_batches(columns=["id_bytes"])
            ):
                return part
            kept = (
                batch.filter(pc.invert(pc.is_in(batch.column("id_bytes"), value_set=ids)))
                for batch in file.iter_batches(batch_size=_ROWS_TOGETHER)
            )
            return self._write(part["file"].partition("/")[0], file.schema_arrow, kept)

    def append(self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        """See `MirrorTarget`."""
        part = self._write(table, schema, batches)
        if part is None:
            return 0
        self._book["tables"].setdefault(table, []).append(part)
        return int(part["rows"])

    def replace(self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        """See `MirrorTarget`; an empty table has a file without rows, so that its columns are known."""
        part = self._write(table, schema, batches, empty=True)
        assert part is not None, "a file is written even without rows"
        self._book["tables"][table] = [part]
        return int(part["rows"])

    def _write(
        self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, empty: bool = False
    ) -> dict[str, Any] | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._claim()
        name = f"{table}/{new_nonce()}.parquet"
        effects.mkdirs(self._root / table)
        rows = 0
        with pq.ParquetWriter(self._root / name, schema, compression="zstd") as writer:
            for group in _groups(batches):
                rows += sum(batch.num_rows for batch in group)
                writer.write_table(pa.Table.from_batches(group, schema))
        if rows or empty:
            effects.sync_file(self._root / name)
            return {"file": name, "rows": rows}
        effects.unlink(self._root / name)
        return None

    def _claim(self) -> None:
        """Keep a second update away while this one runs."""
        if self._lock is None:
            effects.mkdirs(self._root)
            self._lock = effects.flock(f"{self._root}/.lock", blocking=False)
            if self._lock is None:
                raise DatabaseBusyError(f"{self._root} is being brought up to date by another program; wait for it")
            if not (self._root / _BOOK).exists():
                self._write_book(self._book)  # from now on it is a mirror, also if this update does not come to its end

    def finish(self, repository: str, until: int, tables: Sequence[str]) -> None:
        """See `MirrorTarget`."""
        self._claim()
        kept = {name: parts for name, parts in self._book["tables"].items() if name in set(tables)}
        self._book = {"repository": repository, "change": until, "tables": kept}
        self._write_book(self._book)

    def _write_book(self, book: dict[str, Any]) -> None:
        new = self._root / f".{new_nonce()}.json"
        effects.write_new(new, json.dumps(book, indent=1).encode(), sync=True)
        effects.rename(new, self._root / _BOOK)
        effects.sync_dir(self._root)

    def _sweep(self) -> None:
        """Remove files that the book does not name."""
        book = json.loads(effects.read_bytes(self._root / _BOOK)) if (self._root / _BOOK).exists() else {"tables": {}}
        named = {part["file"] for parts in book["tables"].values() for part in parts}
        for path in self._root.glob("v*_*/*.parquet"):
            if path.relative_to(self._root).as_posix() not in named:
                effects.unlink(path, missing_ok=True)
        for folder in self._root.glob("v*_*"):
            effects.rmdir(folder)


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Gather small batches, so that files have row groups worth reading."""
    group: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        group.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_TOGETHER:
            yield group
            group, rows = [], 0
    if group:
        yield group

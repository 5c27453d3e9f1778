"""Tables that name files to be ingested, with the data ID of each, in whatever form people keep them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter import effects, safe_yaml
from bunter.butler.publishing import new_refs
from bunter.dataset import FileDataset
from bunter.errors import IngestError, MissingCollectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bunter.butler.facade import Butler
    from bunter.dataset.id_mode import IdMode

__all__ = ["not_ingested", "read_file_table"]

_SHOWN = 20


def read_file_table(
    butler: Butler,
    table: str,
    dataset_type: str,
    run: str,
    *,
    shared: Mapping[str, str],
    prefix: str = "",
    file_format: str | None = None,
    id_mode: IdMode = "unique",
) -> list[FileDataset]:
    """Read a table of files: the first column is the path, the others are data-ID keys.

    Its ending says what it is: ``.csv``, ``.tsv``, ``.ecsv``, ``.fits``, ``.parquet``, ``.json`` (a list of objects),
    ``.jsonl`` (one per line) or ``.yaml``; any other that astropy knows.

    Raises
    ------
    IngestError
        If the table cannot be read, or a file does not exist; all such files are listed.
    """
    rows = _rows(Path(table))
    kind = butler.dataset_types.get(dataset_type)
    paths = [Path(prefix) / str(row[next(iter(row))]) for row in rows]
    if missing := [(str(path), "no such file") for path in paths if not path.is_file()]:
        raise IngestError(
            f"{len(missing)} of {len(paths)} files in {table} do not exist; nothing was ingested",
            rejected=missing[:_SHOWN],
        )
    common = {key: int(value) if value.isdigit() else value for key, value in shared.items()}
    values = [{**common, **dict(list(row.items())[1:])} for row in rows]
    data_ids = [butler.standardize(value, kind.dimensions.required) for value in values]
    refs = new_refs(kind, data_ids, run, id_mode)
    return [FileDataset(str(path), [ref], file_format) for path, ref in zip(paths, refs, strict=True)]


def not_ingested(butler: Butler, files: Sequence[FileDataset]) -> list[FileDataset]:
    """Return the files of a table for whose data ID their run has no dataset yet."""
    if not files:
        return []
    first = files[0].refs[0]
    try:
        found = butler.query_datasets(first.dataset_type.name, first.run)
        there = {ref.data_id.required_values for ref in found}
    except MissingCollectionError:
        return list(files)
    return [file for file in files if file.refs[0].data_id.required_values not in there]


def _rows(table: Path) -> list[dict[str, Any]]:
    reader = _READERS.get(table.suffix.lower(), _other)
    try:
        rows = reader(table)
    except Exception as exc:  # astropy's readers raise what they like
        said = " ".join(str(exc).partition("The available formats")[0].split())[:200]
        known = ", ".join((*_READERS, ".ecsv", ".fits"))
        raise IngestError(
            f"cannot read the table {table}: {said or type(exc).__name__}; its ending says what it is, such as {known}"
        ) from exc
    if any(not isinstance(row, dict) or not row for row in rows):
        raise IngestError(f"{table} is no list of objects, each with a file first and then the keys of its data ID")
    return rows


def _text(form: str) -> Callable[[Path], list[dict[str, Any]]]:
    def read(table: Path) -> list[dict[str, Any]]:
        from astropy.table import Table

        lines = effects.read_bytes(table).decode().splitlines()
        if not any(line.strip() for line in lines):
            raise ValueError("it is empty")
        return _plain(Table.read(lines, format=form))

    return read


def _parquet(table: Path) -> list[dict[str, Any]]:
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(table).to_pylist()
    return rows


def _json(table: Path) -> list[dict[str, Any]]:
    return list(json.loads(effects.read_bytes(table)))


def _json_lines(table: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in effects.read_bytes(table).splitlines() if line.strip()]


def _yaml(table: Path) -> list[dict[str, Any]]:
    return list(safe_yaml.load(effects.read_bytes(table)) or [])


def _other(table: Path) -> list[dict[str, Any]]:
    from astropy.table import Table

    return _plain(Table.read(table))


def _plain(rows: Any) -> list[dict[str, Any]]:
    columns = [rows[name].tolist() for name in rows.colnames]
    return [dict(zip(rows.colnames, row, strict=True)) for row in zip(*columns, strict=True)]


_READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    ".csv": _text("ascii.csv"),
    ".tsv": _text("ascii.tab"),
    ".parquet": _parquet,
    ".json": _json,
    ".jsonl": _json_lines,
    ".yaml": _yaml,
    ".yml": _yaml,
}

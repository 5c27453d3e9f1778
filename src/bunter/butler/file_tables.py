"""Tables that name files to be ingested, with the data ID of each, in whatever form people keep them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.butler.publishing import new_refs
from bunter.butler.table_rows import row_lots
from bunter.dataset import FileDataset
from bunter.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.butler.facade import Butler
    from bunter.dataset.id_mode import IdMode

__all__ = ["FileTable"]

_SHOWN = 20


class FileTable:
    """Files named by a table, each with a new dataset: the first column is the path, the others are data-ID keys.

    Its ending says what it is: ``.csv``, ``.tsv``, ``.ecsv``, ``.fits``, ``.parquet``, ``.json`` (a list of objects),
    ``.jsonl`` (one per line) or ``.yaml``; any other that astropy knows. It is read again each time its files are gone
    through, some thousand rows at a time.

    Parameters
    ----------
    butler : Butler
        Knows the dataset type and what data IDs mean.
    table : str
        The table.
    dataset_type, run : str
        What the datasets are, and where they go.
    shared : mapping of str to str
        Values of data-ID keys that are the same for all files.
    prefix : str
        Folder that relative file names are below.
    file_format : str, optional
        Short name of the format of the files.
    id_mode : str
        How ids are made, see `bunter.dataset.id_mode`.
    """

    def __init__(
        self,
        butler: Butler,
        table: str,
        dataset_type: str,
        run: str,
        *,
        shared: Mapping[str, str],
        prefix: str = "",
        file_format: str | None = None,
        id_mode: IdMode = "unique",
    ) -> None:
        self._butler, self._table = butler, Path(table)
        self._kind = butler.dataset_types.get(dataset_type)
        self._run, self._id_mode = run, id_mode
        self._common = {key: int(value) if value.isdigit() else value for key, value in shared.items()}
        self._folder, self._format = prefix, file_format

    def check(self) -> int:
        """Look whether all files exist; return how many there are.

        Raises
        ------
        IngestError
            If the table cannot be read, or files do not exist; some of them are listed.
        """
        count = missing = 0
        shown: list[tuple[str, str]] = []
        for rows in row_lots(self._table):
            count += len(rows)
            absent = [path for row in rows if not _is_file(path := self._path(row))]
            missing += len(absent)
            shown += [(path, "no such file") for path in absent[: _SHOWN - len(shown)]]
        if missing:
            raise IngestError(
                f"{missing} of {count} files in {self._table} do not exist; nothing was ingested", rejected=shown
            )
        return count

    def __iter__(self) -> Iterator[FileDataset]:
        for rows in row_lots(self._table):
            values = [{**self._common, **dict(list(row.items())[1:])} for row in rows]
            required = self._kind.dimensions.required
            data_ids = [self._butler.standardize(value, required) for value in values]
            refs = new_refs(self._kind, data_ids, self._run, self._id_mode)
            for row, ref in zip(rows, refs, strict=True):
                yield FileDataset(self._path(row), [ref], self._format)

    def _path(self, row: Mapping[str, object]) -> str:
        return os.path.join(self._folder, str(row[next(iter(row))]))  # noqa: PTH118 - paths remember all their parts for good


def _is_file(path: str) -> bool:
    found = effects.stat(path)
    return found is not None and stat.S_ISREG(found.st_mode)

"""The metrics of datasets as tables: a row for each dataset, a column for each metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.butler.tables import Tabular
from bunter.dataset.inquiries import MetricsOf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from bunter.butler.results import DatasetResults
    from bunter.butler.session import Session

__all__ = ["Metrics", "with_metrics"]


class Metrics(Tabular):
    """What a metrics table has of datasets that were asked for; asked when it is looked at.

    Iterate over it for rows as dicts, or take a table with `to_arrow`, `to_table` (astropy), `to_pandas` or `to_polars`.
    Columns are those of `query_datasets` and one for each metric: numbers as float64 (NaN where a dataset has none), texts
    as such. A metric that is named like another column is called ``metric.<name>``.

    Parameters
    ----------
    session : Session
        The repository.
    results : DatasetResults
        The datasets.
    names : sequence of str
        Which metrics; all that the datasets have if empty.
    """

    def __init__(self, session: Session, results: DatasetResults, names: Sequence[str] = ()) -> None:
        self._session, self.datasets, self.names = session, results, tuple(names)

    def __repr__(self) -> str:
        return f"Metrics({', '.join(self.names) or 'all'} of {self.datasets!r})"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.to_arrow().to_pylist())

    def to_arrow(self) -> pa.Table:
        """Return all rows as a pyarrow table."""
        return self.added(self.datasets.to_arrow())

    def added(self, table: pa.Table) -> pa.Table:
        """Return a table of some of the datasets, which has their ids, with the columns of the metrics."""
        return with_metrics(self._session, table, self.names)


def with_metrics(session: Session, table: pa.Table, names: Sequence[str] = ()) -> pa.Table:
    """Return a table of datasets with a column for each of their metrics, in the order asked for or of their names.

    Parameters
    ----------
    session : Session
        The repository.
    table : pyarrow.Table
        Datasets, with a column ``id``.
    names : sequence of str
        Which metrics; all that the datasets have if empty.
    """
    import numpy as np
    import pyarrow as pa

    found = session.repository.answer(
        session.principal, MetricsOf(table.column("id").to_pylist(), tuple(names))
    ).combine_chunks()
    place, number = found.column("place").to_numpy(), found.column("name").to_numpy(zero_copy_only=False)
    value, text = found.column("value").to_numpy(), found.column("text").to_numpy(zero_copy_only=False)
    is_text = np.array([each is not None for each in text], bool)
    taken = set(table.column_names)
    for name in names or sorted(set(number.tolist())):
        mine = number == name
        if (mine & is_text).any():
            column = np.full(table.num_rows, None, object)
            column[place[mine]] = np.where(is_text[mine], text[mine], value[mine].astype(str))
            made = pa.array(column.tolist(), pa.string())
        else:
            numbers = np.full(table.num_rows, np.nan)
            numbers[place[mine]] = value[mine]
            made = pa.array(numbers)
        table = table.append_column(f"metric.{name}" if name in taken else name, made)
    return table

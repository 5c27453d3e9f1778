"""Ordered results in pages: each begins behind the last row of the one before, whatever was added meanwhile."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from zlib import crc32

from bunter.dataset import DatasetType
from bunter.dimensions import Element
from bunter.errors import InvalidQueryError
from bunter.query.unparse import unparse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from bunter.butler.question import Question
    from bunter.butler.tables import Tabular

__all__ = ["Page", "page"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some rows of an ordered result.

    Parameters
    ----------
    items : list
        The rows.
    table : pyarrow.Table
        The same as columns.
    token : str, optional
        Where the next page begins, to be given as ``after``; None behind the last page.
    """

    items: list[Item]
    table: pa.Table
    token: str | None

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def page(
    question: Question,
    ask: Callable[[Question], Tabular],
    items: Callable[[pa.RecordBatch], Iterable[Item]],
    size: int,
    after: str | None = None,
) -> Page[Item]:
    """Return the rows behind a place of an ordered result.

    Parameters
    ----------
    question : Question
        About data IDs, records, datasets or joined rows, without limit and offset.
    ask : callable
        Returns the rows of a question like it.
    items : callable
        Makes rows of a batch of columns.
    size : int
        At most this many rows.
    after : str, optional
        Token of the page before; None for the first.

    Raises
    ------
    InvalidQueryError
        If the token is not of this order, or the results cannot be paged.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidQueryError(f"a page has at least one row, not {size!r}")
    if question.selection is not None or question.limit is not None or question.offset:
        raise InvalidQueryError("pages are of whole results: leave out limit and offset, and choose columns afterwards")
    order = _whole_order(question)
    mark = crc32(repr([each if isinstance(each, str) else repr(each) for each in order]).encode())
    row = None if after is None else _read(after, mark)
    asked = replace(question, order_by=order, keyed=True, after=row, limit=size + 1)
    table = ask(asked).to_arrow()
    more = table.num_rows > size
    sort = [name for name in table.column_names if name.startswith("sort ")]
    last = [table.column(name)[size - 1].as_py() for name in sort] if more else []
    table = table.slice(0, size).select([name for name in table.column_names if name not in sort])
    found = [item for batch in table.to_batches() for item in items(batch)]
    return Page(found, table, _written(mark, last) if more else None)


def _whole_order(question: Question) -> tuple[Any, ...]:
    """Add to what the user sorts by what tells all rows apart, in the order in which rows are kept."""
    names = [
        each.strip().removeprefix("-") if isinstance(each, str) else unparse(each.node) for each in question.order_by
    ]
    searches = [search for search in question.searches if search.join != "anti"]
    if question.kind == "datasets" and names and names[-1] in {f"{searches[0].label}.id", "id"}:
        return question.order_by
    ties = [name for name in _keys(question) if name not in names]
    if question.kind == "datasets":
        first = searches[0]
        alone = first.find_first or len(first.collections) == 1
        ties += [] if alone and not first.dataset_type.is_calibration else [f"{first.label}.id"]
    if question.kind == "joined":
        ties += [f"{search.label}.id" for search in searches]
    return (*question.order_by, *ties)


def _keys(question: Question) -> list[str]:
    """Return the dimensions of a row, those that grow with time before those that repeat with each exposure."""
    result = question.result
    if isinstance(result, Element):
        return list(result.required) or [result.name]
    group = result.dimensions if isinstance(result, DatasetType) else result
    universe = group.universe
    return sorted(
        group.required, key=lambda name: 0 if universe[name].governor else 1 if universe[name].temporal else 2
    )


def _written(mark: int, values: Sequence[Any]) -> str:
    plain = [{"x": value.hex()} if isinstance(value, bytes) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([mark, plain]).encode()).decode().rstrip("=")


def _read(token: str, mark: int) -> list[Any]:
    try:
        found, values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        plain = [bytes.fromhex(value["x"]) if isinstance(value, dict) else value for value in values]
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
        raise InvalidQueryError(f"{token!r} is no token of a page; begin with the first page") from None
    if found != mark:
        raise InvalidQueryError("the token is one of another order; begin with the first page")
    return plain

"""One question put to both systems, and their answers in one form."""

from __future__ import annotations

import contextlib
import itertools
import signal
import warnings
from dataclasses import dataclass, field
from typing import Any

from bunter.errors import UserError

PATIENCE_S = 4


@dataclass(frozen=True)
class Asked:
    """A question.

    Attributes
    ----------
    kind : str
        "datasets", "data_ids" or "records".
    what : str or tuple of str
        Dataset type, dimensions, or element.
    collections : tuple of str
        Where to look for datasets.
    joined : tuple of str
        Dataset types that data IDs must have.
    order_by, limit
        As the user writes them.
    """

    kind: str
    what: Any
    where: str = ""
    collections: tuple[str, ...] = ()
    find_first: bool = True
    joined: tuple[str, ...] = ()
    data_id: dict[str, Any] = field(default_factory=dict)
    bind: dict[str, Any] = field(default_factory=dict)
    order_by: tuple[str, ...] = ()
    limit: int | None = None

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value not in ((), {}, None, ""))


@dataclass(frozen=True)
class Refusal:
    """What a system says instead of an answer."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def ours(butler, asked: Asked) -> list[tuple[Any, ...]] | Refusal:
    """Bunter's answer: rows, in the order they came."""
    common = {"where": asked.where, "bind": asked.bind, "data_id": asked.data_id}
    if asked.order_by:
        common["order_by"] = asked.order_by
    if asked.limit is not None:
        common["limit"] = asked.limit
    try:
        if asked.kind == "datasets":
            found = butler.query_datasets(asked.what, asked.collections, find_first=asked.find_first, **common)
            rows = [_our_ref(ref) for ref in found]
        elif asked.kind == "records":
            rows = [_our_record(record) for record in butler.query_dimension_records(asked.what, **common)]
            found = None
        else:
            more = {"datasets": asked.joined, "collections": asked.collections} if asked.joined else {}
            found = butler.query_data_ids(asked.what, **common, **more)
            rows = [tuple(sorted(data_id.mapping.items())) for data_id in found]
        assert found is None or found.count() == len(rows), f"count is {found.count()}, rows are {len(rows)}: {asked}"
    except UserError as error:
        return Refusal(type(error).__name__, str(error))
    return rows


def _our_ref(ref):
    return ref.id.hex, ref.run, tuple(sorted(ref.data_id.mapping.items()))


def _our_record(record):
    row = {}
    for column, value in zip(record.element.columns, record.values, strict=True):
        if column.kind == "timespan" and value is not None:
            value = value.bounds  # noqa: PLW2901
        row[column.name] = value
    return tuple(sorted(row.items()))


def theirs(butler, asked: Asked) -> list[tuple[Any, ...]] | Refusal:
    """Give the reference system's answer."""
    with warnings.catch_warnings(), at_most(PATIENCE_S):
        warnings.simplefilter("ignore")
        try:
            with butler.query() as query:
                return _their_rows(query, asked)
        except Exception as error:
            return Refusal(type(error).__name__, " ".join(str(error).split())[:300])


def _their_rows(query, asked: Asked):
    if asked.kind == "datasets":
        results = query.datasets(asked.what, asked.collections, find_first=asked.find_first)
        convert = _their_ref
    elif asked.kind == "records":
        results, convert = query.dimension_records(asked.what), _their_record
    else:
        for name in asked.joined:
            query = query.join_dataset_search(name, asked.collections)
        results, convert = query.data_ids(asked.what), lambda data_id: tuple(sorted(data_id.mapping.items()))
    if asked.data_id:
        results = results.where(**asked.data_id)
    if asked.where:
        results = results.where(asked.where, bind=asked.bind or None)
    if asked.order_by:
        results = results.order_by(*asked.order_by)
    if asked.limit is not None:
        results = results.limit(asked.limit)
    return [convert(each) for each in results]


def _their_ref(ref):
    return ref.id.hex, ref.run, tuple(sorted(ref.dataId.mapping.items()))


def _their_record(record):
    row = {}
    for name, value in record.toDict().items():
        if name == "region" and value is not None:
            value = value.encode()  # noqa: PLW2901
        elif name == "timespan" and value is not None:
            value = their_bounds(value)  # noqa: PLW2901
        row[_own_key(record, name)] = value
    return tuple(sorted(row.items()))


def _own_key(record, name):
    element = record.definition
    is_key = hasattr(element, "primaryKey") and name == element.primaryKey.name
    return element.name if is_key else name


THEIR_MIN, THEIR_MAX = 0, 4102444800_000_000_000


def their_bounds(span):
    """Bounds of a timespan of theirs, as ours has them."""
    begin, end = span.nsec
    if span.isEmpty():
        return 2**63 - 1, -(2**63)
    return -(2**63) if begin <= THEIR_MIN else begin, 2**63 - 1 if end >= THEIR_MAX else end


def compare(world, asked: Asked) -> str:
    """Put the question to both; say how it went.

    Raises
    ------
    AssertionError
        If the answers differ, or Bunter refuses what the reference system answers.
    """
    left, right = ours(world.ours, asked), theirs(world.theirs, asked)
    if isinstance(right, Refusal):
        return "neither answers" if isinstance(left, Refusal) else f"only Bunter answers: {right.name}"
    if isinstance(left, Refusal) and "means nothing without" in left.message:
        return "only the reference answers: a governor is left open in some branch of an OR"
    assert not isinstance(left, Refusal), f"{asked}\n  Bunter refuses: {left}\n  reference: {len(right)} rows"
    a, b = set(left), set(right)
    if asked.limit is not None and not asked.order_by:
        assert len(left) == len(b) or len(left) == asked.limit, f"{asked}: {len(left)} rows, not {len(b)}"
        return "same, limited"
    said = f"{asked}\n  {len(left)} ({len(a)} different) rows, not {len(right)} ({len(b)} different)"
    assert a == b, (
        f"{said}\n  only Bunter: {sorted(a - b, key=str)[:3]}\n  only reference: {sorted(b - a, key=str)[:3]}"
    )
    if asked.kind != "datasets" or asked.find_first:
        assert len(a) == len(left), f"{said}\n  Bunter repeats rows"
    return "same" if a else "same, empty"


def compare_ordered(world, asked: Asked) -> str:
    """Compare the answers to a question with a total order, row by row.

    Raises
    ------
    AssertionError
        If they differ.
    """
    left, right = ours(world.ours, asked), theirs(world.theirs, asked)
    if isinstance(right, Refusal):
        return "refused"
    if isinstance(left, Refusal) and "means nothing without" in left.message:
        return "only the reference answers"
    rows = [row for row, _ in itertools.groupby(right)]
    if rows != right and asked.limit is not None:
        return "repeated"  # a dataset of several validity ranges counts several times towards its limit
    assert left == rows, f"{asked}\n  Bunter: {left}\n  reference: {rows}"
    return "ordered" if left else "ordered, empty"


@contextlib.contextmanager
def at_most(seconds):
    """Interrupt what takes longer: the normal forms and cross products of the reference system can take minutes and gigabytes."""

    def stop(_number, frame):
        if frame is not None and frame.f_code.co_name == "gc_callback":
            return  # what is raised there is lost: wait for the next time
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise TimeoutError(f"not within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def quiet():
    """Warnings of the other system are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

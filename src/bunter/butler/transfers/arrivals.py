"""What of a batch is new to a repository, what it has, and what contradicts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from bunter.butler.repository import FindRequest
from bunter.butler.transfers.dataset_rows import picked
from bunter.butler.transfers.report import Conflict
from bunter.dataset import DatasetColumns
from bunter.dataset.inquiries import Tombstones

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.butler.transfers.parcel import Batch
    from bunter.dataset import DatasetRef, DatasetType, StoredArtifact

__all__ = ["Arrivals", "arrivals"]


@dataclass(slots=True)
class Arrivals:
    """A batch as seen from the repository that it comes to.

    Parameters
    ----------
    new : list of DatasetColumns
        Datasets that are not there.
    stored : list of (DatasetColumns, int, StoredArtifact)
        Artifacts to bring, with the row of their dataset.
    known : int
        How many datasets are there already.
    conflicts : list of Conflict
        What contradicts.
    left : list of bytes
        Ids of datasets that stay behind.
    removed : int
        How many of these were removed here, and stay so.
    """

    new: list[DatasetColumns] = field(default_factory=list)
    stored: list[tuple[DatasetColumns, int, StoredArtifact]] = field(default_factory=list)
    known: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)
    removed: int = 0

    @property
    def artifacts(self) -> dict[tuple[str, str], StoredArtifact]:
        """The artifacts to bring, each once."""
        return {(item.datastore, item.key): item for _, _, item in self.stored}


def arrivals(
    session: Session,
    batch: Batch,
    types: Mapping[str, DatasetType],
    *,
    only_stored: bool = False,
    restore: bool = True,
) -> Arrivals:
    """Compare a batch with what is there; a constant number of questions for each type and run.

    Parameters
    ----------
    session : Session
        Where it comes to.
    batch : Batch
        The datasets.
    types : mapping
        Their types as this repository has them, or will.
    only_stored : bool
        Whether datasets without artifacts are left out.
    restore : bool
        Whether datasets come back that were removed here.
    """
    found = Arrivals()
    every = [id_ for columns in batch.columns for id_ in columns.ids]
    refs = iter(session.repository.identify(session.principal, every))
    gone = set() if restore else _removed(session, every)
    held: list[tuple[DatasetColumns, int]] = []
    for given in batch.columns:
        columns = DatasetColumns(types[given.dataset_type.name], given.run, given.ids, given.values)
        there = [next(refs) for _ in columns.ids]
        new = [row for row, ref in enumerate(there) if ref is None]
        coming = [
            row
            for row in new
            if columns.ids[row] not in gone and (not only_stored or batch.stored.get(columns.ids[row]))
        ]
        if len(coming) < len(new):
            staying = {columns.ids[row] for row in new} - {columns.ids[row] for row in coming}
            found.left += staying
            found.removed += len(staying & gone)
            new = coming
        found.conflicts += _taken(session, columns, new)
        _add_new(found, picked(columns, new), batch)
        found.known += sum(ref is not None for ref in there)
        held += _held(found, columns, there)
    _compare_content(session, batch, held, found)
    return found


def _removed(session: Session, ids: Sequence[bytes]) -> set[bytes]:
    """Of some datasets, those that were here once and were removed."""
    found = session.repository.answer(session.principal, Tombstones(list(ids)))
    return set(found.column("id").to_pylist())


def _taken(session: Session, columns: DatasetColumns, rows: Sequence[int]) -> Iterator[Conflict]:
    """Find data IDs that have another dataset in the run."""
    if not rows or columns.run not in session.facts.collections:
        return
    if columns.dataset_type.name not in session.facts.dataset_types:
        return
    required = columns.required_rows()
    request = FindRequest(columns.dataset_type, [required[row] for row in rows], (columns.run,))
    for row, there in zip(rows, session.repository.resolve(session.principal, request), strict=True):
        if there is not None:
            yield Conflict(
                "data ID",
                f"{columns.run!r} has a {columns.dataset_type.name!r} for {required[row]} already "
                f"({UUID(bytes=there.id)}), which is not {UUID(bytes=columns.ids[row])}; where that one was made anew, "
                f"`bunter prune-datasets` of the old one in {columns.run!r} at the target makes room for it",
            )


def _add_new(found: Arrivals, new: DatasetColumns, batch: Batch) -> None:
    if len(new):
        found.new.append(new)
        stored, none = batch.stored, ()
        found.stored += [(new, row, item) for row, id_ in enumerate(new.ids) for item in stored.get(id_, none)]


def _held(
    found: Arrivals, columns: DatasetColumns, there: Sequence[DatasetRef | None]
) -> Iterator[tuple[DatasetColumns, int]]:
    """Yield the rows that are there as the same datasets; the others contradict."""
    if not any(there):
        return
    required = columns.required_rows()
    others: set[str] = set()
    for row, ref in enumerate(there):
        if ref is None:
            continue
        mine = (columns.dataset_type.name, columns.run, required[row])
        alike = (ref.dataset_type.name, ref.data_id.required_values) == (mine[0], mine[2])
        if alike and ref.run == columns.run:
            yield columns, row
        elif alike:
            others.add(ref.run)
        else:
            sentence = f"{ref.id} is {ref} at the target, and {mine[0]!r} of {mine[1]!r} for {mine[2]} in what comes"
            found.conflicts.append(Conflict("id", sentence))
    for run in sorted(others):
        sentence = (
            f"the run {run!r} at the target is {columns.run!r} in what comes; `bunter rename-collection` on one side makes "
            "them one again"
        )
        found.conflicts.append(Conflict("run", sentence))


def _compare_content(
    session: Session, batch: Batch, held: Sequence[tuple[DatasetColumns, int]], found: Arrivals
) -> None:
    ids = [columns.ids[row] for columns, row in held]
    located = session.repository.locate(session.principal, ids) if ids else []
    for (columns, row), there in zip(held, located, strict=True):
        here = batch.stored.get(columns.ids[row], ())
        if not there:
            found.stored += [(columns, row, item) for item in here]
            continue
        digests = {(item.component, item.selector): item.sha256 for item in there}
        if any(_differ(item.sha256, digests.get((item.component, item.selector))) for item in here):
            sentence = (
                f"{UUID(bytes=columns.ids[row])} ({columns.dataset_type.name!r} of {columns.run!r}) has other content at the target; "
                "`bunter check --deep` of both tells whether one is damaged"
            )
            found.conflicts.append(Conflict("content", sentence))


def _differ(one: bytes | None, other: bytes | None) -> bool:
    return one is not None and other is not None and one != other

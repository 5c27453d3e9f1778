"""What one change removed from the registry, as the changes that bring it back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType, DatasetColumns
from bunter.dataset.changes import AddDatasets, Associate, Certify, RegisterCollection, SetChain
from bunter.errors import CollectionTypeError, MissingDatasetTypeError
from bunter.registry.annotations import remove_annotations
from bunter.registry.layout import LIVE
from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.database import Connection, Transaction
    from bunter.dataset.changes import Change
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["RemovedRows", "forget_beside", "names_of", "removed_rows"]


@dataclass(frozen=True, slots=True)
class RemovedRows:
    """What a change removed and another can bring back.

    Parameters
    ----------
    changes : tuple of Change
        Runs, their places in chains, datasets, tags and validity ranges, to be applied in order.
    counts : dict of (str, str) to int
        Datasets by dataset type and run.
    ids : list of bytes
        Their ids.
    left_out : int
        Memberships that stay away, as another dataset has their place by now or the collection is gone.
    """

    changes: tuple[Change, ...]
    counts: dict[tuple[str, str], int]
    ids: list[bytes]
    left_out: int


def removed_rows(connection: Connection, roster: Roster, change: int) -> RemovedRows:
    """Read what a change removed.

    Raises
    ------
    MissingDatasetTypeError
        If a dataset type is gone as well.
    CollectionTypeError
        If a run's name is that of another collection by now.
    """
    names, runs = _runs(connection, roster, change)
    datasets = list(_datasets(connection, roster, change, names))
    ids = [id_ for columns in datasets for id_ in columns.ids]
    tags, calibrations, left_out = _memberships(
        connection, roster, change, {columns.dataset_type.name for columns in datasets}, ids
    )
    changes: list[Change] = [*runs, *_chains(connection, roster, change, names)]
    changes += [AddDatasets(columns) for columns in datasets]
    counts = {(columns.dataset_type.name, columns.run): len(columns) for columns in datasets}
    return RemovedRows((*changes, *tags, *calibrations), counts, ids, left_out)


def _runs(connection: Connection, roster: Roster, change: int) -> tuple[dict[int, str], list[RegisterCollection]]:
    """Return the names of the runs, and the changes that make those anew that are gone."""
    sql = (
        "SELECT number, name, doc, retired FROM collection WHERE type = ? AND (retired = ? OR number IN "
        "(SELECT run FROM removed_dataset WHERE removed = ?)) ORDER BY number"
    )
    names, missing = {}, []
    for number, name, doc, retired in connection.fetchall(sql, (int(CollectionType.RUN), change, change)):
        names[number] = name
        if retired == LIVE:
            continue
        if name not in roster.collections:
            missing.append(RegisterCollection(name, CollectionType.RUN, doc))
        elif (kind := roster.collections.row(name).type) is not CollectionType.RUN:
            raise CollectionTypeError(
                f"{name!r}, which was a run, is a {kind.name} collection by now; rename that one, then undo the removal"
            )
    return names, missing


def _chains(connection: Connection, roster: Roster, change: int, runs: dict[int, str]) -> Iterator[SetChain]:
    """Put runs back into the chains that they were taken out of, behind the member that they followed."""
    mine = connection.upload("runs", 1, ((number,) for number in runs))
    parents = f"SELECT parent FROM collection_chain WHERE retired = ? AND child IN (SELECT c0 FROM {mine})"  # noqa: S608
    sql = (
        "SELECT p.name, k.number, k.name, l.retired FROM collection_chain l JOIN collection p ON p.number = l.parent "  # noqa: S608
        f"JOIN collection k ON k.number = l.child WHERE p.retired = {LIVE} AND l.added < ? AND l.retired >= ? "
        f"AND l.parent IN ({parents}) ORDER BY p.number, l.position"
    )
    members: dict[str, list[tuple[int, str, bool]]] = defaultdict(list)
    for parent, number, name, retired in connection.fetchall(sql, (change, change, change)):
        members[parent].append((number, name, retired == change))
    for parent, former in members.items():
        present = list(roster.collections.row(parent).children)
        for place, (number, name, went) in enumerate(former):
            if went and number in runs and name not in present:
                before = [present.index(other) + 1 for _, other, _ in former[:place] if other in present]
                present.insert(max(before, default=0), name)
        yield SetChain(parent, tuple(present))


def _datasets(connection: Connection, roster: Roster, change: int, runs: dict[int, str]) -> Iterator[DatasetColumns]:
    for (number,) in connection.fetchall("SELECT DISTINCT type FROM removed_dataset WHERE removed = ?", (change,)):
        kind = _kind(connection, roster, number)
        required = kind.dataset_type.dimensions.required
        names = "".join(f', r."{name}"' for name in required)
        sql = (
            f"SELECT r.run, r.id{names} FROM {kind.layout.removed} r WHERE r.type = ? AND r.removed = ? "  # noqa: S608
            "AND NOT EXISTS (SELECT 1 FROM dataset o WHERE o.id = r.id) ORDER BY r.run, r.id"
        )
        groups: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for run, *row in connection.fetchall(sql, (number, change)):
            groups[run].append(tuple(row))
        for run, rows in groups.items():
            ids, *columns = zip(*rows, strict=True)
            yield DatasetColumns(kind.dataset_type, runs[run], list(ids), dict(zip(required, columns, strict=True)))


def _kind(connection: Connection, roster: Roster, number: int) -> TypeRow:
    if (kind := roster.by_number.get(number)) is not None:
        return kind
    (name,) = connection.fetchone("SELECT name FROM dataset_type WHERE number = ?", (number,)) or ("?",)
    raise MissingDatasetTypeError(
        f"the dataset type {name!r} was removed after its datasets, so these cannot be brought back; nothing was changed"
    )


def _memberships(
    connection: Connection, roster: Roster, change: int, kinds: Iterable[str], ids: Sequence[bytes]
) -> tuple[list[Associate], list[Certify], int]:
    tags: dict[str, list[bytes]] = defaultdict(list)
    valid: dict[tuple[str, int, int], list[bytes]] = defaultdict(list)
    left_out = 0
    mine = connection.upload("mine", 1, ((id_,) for id_ in ids))
    live: dict[int, str] = dict(connection.fetchall(f"SELECT number, name FROM collection WHERE retired = {LIVE}"))  # noqa: S608
    for kind in sorted(kinds):
        for collection, id_, is_taken in _retired(connection, roster.type_row(kind), change, mine, calibrations=False):
            if is_taken or collection not in live:
                left_out += 1
            else:
                tags[live[collection]].append(id_)
        for collection, id_, is_taken, begin, end in _retired(
            connection, roster.type_row(kind), change, mine, calibrations=True
        ):
            if is_taken or collection not in live:
                left_out += 1
            else:
                valid[live[collection], begin, end].append(id_)
    certified = [
        Certify(name, members, Timespan.from_bounds(begin, end)) for (name, begin, end), members in valid.items()
    ]
    return [Associate(name, members) for name, members in tags.items()], certified, left_out


def _retired(
    connection: Connection, kind: TypeRow, change: int, mine: str, *, calibrations: bool
) -> list[tuple[Any, ...]]:
    """Find the memberships that went with the datasets, and whether others have their place by now."""
    table = kind.layout.calibrations if calibrations else kind.layout.tags
    same = "".join(f' AND o."{name}" = t."{name}"' for name in kind.dataset_type.dimensions.required)
    if calibrations:
        same += " AND o.timespan_begin < t.timespan_end AND o.timespan_end > t.timespan_begin"
    more = ", t.timespan_begin, t.timespan_end" if calibrations else ""
    taken = (
        f"SELECT 1 FROM {table} o WHERE o.type = t.type AND o.collection = t.collection AND o.retired = {LIVE}{same}"  # noqa: S608
    )
    sql = (
        f"SELECT t.collection, t.id, EXISTS ({taken}){more} FROM {mine} q CROSS JOIN {table} t "  # noqa: S608 - our names
        "WHERE t.id = q.c0 AND t.type = ? AND t.retired = ?"
    )
    return connection.fetchall(sql, (kind.number, change))


def names_of(connection: Connection, ids: Sequence[bytes]) -> dict[bytes, tuple[str, str]]:
    """Return dataset type and run of datasets that are there, or were; empty texts for unknown ones."""
    asked = connection.upload("asked", 1, ((id_,) for id_ in ids))
    named = (
        "SELECT q.c0, t.name, k.name FROM {asked} q JOIN {table} r ON r.id = q.c0 "
        "JOIN dataset_type t ON t.number = r.type JOIN collection k ON k.number = r.run"
    )
    found = dict.fromkeys(ids, ("", ""))
    for table in ("removed_dataset", "dataset"):
        for id_, kind, run in connection.fetchall(named.format(asked=asked, table=table)):
            found[id_] = kind, run
    return found


def forget_beside(tx: Transaction, changes: Sequence[int], kept: Sequence[int]) -> None:
    """Remove headers and metadata of datasets that were removed, and can no longer be brought back.

    Parameters
    ----------
    tx : Transaction
        Where.
    changes : sequence of int
        Numbers of the changes that removed them.
    kept : sequence of int
        Numbers of those removals that can still be undone.
    """
    due = tx.upload("due_changes", 1, ((change,) for change in changes))
    still = tx.upload("kept_changes", 1, ((change,) for change in kept))
    rows = tx.fetchall(
        f"SELECT DISTINCT r.id FROM removed_dataset r WHERE r.removed IN (SELECT c0 FROM {due}) "  # noqa: S608 - our names
        "AND NOT EXISTS (SELECT 1 FROM dataset o WHERE o.id = r.id) AND NOT EXISTS "
        f"(SELECT 1 FROM removed_dataset s WHERE s.id = r.id AND s.removed IN (SELECT c0 FROM {still}))"
    )
    if rows:
        remove_annotations(tx, tx.upload("forgotten", 1, rows))

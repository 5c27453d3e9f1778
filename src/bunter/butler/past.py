"""The repository as it stood: read only, in the rows of today."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bunter.butler.direct import DirectRepository
from bunter.dataset.inquiries import Moment, Snapshots, Tombstones
from bunter.errors import DatasetRemovedError, InvalidQueryError, MissingSnapshotError, ReadOnlyError, near
from bunter.values import MAX_NS, MIN_NS, clock_text, parse_instant

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from bunter.butler.repository import Repository
    from bunter.butler.staged_lots import StagedLots
    from bunter.dataset import DatasetRef, StoredArtifact
    from bunter.dataset.activity import Activity
    from bunter.dataset.changes import Change
    from bunter.datastore import Staged
    from bunter.datastore.check import CheckReport, Patrol
    from bunter.datastore.deep_check import DeepCheck
    from bunter.values import Durability, Principal

__all__ = ["PastRepository", "When", "change_of", "removed_error"]

When: TypeAlias = "int | str | dt.datetime | Any"
"""Number of a change, name of a snapshot, or a time in any form that `bunter.values.parse_instant` takes but an int."""


class PastRepository(DirectRepository):
    """A repository as it stood after a change.

    Collections, chains, tags, validity ranges, dataset types and datasets are those of then; dimension records are those
    of now. Artifacts of datasets that have been removed since are gone.

    Parameters
    ----------
    now : DirectRepository
        The repository, whose database and datastore are shared.
    change : int
        Number of the last change that counts.
    """

    def __init__(self, now: DirectRepository, change: int) -> None:
        vars(self).update(vars(now))
        self._now = now
        self._registry = now._registry.as_of(change)  # noqa: SLF001 - its own kind
        self._facts = None
        self.writeable = False
        self.change = change

    def as_of(self, change: int) -> Repository:
        """See `Repository`."""
        return self._now.as_of(change)

    def locate(self, principal: Principal, ids: Sequence[bytes]) -> list[list[StoredArtifact]]:
        """See `Repository`; what was stored later under an id that was removed and came back is not of then."""
        found = super().locate(principal, ids)
        with self._database.read() as connection:
            later = set(self._registry.younger(connection, ids))
        return [[] if id_ in later else stored for id_, stored in zip(ids, found, strict=True)]

    def commit(
        self,
        principal: Principal,
        changes: Sequence[Change],
        staged: Sequence[Staged] | StagedLots = (),
        *,
        durability: Durability | None = None,
        activity: Activity | None = None,
        generation: int | None = None,
    ) -> None:
        """Refuse: the past cannot be changed."""
        del principal, changes, staged, durability, activity, generation
        raise ReadOnlyError(past_refusal(self._location, self.change))

    def check(
        self,
        *,
        deep: bool | DeepCheck = False,
        patrol: Patrol | None = None,
        claims: Callable[[], Mapping[str, str]] | None = None,
    ) -> CheckReport:
        """Refuse: files are those of now, and what was removed since is gone with its files."""
        del deep, patrol, claims
        raise InvalidQueryError(
            f"{self._location} is shown as of change {self.change}, but its files are those of now, so that they cannot be "
            "checked against it; open it without as_of to check"
        )

    def recover(self) -> int:
        """Leave everything as it is."""
        return 0


def past_refusal(location: str, change: int) -> str:
    """Return the sentence for those who would change the past."""
    return f"{location} is shown as of change {change}, which cannot be changed; open it without as_of to write"


def change_of(repository: Repository, principal: Principal, when: When) -> int:
    """Return the number of the last change at a moment.

    Parameters
    ----------
    repository : Repository
        Whose changes.
    principal : Principal
        Who asks.
    when : int, str, datetime or astropy.time.Time
        Number of a change, name of a snapshot, or a time (texts without a scale are UTC).

    Raises
    ------
    MissingSnapshotError
        If there is no such snapshot or change, or the time is before the first change.
    """
    if isinstance(when, bool):
        raise MissingSnapshotError(f"as_of takes a change number, a time or the name of a snapshot, not {when}")
    if isinstance(when, int):
        return _numbered(repository, principal, when)
    if isinstance(when, str):
        known = repository.answer(principal, Snapshots())
        snapshots = dict(zip(known["name"].to_pylist(), known["change"].to_pylist(), strict=True))
        if when in snapshots:
            return int(snapshots[when])
        if when.isdecimal():
            return _numbered(repository, principal, int(when))
        return _at(repository, principal, when, list(snapshots))
    return _at(repository, principal, when, [])


def _numbered(repository: Repository, principal: Principal, number: int) -> int:
    latest = repository.answer(principal, Moment())["latest"][0].as_py()
    if not 0 <= number <= latest:
        raise MissingSnapshotError(f"there is no change {number}; the last one is {latest}")
    return number


def _at(repository: Repository, principal: Principal, when: When, names: Sequence[str]) -> int:
    try:
        time = parse_instant(when)
    except ValueError:
        raise MissingSnapshotError(
            f"{when!r} is neither a snapshot nor a change nor a time such as 2026-03-01T12:00{near(str(when), names)}; "
            "`bunter snapshot list REPO` lists the snapshots"
        ) from None
    row = repository.answer(principal, Moment(min(max(time, MIN_NS), MAX_NS))).to_pylist()[0]
    if row["change"] is None:
        began = "has no change yet" if row["began"] is None else f"begins at {clock_text(row['began'])} UTC"
        raise MissingSnapshotError(f"nothing is known of {when}: the repository {began}")
    return int(row["change"])


def removed_error(repository: Repository, principal: Principal, ref: DatasetRef) -> DatasetRemovedError:
    """Return the error for a dataset that has no artifact any more, with when and by whom it was removed."""
    stones = repository.answer(principal, Tombstones([ref.id.bytes])).to_pylist()
    if not stones:
        return DatasetRemovedError(
            f"{ref} has no artifact any more; `bunter query-datasets REPO {ref.dataset_type.name}` lists others"
        )
    stone = stones[0]
    who = "@".join(part for part in (stone["user"], stone["host"]) if part) or "an unknown user"
    how = f" ({stone['command']})" if stone["command"] else ""
    when = "an unknown time" if stone["time"] is None else f"{clock_text(stone['time'])} UTC"
    return DatasetRemovedError(
        f"{ref} was removed at {when} by {who}{how}, change {stone['change']}; removed artifacts are not kept",
        when=stone["time"],
        by=who,
        change=stone["change"],
    )

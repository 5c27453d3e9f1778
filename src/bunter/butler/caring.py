"""The part of the butler's face that is about care: checking, sweeping, undoing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bunter.butler.events.events import Events
    from bunter.butler.relocating import Relocation
    from bunter.butler.removal import Removal
    from bunter.butler.restoration import Restoration, Undoable
    from bunter.butler.session import Session
    from bunter.butler.sweeping import Leftovers
    from bunter.datastore.check import CheckReport
    from bunter.datastore.deep_check import DeepCheck

__all__ = ["CaringButler"]


class CaringButler:
    """What `bunter.Butler` offers to those who keep a repository."""

    _session: Session
    removal: Removal

    @property
    def events(self) -> Events:
        """What happened to the repository, and who is told of it."""
        from bunter.butler.events.events import Events

        return Events(self._session)

    def check(
        self,
        *,
        deep: bool | DeepCheck = False,
        incremental: bool = False,
        time_limit_s: float | None = None,
        claims: Callable[[], Mapping[str, str]] | None = None,
    ) -> CheckReport:
        """Compare the registry with the files, both ways.

        Parameters
        ----------
        deep : bool or DeepCheck
            Whether to read every artifact and compare its digest; a `DeepCheck` reads some of them, or not too fast, or writes
            digests down where there are none yet.
        incremental : bool
            Whether only artifacts are looked at that no such check has found in order before; the first one looks at all. Only
            it looks for orphans. With ``deep``, those are read first that were read longest ago.
        time_limit_s : float, optional
            Seconds after which nothing more is begun; the report says how many artifacts were left.
        claims : callable, optional
            Tells which artifacts belong to runs that are not finished, see `bunter.execution.claimed_keys`.
        """
        from bunter.datastore.check import Patrol

        patrol = Patrol(incremental=incremental, time_limit_s=time_limit_s)
        report = self._session.repository.check(deep=deep, patrol=patrol, claims=claims)
        if self._session.facts.writeable:
            self.tell_lost(report)
        return report

    def tell_lost(self, report: CheckReport) -> None:
        """Tell those who subscribe to events which artifacts a check did not find, or found damaged."""
        from bunter.butler.events.lost import lost_artifacts

        if found := lost_artifacts(report):
            self.events.tell(*found)

    def undo(self, change: int | None = None, *, partly: bool = False, dry_run: bool = False) -> Restoration:
        """Take back what a change did to datasets, collections and dataset types, in a new change.

        What it removed comes back: runs, datasets with their memberships, headers, metadata and files (if these are kept),
        other collections with their members, places in chains, tags, validity ranges, names, dataset types. What it made
        goes: collections and dataset types that nobody has used since, members, validity ranges. Datasets that it added stay.

        Parameters
        ----------
        change : int, optional
            Its number, see `undoable`; by default your last change that is not undone.
        partly : bool
            Whether what is in the way is left as it is; without it nothing changes then.
        dry_run : bool
            Whether only to say what would happen, and what is in the way.

        Raises
        ------
        UndoError
            If anything is in the way, there is nothing to undo, or files that were kept are gone.
        """
        return self.removal.undo(change, partly=partly, dry_run=dry_run)

    def relocate(self, old: str | Path, new: str | Path, *, dry_run: bool = False) -> Relocation:
        """Record that files which were ingested where they are (``transfer="direct"``) lie below another folder now.

        Parameters
        ----------
        old, new : str or Path
            The folder in which they were, and the one to which you have moved them. No file is touched.
        dry_run : bool
            Whether only to see that all are there.

        Returns
        -------
        Relocation
            How many files there are.

        Raises
        ------
        IngestError
            If one of them is not in the new folder with the size that was recorded, or none was in the old one.
        KeyTakenError
            If one of them was ingested from the new folder as well.
        """
        from bunter.butler.relocating import relocate_files

        return relocate_files(self._session, old, new, dry_run=dry_run)

    def undoable(self, limit: int = 20) -> list[Undoable]:
        """Return the latest changes that `undo` takes back, the last one first.

        Parameters
        ----------
        limit : int
            How many at most.
        """
        return self.removal.undoable_changes(limit)

    def gc(self, *, dry_run: bool = False, older_than_s: float = 86_400, **more: Any) -> Leftovers:
        """Remove leftovers: of dead writers, of removals whose time is over, of runs that nobody resumes; and orphans.

        Parameters
        ----------
        dry_run : bool
            Whether only to say what would go.
        older_than_s : float
            Age from which a file that no record names is an orphan, in seconds. Only files with names as Bunter gives them go.
        **more
            ``claims`` as for `check`, and ``abandoned`` alike for runs that were given up, see `bunter.execution.abandoned_keys`.
        """
        from bunter.butler.sweeping import Sweeping

        return Sweeping(self._session).sweep(dry_run=dry_run, older_than_s=older_than_s, **more)

"""A parcel taken in: compared as a whole first, then brought part by part, each part in one unit of work."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bunter.butler.activities import performed
from bunter.butler.transfers.absences import Absences
from bunter.butler.transfers.arrivals import arrivals
from bunter.butler.transfers.definitions import Definitions
from bunter.butler.transfers.member_changes import MemberChanges
from bunter.butler.transfers.report import TransferReport
from bunter.butler.transfers.run_folders import write_runs
from bunter.dataset import ArtifactLink
from bunter.dataset.annotations import AddMakers, AddOrigins, HeadersOf, MetadataOf, SetMetadata
from bunter.dataset.changes import AddArtifacts, AddDatasets
from bunter.dataset.header import headers_change, packed_alike
from bunter.datastore import Transfer
from bunter.datastore.carriage import Cargo, Progress, carry
from bunter.datastore.recorded import artifact_rows
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bunter.butler.session import Session
    from bunter.butler.transfers.arrivals import Arrivals
    from bunter.butler.transfers.parcel import Annotations, Batch, Parcel
    from bunter.butler.transfers.report import Conflict
    from bunter.butler.transfers.terms import Terms
    from bunter.dataset import DatasetColumns, StoredArtifact
    from bunter.dataset.changes import Change
    from bunter.datastore import Staged
    from bunter.datastore.chain import Route

__all__ = ["Receiving"]

_PORTION_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class _Fresh:
    """An artifact that comes, and where it goes."""

    stored: StoredArtifact
    nonce: str
    key: str
    route: Route


class Receiving:
    """Takes a parcel into a repository; what is there already stays, so that the same call again completes.

    Parameters
    ----------
    session : Session
        The repository.
    parcel : Parcel
        What comes.
    terms : Terms
        How it is treated.
    progress : callable, optional
        Is told how far it has come.
    """

    keeps_all = False  # whether every artifact is remembered, not only those of several datasets

    def __init__(
        self,
        session: Session,
        parcel: Parcel,
        terms: Terms,
        *,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._session = session
        self._parcel = parcel
        self._terms = terms
        self._transfer = Transfer(terms.transfer)
        self._progress = progress
        self._absences = None if terms.restore else Absences(session)
        self._definitions = Definitions(session, parcel, keep_records=terms.keep_records, absences=self._absences)
        self._shared: dict[tuple[str, str], str] = {}
        self._done = Progress(0, 0)
        self._left: set[bytes] = set()

    def survey(self) -> TransferReport:
        """Compare everything, and tell what would come and what contradicts; nothing is changed."""
        definitions = self._definitions
        conflicts = list(definitions.conflicts())
        records, differing = definitions.compared()
        report = TransferReport(
            self._parcel.source,
            self._session.facts.location,
            records=records,
            dataset_types=len(definitions.new_types()),
            collections=len(definitions.new_collections()),
            conflicts=tuple(conflicts + differing),
            dry_run=True,
        )
        if conflicts:  # what follows relies on the types
            return report
        report = self._counted(report)
        _, members, contradicting = self._members().find()
        definitions.registrations()  # which tells what chains do not get again
        withheld = () if self._absences is None else self._absences.said
        return replace(report, memberships=members, conflicts=(*report.conflicts, *contradicting), withheld=withheld)

    def _counted(self, report: TransferReport) -> TransferReport:
        datasets = known = removed = 0
        shared: set[tuple[str, str]] = set()
        artifacts = size = 0
        conflicts: list[Conflict] = list(report.conflicts)
        for batch in self._parcel.batches():
            found = self._compared(batch)
            removed += found.removed
            datasets += sum(map(len, found.new))
            known += found.known
            conflicts += found.conflicts
            for place, stored in found.artifacts.items():
                if place not in shared:
                    artifacts, size = artifacts + 1, size + max(stored.size, 0)
                if stored.selector:
                    shared.add(place)
        return replace(
            report,
            datasets=datasets,
            known=known,
            removed=removed,
            artifacts=artifacts,
            size=size,
            conflicts=tuple(conflicts),
        )

    def take(self) -> TransferReport:
        """Bring everything that is not there.

        Raises
        ------
        TransferConflictError
            If anything contradicts what is there; nothing has changed.
        """
        report = self.survey()
        report.refuse()
        facts = {"source": self._parcel.source, "transfer": str(self._transfer), "datasets": report.datasets}
        with performed(self._session, self._terms.kind, kind=self._terms.kind, facts=facts, only_outermost=True):
            self.bring()
        return replace(report, dry_run=False)

    def bring(self) -> None:
        """Bring everything that is not there, without a look at the whole before."""
        if changes := [*self._definitions.insertions(), *self._definitions.registrations()]:
            self._session.commit(changes)
        for batch in self._parcel.batches():
            for portion in batch.portions(_PORTION_BYTES):
                self._bring(self._compared(portion))
        members, _, _ = self._members().find()
        if members:
            self._session.commit(members)
        for each in self._parcel.annotations():
            if changes := self.annotations(each):
                self._session.commit(changes)
        write_runs(getattr(self._session.repository, "runs", None), self._parcel.run_pieces())

    def _compared(self, batch: Batch) -> Arrivals:
        """Compare some datasets with what is there; remember which stay behind."""
        types = self._definitions.types
        found = arrivals(self._session, batch, types, only_stored=self._terms.only_stored, restore=self._terms.restore)
        self._left.update(found.left)
        return found

    def _members(self) -> MemberChanges:
        return MemberChanges(
            self._session, self._parcel, self._definitions.types, left=self._left, absences=self._absences
        )

    def _bring(self, found: Arrivals) -> None:
        """Bring the artifacts of some datasets and register these."""
        if not found.new and not found.stored:
            return
        fresh: dict[tuple[str, str], _Fresh] = {}
        links = []
        for columns, row, stored in found.stored:
            place = stored.datastore, stored.key
            nonce = self._shared.get(place) or (fresh[place].nonce if place in fresh else "")
            if not nonce:
                fresh[place] = new = self._fresh(columns, row, stored)
                nonce = new.nonce
            links.append(ArtifactLink(columns.ids[row], stored.component, nonce, stored.selector))
        stores = self._parcel.stores_of([item.stored for item in fresh.values()])
        staged = self._carried(
            [
                Cargo(store, item.stored, item.key, item.route)
                for store, item in zip(stores, fresh.values(), strict=True)
            ]
        )
        given = [new.stored for new in fresh.values()]
        rows = artifact_rows(
            staged,
            [new.nonce for new in fresh.values()],
            [stored.format for stored in given],
            [stored.format_version for stored in given],
        )
        changes: list[Change] = [
            *self._definitions.runs_again({columns.run for columns in found.new}),
            *(AddDatasets(columns, on_conflict="skip") for columns in found.new),
        ]
        self._session.commit([*changes, AddArtifacts(rows, links)] if rows or links else changes, staged)
        self._shared |= {place: new.nonce for place, new in fresh.items() if new.stored.selector or self.keeps_all}

    def _fresh(self, columns: DatasetColumns, row: int, stored: StoredArtifact) -> _Fresh:
        """Draw a nonce and make a key for an artifact that comes."""
        kind, nonce = columns.dataset_type, new_nonce()
        data_id = {name: columns.values[name][row] for name in kind.dimensions.required}
        route = self._session.repository.datastore.route(kind, data_id)
        return _Fresh(stored, nonce, self._key(columns, data_id, nonce, stored, route), route)

    def _key(
        self, columns: DatasetColumns, data_id: Mapping[str, Any], nonce: str, stored: StoredArtifact, route: Route
    ) -> str:
        if self._transfer in {Transfer.DIRECT, Transfer.IN_PLACE}:
            return ""
        component = {"component": stored.component} if stored.component else {}
        key_for = self._session.repository.datastore.key_for
        return key_for(columns.dataset_type, data_id, columns.run, nonce, _suffix(stored.key), route=route, **component)

    def _carried(self, cargo: list[Cargo]) -> list[Staged]:
        before = self._done

        def told(now: Progress) -> None:
            self._done = Progress(before.artifacts + now.artifacts, before.done + now.done)
            if self._progress is not None:
                self._progress(self._done)

        if not cargo:
            return []
        datastore = self._session.repository.datastore
        return carry(datastore, cargo, transfer=self._transfer, verify=self._terms.verify, progress=told)

    def annotations(self, found: Annotations) -> list[Change]:
        """Return the changes that keep headers, metadata and origins of datasets that have none; others are not touched."""
        session = self._session
        changes: list[Change] = []
        if self._left:
            found = found.without(self._left)
        if found.metadata:
            ids = [id_ for id_, _ in found.metadata]
            table = session.repository.answer(session.principal, MetadataOf(ids))
            have = set(table.column("id").to_pylist())
            new = [(id_, text) for id_, text in found.metadata if id_ not in have]
            if new:
                changes.append(SetMetadata([id_ for id_, _ in new], [json.loads(text) for _, text in new]))
        if found.headers:
            ids = [id_ for id_, _, _ in found.headers]
            have = set(session.repository.answer(session.principal, HeadersOf(ids)).column("id").to_pylist())
            changes += _headers([row for row in found.headers if row[0] not in have])
        if found.origins:
            changes.append(AddOrigins(found.origins))
        if found.makers:
            changes.append(AddMakers(found.makers, found.activities))
        return changes


def _headers(rows: list[tuple[bytes, bytes, bytes]]) -> list[Change]:
    from bunter.datastore.formats.fits_cards import kept_header

    headers = packed_alike([kept_header(primary, own) for _, primary, own in rows])
    change = headers_change(zip([id_ for id_, _, _ in rows], headers, strict=True))
    return [] if change is None else [change]


def _suffix(key: str) -> str:
    """Return the ending of a key with its dot, and that of a compressed file with both."""
    name = key.rpartition("/")[2]
    stem, dot, last = name.rpartition(".")
    if not stem:
        return ""
    if f".{last}" in {".gz", ".fz", ".bz2"} and (inner := stem.rpartition("."))[0]:
        return f".{inner[2]}.{last}"
    return dot + last

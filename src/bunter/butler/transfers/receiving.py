"""A parcel taken in: compared as a whole first, then brought part by part, each part in one unit of work."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.butler.activities import performed
from bunter.butler.transfers.absences import Absences
from bunter.butler.transfers.arrivals import arrivals
from bunter.butler.transfers.carried_fields import CarriedFields
from bunter.butler.transfers.carried_names import keys_alike, suffix
from bunter.butler.transfers.definitions import Definitions
from bunter.butler.transfers.gathering import Gathering
from bunter.butler.transfers.member_changes import MemberChanges
from bunter.butler.transfers.report import TransferReport
from bunter.butler.transfers.run_folders import write_runs
from bunter.dataset import ArtifactLink
from bunter.dataset.annotations import AddMakers, AddOrigins, HeadersOf, MetadataOf, SetMetadata
from bunter.dataset.changes import AddArtifacts, AddDatasets
from bunter.dataset.header import headers_change, packed_alike
from bunter.dataset.inquiries import Moment
from bunter.datastore import Transfer
from bunter.datastore.carriage import Cargo, Progress, carry
from bunter.datastore.recorded import artifact_rows
from bunter.values.identity import new_nonces
from bunter.values.rows import instances, unhindered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.butler.transfers.arrivals import Arrivals
    from bunter.butler.transfers.parcel import Annotations, Batch, Parcel
    from bunter.butler.transfers.report import Conflict
    from bunter.butler.transfers.terms import Terms
    from bunter.dataset import DatasetColumns, StoredArtifact
    from bunter.dataset.changes import Change
    from bunter.datastore import Staged
    from bunter.datastore.chain import Route

    _Place = tuple[str, str]  # store and key where it is
    _Comer = tuple[DatasetColumns, int, StoredArtifact]  # an artifact, and the row of its dataset
__all__ = ["Receiving"]

_PORTION_BYTES = 1 << 30
_KEPT_ROWS = 20_000
"""What a survey has found of so many datasets is kept, and need not be found once more."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a survey has found of a small parcel, which holds as long as nobody writes: the last change, how many records are new, arrivals, and memberships."""

    latest: int | None
    records: int
    arrivals: list[Arrivals]
    members: list[tuple[Change, int]]


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

    names_anew = True  # whether artifacts get keys by the templates here
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
        self._stays = self._transfer in {Transfer.DIRECT, Transfer.IN_PLACE}
        self._progress = progress
        self._fields = CarriedFields(session, parcel)
        self._absences = None if terms.restore else Absences(session)
        self._definitions = Definitions(session, parcel, keep_records=terms.keep_records, absences=self._absences)
        self._shared: dict[tuple[str, str], str] = {}
        self._done = Progress(0, 0)
        self._left: set[bytes] = set()
        self._seen: _Seen | None = None

    def survey(self) -> TransferReport:
        """Compare everything, and tell what would come and what contradicts; nothing is changed."""
        definitions, latest = self._definitions, self._latest()
        conflicts = list(definitions.conflicts())
        records, differing = definitions.compared()
        report = TransferReport(
            self._parcel.source,
            self._session.facts.location,
            records=records,
            dataset_types=len(definitions.new_types()),
            collections=len(definitions.new_collections()),
            unlike=definitions.unlike(),
            conflicts=tuple(conflicts + differing),
            dry_run=True,
        )
        few: list[Arrivals] = []
        report, looked = self._counted(report, few, definitions.comparable() if conflicts else None)
        if conflicts:  # what follows relies on the types
            return report
        contradicting: list[Conflict] = []
        changes: list[tuple[Change, int]] = []
        members = 0
        for change, number in self._members().walk(contradicting):
            members += number
            if members <= _KEPT_ROWS:
                changes.append((change, number))
        definitions.registrations()  # which tells what chains do not get again
        if looked + members <= _KEPT_ROWS and report.size <= _PORTION_BYTES:
            self._seen = _Seen(latest, records, few, changes)
        withheld = () if self._absences is None else self._absences.said
        return replace(report, memberships=members, conflicts=(*report.conflicts, *contradicting), withheld=withheld)

    def _latest(self) -> int | None:
        """Return the number of the last change of the repository."""
        session = self._session
        latest: int | None = session.repository.answer(session.principal, Moment())["latest"][0].as_py()
        return latest

    def _counted(
        self, report: TransferReport, few: list[Arrivals], wanted: Callable[[DatasetColumns], bool] | None
    ) -> tuple[TransferReport, int]:
        """Count what comes, and what was looked at; what was found of it is kept in ``few`` as long as it is little."""
        datasets = known = removed = looked = 0
        shared: set[tuple[str, str]] = set()
        artifacts = size = 0
        conflicts: list[Conflict] = list(report.conflicts)
        runs: set[Conflict] = set()
        for batch in self._parcel.batches():
            found = self._compared(batch if wanted is None else batch.only(wanted))
            removed += found.removed
            datasets += sum(map(len, found.new))
            known += found.known
            conflicts += [each for each in found.conflicts if each.kind != "run" or each not in runs]
            runs |= {each for each in found.conflicts if each.kind == "run"}
            few.append(found)
            looked += sum(map(len, batch.columns))
            if looked > _KEPT_ROWS:
                few.clear()
            for place, stored in found.artifacts.items():
                if place not in shared:
                    artifacts, size = artifacts + 1, size + max(stored.size, 0)
                if stored.selector:
                    shared.add(place)
        counted: dict[str, Any] = {
            "datasets": datasets,
            "known": known,
            "removed": removed,
            "artifacts": artifacts,
            "size": size,
        }
        return replace(report, conflicts=tuple(conflicts), **counted), looked

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
        seen = self._seen
        if seen is not None and seen.latest != self._latest():  # somebody has written since
            seen = None
        self._seen = None
        with Gathering(self._session) as gathering:
            if seen is None or seen.records:
                for insertion in self._definitions.insertions():
                    gathering.add([insertion], rows=len(insertion.records))
            gathering.add(self._definitions.registrations(), rows=0)
            for found in self._arriving() if seen is None else seen.arrivals:
                self._bring(found, gathering)
            for change, number in self._members().walk([]) if seen is None else seen.members:
                gathering.add([change], rows=number)
            for each in self._parcel.annotations():
                with unhindered():
                    gathering.add(self.annotations(each), rows=each.rows)
        write_runs(getattr(self._session.repository, "runs", None), self._parcel.run_pieces())

    def _arriving(self) -> Iterator[Arrivals]:
        """Compare what comes with what is there, part by part."""
        for batch in self._parcel.batches():
            for portion in batch.portions(_PORTION_BYTES):
                yield self._compared(portion)

    def _compared(self, batch: Batch) -> Arrivals:
        """Compare some datasets with what is there; remember which stay behind."""
        terms = self._terms
        with unhindered():
            found = arrivals(
                self._session,
                batch,
                self._definitions.types,
                only_stored=terms.only_stored,
                restore=terms.restore,
            )
        self._left.update(found.left)
        return found

    def _members(self) -> MemberChanges:
        return MemberChanges(
            self._session, self._parcel, self._definitions.types, left=self._left, absences=self._absences
        )

    def _bring(self, found: Arrivals, gathering: Gathering) -> None:
        """Bring the artifacts of some datasets, to be registered with these."""
        if not found.new and not found.stored:
            return
        with unhindered():
            places = [(stored.datastore, stored.key) for _, _, stored in found.stored]
            fresh = self._fresh(places, found.stored)
            links = self._links(places, found.stored, fresh)
            given = [comer[2] for comer, _ in fresh.values()]
            cargo = self._cargo(list(fresh.values()), given)
        staged = self._carried(cargo)
        with unhindered():
            nonces, formats = [nonce for _, nonce in fresh.values()], [stored.format for stored in given]
            rows = artifact_rows(staged, nonces, formats, [stored.format_version for stored in given])
            changes: list[Change] = [
                *self._definitions.runs_again({columns.run for columns in found.new}),
                *(AddDatasets(columns, on_conflict="skip") for columns in found.new),
            ]
            whole = [*changes, AddArtifacts(rows, links)] if rows or links else changes
            gathering.add(whole, staged, rows=max(sum(map(len, found.new)), len(links)))
        self._shared |= {place: nonce for place, (comer, nonce) in fresh.items() if comer[2].selector or self.keeps_all}

    def _fresh(self, places: Sequence[_Place], comers: Sequence[_Comer]) -> dict[_Place, tuple[_Comer, str]]:
        """Pick the artifacts that were not brought for another dataset before, and draw a nonce for each."""
        first: dict[_Place, _Comer] = {}
        for place, comer in zip(places, comers, strict=True):
            if place not in self._shared:
                first.setdefault(place, comer)
        return dict(zip(first, zip(first.values(), new_nonces(len(first)), strict=True), strict=True))

    def _links(
        self, places: Sequence[_Place], comers: Sequence[_Comer], fresh: Mapping[_Place, tuple[_Comer, str]]
    ) -> list[ArtifactLink]:
        return instances(
            ArtifactLink,
            len(comers),
            dataset_id=[columns.ids[row] for columns, row, _ in comers],
            component=[stored.component for _, _, stored in comers],
            nonce=[self._shared.get(place) or fresh[place][1] for place in places],
            selector=[stored.selector for _, _, stored in comers],
        )

    def _cargo(self, fresh: Sequence[tuple[_Comer, str]], given: Sequence[StoredArtifact]) -> list[Cargo]:
        """Say where artifacts are and where they go."""
        routes = self._routes([comer for comer, _ in fresh])
        places = [] if self._stays else [(columns, row) for (columns, row, _), _ in fresh]
        more = self._fields.of_rows(places, routes) if places else [{}] * len(fresh)
        keys = keys_alike(fresh, routes) if self.names_anew and not self._stays else [""] * len(fresh)
        for number, (((columns, row, stored), nonce), route, fields) in enumerate(
            zip(fresh, routes, more, strict=True)
        ):
            if not keys[number]:
                keys[number] = self._key(columns, _named(columns, row, route, fields), nonce, stored, route)
        return instances(Cargo, len(fresh), store=self._parcel.stores_of(given), stored=given, key=keys, route=routes)

    def _routes(self, comers: Sequence[_Comer]) -> list[Route]:
        """Say which stores take artifacts; asked once for each type and instrument, on which alone this depends."""
        route = self._session.repository.datastore.route
        known: dict[tuple[int, object], Route] = {}
        found = []
        for columns, row, _ in comers:
            place = id(columns), columns.values["instrument"][row] if "instrument" in columns.values else None
            if place not in known:
                known[place] = route(columns.dataset_type, _data_id(columns, row))
            found.append(known[place])
        return found

    def _key(
        self, columns: DatasetColumns, data_id: Mapping[str, Any], nonce: str, stored: StoredArtifact, route: Route
    ) -> str:
        if self._stays:
            return ""
        component = {"component": stored.component} if stored.component else {}
        key_for = self._session.repository.datastore.key_for
        return key_for(columns.dataset_type, data_id, columns.run, nonce, suffix(stored.key), route=route, **component)

    def _carried(self, cargo: list[Cargo]) -> list[Staged]:
        datastore = self._session.repository.datastore
        if not cargo:
            return []
        if self._progress is None:
            return carry(datastore, cargo, transfer=self._transfer, verify=self._terms.verify)
        before, tell = self._done, self._progress

        def told(now: Progress) -> None:
            self._done = Progress(before.artifacts + now.artifacts, before.done + now.done)
            tell(self._done)

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


def _data_id(columns: DatasetColumns, row: int) -> dict[str, Any]:
    return {name: columns.values[name][row] for name in columns.dataset_type.dimensions.required}


def _named(columns: DatasetColumns, row: int, route: Route, fields: Mapping[str, object]) -> dict[str, Any]:
    """Return what the name of a dataset's artifact may be made of."""
    values = {**_data_id(columns, row), **fields}
    return {**values, "id": UUID(bytes=columns.ids[row])} if "id" in route.choice.template.names else values


def _headers(rows: list[tuple[bytes, bytes, bytes]]) -> list[Change]:
    from bunter.datastore.formats.fits_cards import kept_header

    headers = packed_alike([kept_header(primary, own) for _, primary, own in rows])
    change = headers_change(zip([id_ for id_, _, _ in rows], headers, strict=True))
    return [] if change is None else [change]

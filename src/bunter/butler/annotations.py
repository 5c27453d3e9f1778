"""What is kept beside datasets, for users: headers, metadata, origins, activities, indexes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset import DatasetRef
from bunter.dataset.annotations import (
    Activities,
    ActivitiesOf,
    CardValues,
    CreateMetadataIndex,
    DropMetadataIndex,
    HeadersOf,
    IndexedField,
    MakersOf,
    MetadataIndexes,
    MetadataOf,
    OriginsOf,
    SetMetadata,
)
from bunter.dataset.header import CardText, card_key
from bunter.dataset.metadata import checked_metadata
from bunter.errors import DatasetNotFoundError, MetadataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from astropy.io.fits import Header
    from astropy.table import Table

    from bunter.butler.session import Session
    from bunter.dataset.annotations import AnnotationInquiry

__all__ = ["ActivityRecord", "Annotations", "Origin", "field_named"]


@dataclass(frozen=True, slots=True)
class ActivityRecord:
    """An activity as it was recorded.

    Parameters
    ----------
    number : int
        Its number in the repository.
    kind, label : str
        What kind of activity, and its name.
    began, ended : int
        First and last moment, ns TAI; that of its last change where its end was not noted.
    outcome : str
        ``done``, ``failed``, or empty where its end was not noted.
    user, host, process
        Who, where.
    code : dict
        Versions and commits.
    command : str
        The command line.
    facts : dict
        What else is known.
    changes, datasets : int, optional
        How much it changed, where that was counted.
    """

    number: int
    kind: str
    label: str
    began: int
    ended: int | None
    outcome: str
    user: str
    host: str
    process: int
    code: dict[str, str]
    command: str
    facts: dict[str, Any]
    changes: int | None = None
    datasets: int | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ActivityRecord:
        """Return the activity of a row."""
        return cls(**{**row, "code": json.loads(row["code"]), "facts": json.loads(row["facts"])})

    def as_row(self) -> dict[str, Any]:
        """Return what tells it from others as plain values, its begin as text in UTC."""
        from bunter.values import clock_text

        own = {name: getattr(self, name) for name in ("kind", "label", "user", "host", "command")}
        return {**own, "began": clock_text(self.began)}

    def __str__(self) -> str:
        label = f" {self.label!r}" if self.label else ""
        return f"{self.kind}{label} (activity {self.number})"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dataset comes from.

    Parameters
    ----------
    ref : DatasetRef
        The dataset.
    change : int
        Number of the change that registered it.
    time : int
        When, ns TAI.
    user, host : str
        Who, and on which machine.
    activity : ActivityRecord, optional
        As part of what; None for what was registered before activities were recorded.
    path : str, optional
        The file that it was ingested from.
    size, modified : int, optional
        That file's bytes, and time of last change in ns since 1970 UTC.
    made_by : ActivityRecord, optional
        What made it in the repository that it came from; None for what was made here.
    """

    ref: DatasetRef
    change: int
    time: int
    user: str
    host: str
    activity: ActivityRecord | None
    path: str | None
    size: int | None
    modified: int | None
    made_by: ActivityRecord | None = None

    @property
    def task(self) -> str | None:
        """Label of the task that made it, where a run did, here or elsewhere."""
        activity = self.made_by or self.activity
        if activity is None:
            return None
        tasks = activity.facts.get("tasks")
        return tasks.get(self.ref.dataset_type.name) if isinstance(tasks, dict) else None

    @property
    def quantum(self) -> str | None:
        """Task and data ID of the quantum that made it, where a run did and the task has the dataset's dimensions."""
        if self.task is None:
            return None
        values = self.ref.data_id.required
        return f"{self.task}({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def as_row(self) -> dict[str, Any]:
        """Return it as plain values, times as text in UTC."""
        from bunter.values import clock_text

        act = self.activity
        return {
            "id": str(self.ref.id),
            "dataset_type": self.ref.dataset_type.name,
            "data_id": dict(self.ref.data_id.required),
            "run": self.ref.run,
            "when": clock_text(self.time),
            "user": self.user,
            "host": self.host,
            "change": self.change,
            "activity": None if act is None else act.number,
            "kind": None if act is None else act.kind,
            "label": None if act is None else act.label,
            "command": None if act is None else act.command,
            "code": None if act is None else act.code,
            "facts": None if act is None else act.facts,
            "quantum": self.quantum,
            "path": self.path,
            "size": self.size,
            "modified": self.modified,
            "made_by": None if self.made_by is None else self.made_by.as_row(),
        }

    def __str__(self) -> str:
        from bunter.values import clock_text

        act = self.activity
        parts = [
            f"{self.ref.dataset_type.name} of {self.ref.run}",
            f"registered {clock_text(self.time)} by {self.user}@{self.host}",
        ]
        if act is not None:
            parts.append(f"in {act}")
        if self.quantum is not None:
            parts.append(f"made by {self.quantum}")
        if self.made_by is not None:
            parts.append(f"made elsewhere by {self.made_by.user}@{self.made_by.host} in {self.made_by}")
        if self.path is not None:
            parts.append(f"from {self.path}")
        return ", ".join(parts)


class Annotations:
    """Reads and writes what is kept beside datasets.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def _rows(self, inquiry: AnnotationInquiry) -> list[dict[str, Any]]:
        found = self._session.repository.answer(self._session.principal, inquiry)
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    # Headers

    def header(self, ref: DatasetRef) -> Header | None:
        """Return the stored header of a dataset, None if none is stored."""
        if self._session.is_pending(ref):
            return None
        found = self._texts([ref.id.bytes])
        return None if not found else _header_of(next(iter(found.values())))

    def _texts(self, ids: Sequence[bytes]) -> dict[bytes, CardText]:
        return {row["id"]: CardText(row["primary"], row["own"]) for row in self._rows(HeadersOf(ids))}

    def headers(self, refs: Iterable[DatasetRef], cards: Sequence[str]) -> Table:
        """Return chosen cards of many datasets as a table; see `Butler.headers`."""
        from bunter.butler.header_table import header_table

        return header_table(list(refs), cards, self._card_values)

    def _card_values(self, ids: Sequence[bytes], names: Sequence[str]) -> dict[bytes, list[str | None]]:
        return {row["id"]: row["values"] for row in self._rows(CardValues(ids, tuple(names)))}

    # Metadata

    def set_metadata(
        self,
        refs: DatasetRef | Iterable[DatasetRef],
        metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        replace: bool,
    ) -> None:
        """Give datasets metadata; see `Butler.set_metadata`."""
        chosen = [refs] if isinstance(refs, DatasetRef) else list(refs)
        documents = [metadata] if hasattr(metadata, "items") else list(metadata)
        if len(documents) not in {1, len(chosen)}:
            raise MetadataError(f"{len(chosen)} datasets take as many metadata, or one for all, not {len(documents)}")
        if chosen:
            checked = [checked_metadata(each) for each in documents]  # type: ignore[arg-type]
            self._session.commit([SetMetadata([ref.id.bytes for ref in chosen], checked, replace)])

    def metadata(self, refs: Sequence[DatasetRef]) -> list[dict[str, Any]]:
        """Return the metadata of each dataset, empty where there is none."""
        found = {
            row["id"]: json.loads(row["document"]) for row in self._rows(MetadataOf([ref.id.bytes for ref in refs]))
        }
        return [found.get(ref.id.bytes, {}) for ref in refs]

    def metadata_history(self, ref: DatasetRef) -> list[dict[str, Any]]:
        """Return all metadata that a dataset has had: change, time, user, retired, document."""
        rows = self._rows(MetadataOf([ref.id.bytes], history=True))
        return [{**row, "document": json.loads(row["document"])} for row in rows]

    # Origin

    def origins(self, refs: Sequence[DatasetRef]) -> list[Origin]:
        """Return where datasets come from.

        Raises
        ------
        DatasetNotFoundError
            If one is not there.
        """
        rows = {row["id"]: row for row in self._rows(OriginsOf([ref.id.bytes for ref in refs]))}
        for ref in refs:
            if ref.id.bytes not in rows:
                raise DatasetNotFoundError(f"{ref} is not registered; `bunter origin` knows those that are")
        made_by = self._makers([ref.id.bytes for ref in refs])
        return [_origin(ref, rows[ref.id.bytes], made_by.get(ref.id.bytes)) for ref in refs]

    def _makers(self, ids: list[bytes]) -> dict[bytes, ActivityRecord]:
        """Return the activities that made datasets, here or elsewhere."""
        makers = {row["id"]: row["activity"] for row in self._rows(MakersOf(ids))}
        rows = {row.pop("id"): row for row in self._rows(ActivitiesOf(sorted(set(makers.values()))))}
        known = {id_: ActivityRecord.of(row) for id_, row in rows.items()}
        return {id_: known[activity] for id_, activity in makers.items() if activity in known}

    def activities(self, **filters: Any) -> list[ActivityRecord]:
        """Return activities, the newest first; see `bunter.dataset.annotations.Activities` for what filters there are."""
        return [ActivityRecord.of(row) for row in self._rows(Activities(**filters))]

    # Indexes

    def index(self, field: IndexedField) -> None:
        """Index a card or value."""
        self._session.commit([CreateMetadataIndex(field)])

    def drop_index(self, field: IndexedField) -> None:
        """Drop an index."""
        self._session.commit([DropMetadataIndex(field)])

    def indexes(self) -> list[tuple[IndexedField, int]]:
        """Return all indexes, with how many datasets have a value in each."""
        return [
            (IndexedField(row["dataset_type"], row["source"], tuple(row["path"])), row["rows"])
            for row in self._rows(MetadataIndexes())
        ]


def _origin(ref: DatasetRef, row: Mapping[str, Any], made_by: ActivityRecord | None) -> Origin:
    own = {name: row[name] for name in ("change", "time", "user", "host", "path", "size", "modified")}
    activity = None
    if row["activity_number"] is not None:
        prefix = "activity_"
        activity = ActivityRecord.of({name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)})
    is_from_elsewhere = made_by is not None and (activity is None or made_by.number != activity.number)
    return Origin(ref=ref, activity=activity, made_by=made_by if is_from_elsewhere else None, **own)


def _header_of(text: CardText) -> Header:
    from bunter.datastore.formats.fits_cards import header_of

    return header_of(text)


def field_named(name: str) -> IndexedField:
    """Return the field that a name such as ``raw.header.AIRMASS`` or ``raw.metadata.quality.flag`` stands for.

    Raises
    ------
    MetadataError
        If it is no such name.
    """
    from bunter.query.qualified import name_parts

    parts = name_parts(name)
    if len(parts) < 3 or parts[1] not in {"header", "metadata"}:
        raise MetadataError(
            f"{name!r} names no card and no metadata; write raw.header.AIRMASS or raw.metadata.quality.flag"
        )
    if parts[1] == "header":
        if len(parts) > 3:
            raise MetadataError(f"{name!r} has too many dots; a card with dots in its name is written in double quotes")
        return IndexedField(parts[0], "header", (card_key(parts[2]),))
    return IndexedField(parts[0], "metadata", tuple(parts[2:]))

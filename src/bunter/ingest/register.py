"""Instruments in a repository: their records, and the descriptions they were registered with."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType, DatasetType
from bunter.dataset.changes import InsertRecords, RegisterCollection, RegisterDatasetType, SetChain
from bunter.dimensions import Records
from bunter.errors import ConflictingDefinitionError, InstrumentError, MissingCollectionError, near
from bunter.ingest.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bunter.butler import Butler

DATASET_TYPE = "instrument_definition"

ONE_TO_ONE = 0
"""The visit system in which every exposure is a visit."""


def register_instrument(butler: Butler, instrument: str | Path | Instrument, *, update: bool = False) -> Instrument:
    """Register an instrument: its record, detectors, filters, and the description itself.

    Parameters
    ----------
    butler : Butler
        Open for writing.
    instrument : str, Path or Instrument
        Short name of an installed one, or a YAML file.
    update : bool
        Whether a description that differs from the registered one takes its place.

    Returns
    -------
    Instrument
        What was registered; the same again changes nothing.

    Raises
    ------
    ConflictingDefinitionError
        If it is registered with another description and ``update`` is false.
    """
    new = instrument if isinstance(instrument, Instrument) else Instrument.from_yaml(instrument)
    chain = new.definition_chain
    run = f"{chain}/{_fingerprint(new)}"
    old = _children(butler, chain)
    if old and old[0] == run and not update:
        return new
    if old and not update:
        raise ConflictingDefinitionError(
            f"{new.name} is registered with another description; register it with `--update` to change it"
        )
    kind = DatasetType(DATASET_TYPE, butler.universe.conform(["instrument"]), "StructuredDataDict")
    with butler.transaction():
        butler.apply(
            *_records(butler, new, replace=update),
            RegisterDatasetType(kind),
            RegisterCollection(run, CollectionType.RUN, "One description of an instrument."),
            RegisterCollection(chain, CollectionType.CHAINED, "Descriptions of an instrument; the first counts."),
            SetChain(chain, (run, *(name for name in old if name != run))),
        )
        if run not in old:
            butler.put(new.to_dict(), kind, instrument=new.name, run=run)
    return new


def registered_instrument(butler: Butler, name: str) -> Instrument:
    """Instrument as it was registered; InstrumentError if there is none of this name."""
    names = [record.name for record in butler.query_dimension_records("instrument")]
    if name not in names:
        known = ", ".join(sorted(names)) or "none"
        raise InstrumentError(
            f"no instrument {name!r} is registered{near(name, names)} (registered: {known}); "
            f"`bunter register-instrument REPO {name}` does it"
        )
    return Instrument.from_dict(
        butler.get(DATASET_TYPE, instrument=name, collections=f"{name}/definition"), where=f"the description of {name}"
    )


def registered_instruments(butler: Butler) -> list[Instrument]:
    """All instruments that were registered with a description, by name."""
    names = sorted(record.name for record in butler.query_dimension_records("instrument"))
    return [registered_instrument(butler, name) for name in names if _children(butler, f"{name}/definition")]


def _children(butler: Butler, chain: str) -> tuple[str, ...]:
    try:
        return butler.collections.info(chain).children
    except MissingCollectionError:
        return ()


def _fingerprint(instrument: Instrument) -> str:
    text = json.dumps(instrument.to_dict(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _records(butler: Butler, instrument: Instrument, *, replace: bool) -> Iterator[InsertRecords]:
    universe = butler.universe
    for element, rows in _rows(instrument).items():
        records = Records.from_rows(universe[element], rows)
        yield InsertRecords(records, "replace" if replace else "same")


def _rows(instrument: Instrument) -> dict[str, list[dict[str, Any]]]:
    name = instrument.name
    largest = instrument.model.exposure_max or 2**62
    return {
        "instrument": [
            {
                "name": name,
                "visit_max": largest,
                "exposure_max": largest,
                "detector_max": max(detector.id for detector in instrument.detectors) + 1,
                "visit_system": ONE_TO_ONE,
                "class_name": name,
            }
        ],
        "physical_filter": [
            {"instrument": name, "name": each, "band": band} for each, band in instrument.filters.items()
        ],
        "detector": [
            {
                "instrument": name,
                "id": each.id,
                "full_name": each.name,
                "name_in_raft": each.name_in_raft or each.name,
                "raft": each.raft,
                "purpose": each.purpose,
            }
            for each in instrument.detectors
        ],
        "visit_system": [{"instrument": name, "id": ONE_TO_ONE, "name": "one-to-one"}],
    }

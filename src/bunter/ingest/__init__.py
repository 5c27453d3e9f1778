"""From a folder of raw frames to exposures, visits, sky maps and reference catalogues in a repository."""

from __future__ import annotations

from bunter.ingest.instrument import Instrument, instrument_names
from bunter.ingest.raws import IngestReport, ingest_raws
from bunter.ingest.refcat import RefcatReport, ingest_refcat
from bunter.ingest.register import register_instrument, registered_instrument
from bunter.ingest.skymap import Patch, SkyMap, Tract, read_skymap, register_skymap
from bunter.ingest.visits import VisitReport, define_visits

__all__ = [
    "IngestReport",
    "Instrument",
    "Patch",
    "RefcatReport",
    "SkyMap",
    "Tract",
    "VisitReport",
    "define_visits",
    "ingest_raws",
    "ingest_refcat",
    "instrument_names",
    "read_skymap",
    "register_instrument",
    "register_skymap",
    "registered_instrument",
]

"""Visits: exposures of the sky, with the regions that their detectors see."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset.changes import InsertRecords
from bunter.dimensions import Records
from bunter.errors import InstrumentError
from bunter.geometry import Region
from bunter.ingest.register import ONE_TO_ONE, registered_instrument
from bunter.values import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from bunter.butler import Butler
    from bunter.ingest.instrument import Instrument

    Row = Mapping[str, Any]
    Corners = NDArray[np.float64]

_WORKERS = 4
_COPIED = (
    "seq_num", "exposure_time", "target_name", "observation_reason", "science_program", "azimuth", "zenith_angle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VisitReport:
    """What `define_visits` did: new visits, visits that were there, and exposures that cannot be visits, with reasons."""

    new: int
    known: int
    left_out: tuple[tuple[int, str], ...] = ()
    dry_run: bool = False

    def __str__(self) -> str:
        verb = "would define" if self.dry_run else "defined"
        known = f", {self.known} {'was' if self.known == 1 else 'were'} there before" if self.known else ""
        left = f", {counted(len(self.left_out), 'exposure')} left out" if self.left_out else ""
        none = "" if self.new or known or left else "; no science exposure is without its visit"
        return f"{verb} {counted(self.new, 'visit')}{known}{left}{none}"


def define_visits(
    butler: Butler,
    instrument: str | Instrument,
    *,
    where: str = "",
    update: bool = False,
    dry_run: bool = False,
) -> VisitReport:
    """Make a visit of every exposure of the sky that is none yet.

    Regions come from boresight, position angle and the places of the detectors, or from the WCS of the raw frames if
    the instrument says so.

    Parameters
    ----------
    butler : Butler
        Open for writing.
    instrument : str or Instrument
        A registered one.
    where : str
        Query expression that the exposures satisfy.
    update : bool
        Whether visits that are there are worked out anew.
    dry_run : bool
        Whether to work everything out and change nothing.

    Returns
    -------
    VisitReport
        Counts, and the exposures that lack what a visit needs.

    Raises
    ------
    InstrumentError
        If it is not registered.
    """
    camera = registered_instrument(butler, instrument if isinstance(instrument, str) else instrument.name)
    exposures = _exposures(butler, camera, where)
    known = set() if update else _column(butler.query_dimension_records("visit", instrument=camera.name), "visit")
    todo = [row for row in exposures if row["exposure"] not in known]
    usable, left_out = _usable(todo, camera)
    regions = _regions(butler, camera, usable)
    unseen = [row["exposure"] for row in usable if row["exposure"] not in regions]
    left_out += [(number, "no raw frame of it has a usable WCS") for number in unseen]
    usable = [row for row in usable if row["exposure"] in regions]
    if usable and not dry_run:
        butler.apply(*_changes(butler, camera, usable, regions, replace=update))
    return VisitReport(len(usable), len(exposures) - len(todo), tuple(left_out), dry_run)


def _exposures(butler: Butler, camera: Instrument, where: str) -> list[Row]:
    """Rows of the exposures whose type makes them visits."""
    condition = " AND ".join(f"({part})" for part in ("exposure.observation_type IN (kinds)", where) if part)
    kinds = list(camera.model.visits.observation_types)
    found = butler.query_dimension_records("exposure", where=condition, bind={"kinds": kinds}, instrument=camera.name)
    rows: list[Row] = found.to_arrow().to_pylist()
    return sorted(rows, key=lambda row: row["exposure"])


def _column(results: Any, name: str) -> set[Any]:
    return set(results.to_arrow().column(name).to_pylist())


def _usable(rows: Sequence[Row], camera: Instrument) -> tuple[list[Row], list[tuple[int, str]]]:
    needed = ["tracking_ra", "tracking_dec"]
    if camera.model.focal_plane.regions == "header":
        return list(rows), []
    left_out = []
    usable = []
    for row in rows:
        if missing := [name for name in needed if row[name] is None]:
            left_out.append((row["exposure"], f"its record has no {' and no '.join(missing)}"))
        else:
            usable.append(row)
    return usable, left_out


def _regions(butler: Butler, camera: Instrument, rows: Sequence[Row]) -> dict[int, dict[int, Corners]]:
    """Corners of each detector's region by exposure and detector, as unit vectors."""
    if not rows:
        return {}
    if camera.model.focal_plane.regions == "header":
        return _header_regions(butler, camera, rows)
    return _geometry_regions(camera, rows)


def detector_corners(camera: Instrument) -> dict[int, Corners]:
    """Corners of every detector with a place, in pixels from the boresight and padded; (4, 2) each, anticlockwise.

    Raises
    ------
    InstrumentError
        If no detector has one.
    """
    import numpy as np

    plane = camera.model.focal_plane
    found = {}
    for detector in camera.detectors:
        size = detector.size or plane.size
        if detector.x is None or detector.y is None or size is None:
            continue
        half = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (np.array(size) / 2 + plane.padding)
        turn = np.radians(detector.orientation)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        found[detector.id] = half @ rotation.T + (detector.x, detector.y)
    if not found:
        raise InstrumentError(f"no detector of {camera.name} has a place in the focal plane; give 'x' and 'y'")
    return found


def _geometry_regions(camera: Instrument, rows: Sequence[Row]) -> dict[int, dict[int, Corners]]:
    import numpy as np

    from bunter.ingest.projection import sky_axes, vectors

    plane = camera.model.focal_plane
    assert plane.pixel_scale is not None
    corners = detector_corners(camera)
    offsets = np.stack(list(corners.values())) * (plane.pixel_scale / 3600)  # (detectors, 4, 2)
    ra, dec = (np.array([row[name] for row in rows], float) for name in ("tracking_ra", "tracking_dec"))
    angle = np.array([row["sky_angle"] or 0.0 for row in rows]) + plane.angle
    on_sky = np.einsum("eij,dcj->edci", sky_axes(angle, plane.x_points), offsets)
    found = vectors(ra[:, None, None], dec[:, None, None], on_sky[..., 0], on_sky[..., 1])
    return {row["exposure"]: dict(zip(corners, each, strict=True)) for row, each in zip(rows, found, strict=True)}


def _header_regions(butler: Butler, camera: Instrument, rows: Sequence[Row]) -> dict[int, dict[int, Corners]]:
    """Corners by the WCS of each raw frame, wherever in the repository it is."""
    numbers = [row["exposure"] for row in rows]
    found = butler.query_datasets(
        camera.model.raw.dataset_type,
        None,
        where="exposure IN (these)",
        bind={"these": numbers},
        instrument=camera.name,
    )
    refs = list(found)
    places = butler.get_uris(refs)
    jobs = [(ref.data_id, uris[0]) for ref, uris in zip(refs, places, strict=True) if uris]
    with ThreadPoolExecutor(_WORKERS) as pool:
        corners = list(pool.map(lambda job: _wcs_corners(job[1], camera.model.focal_plane.padding), jobs))
    regions: dict[int, dict[int, Corners]] = {}
    for (data_id, _), each in zip(jobs, corners, strict=True):
        if each is not None:
            regions.setdefault(int(data_id["exposure"]), {})[int(data_id["detector"])] = each
    return regions


def _wcs_corners(uri: Any, padding: float) -> Corners | None:
    """Find unit vectors of a frame's corners, None where its header has no celestial WCS."""
    import warnings

    import numpy as np
    from astropy.io.fits import Header
    from astropy.wcs import WCS, FITSFixedWarning

    from bunter.ingest.fits_headers import read_hdus

    path, selector = uri.path, uri.stored.selector
    if path is None:
        return None
    hdus = read_hdus(str(path))
    images = [hdu for hdu in hdus if hdu.has_image]
    chosen = [hdu for hdu in hdus if selector and selector in (hdu.selector, str(hdu.number))] or images[:1]
    if not chosen:
        return None
    cards = chosen[0].cards
    width, height = (int(cards.get(f"ZNAXIS{axis}", cards[f"NAXIS{axis}"])) for axis in (1, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)  # old headers with dates and units in old spellings
        wcs = WCS(Header.fromstring(chosen[0].text)).celestial
    if wcs.naxis != 2:
        return None
    low, high_x, high_y = 0.5 - padding, width + 0.5 + padding, height + 0.5 + padding
    pixels = np.array([(low, low), (high_x, low), (high_x, high_y), (low, high_y)])
    sky = wcs.all_pix2world(pixels, 1)
    from bunter.ingest.projection import frame

    corners: Corners = frame(sky[:, 0], sky[:, 1])[0]
    return corners if np.isfinite(corners).all() else None


def _changes(
    butler: Butler,
    camera: Instrument,
    rows: Sequence[Row],
    regions: Mapping[int, Mapping[int, Corners]],
    *,
    replace: bool,
) -> list[InsertRecords]:
    import numpy as np

    name = camera.name
    visits, detectors = [], []
    for row in rows:
        number = row["exposure"]
        seen = regions[number]
        hull = Region.from_vectors(np.concatenate(list(seen.values())))
        visits.append(_visit_row(row, hull))
        detectors += [
            {"instrument": name, "visit": number, "detector": detector, "region": Region.from_vectors(corners)}
            for detector, corners in seen.items()
        ]
    numbers = [row["exposure"] for row in rows]
    tables: dict[str, list[dict[str, Any]]] = {
        "visit_system": [{"instrument": name, "id": ONE_TO_ONE, "name": "one-to-one"}],
        "visit": visits,
        "visit_definition": [{"instrument": name, "exposure": each, "visit": each} for each in numbers],
        "visit_system_membership": [
            {"instrument": name, "visit": each, "visit_system": ONE_TO_ONE} for each in numbers
        ],
        "visit_detector_region": detectors,
    }
    # What links visits to exposures has nothing in it to replace.
    conflict = {"visit": "replace", "visit_detector_region": "replace"} if replace else {}
    universe = butler.universe
    return [
        InsertRecords(Records.from_rows(universe[element], table), conflict.get(element, "skip"))  # type: ignore[arg-type]
        for element, table in tables.items()
    ]


def _visit_row(row: Row, region: Region) -> dict[str, Any]:
    return {
        "instrument": row["instrument"],
        "id": row["exposure"],
        "name": row["obs_id"],
        "physical_filter": row["physical_filter"],
        "day_obs": row["day_obs"],
        "timespan": None if row["timespan_begin"] is None else (row["timespan_begin"], row["timespan_end"]),
        "region": region,
        **{name: row[name] for name in _COPIED},
    }

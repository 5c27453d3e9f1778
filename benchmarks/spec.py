"""Deterministic workload data, shared by every implementation (no third-party imports).

Everything a workload inserts or expects is produced here, from integers only,
so two implementations that use this module do exactly the same work.
Regions are lists of unit-vector vertices of a convex spherical polygon
(counter-clockwise seen from outside), timespans are (begin, end) integers:
TAI nanoseconds since 1970-01-01T00:00:00 TAI, half-open.
"""

# A script of plain calls, the same on both sides: it measures, it is no example of style.
# ruff: noqa: C408, ICN001, PTH103, PTH118, PTH123, RUF046

from __future__ import annotations

import datetime
import json
import math
import os

INSTRUMENT = "BenchCam"
SKYMAP = "bench_rings"
BANDS = ("u", "g", "r", "i", "z", "y")
FILTERS = tuple(f"{b}_{k:02d}" for b in BANDS for k in (1, 2))  # 12 physical filters
PER_NIGHT = 100
DAY0 = datetime.date(2026, 1, 1)
T0_NS = 1_767_268_800 * 1_000_000_000  # 2026-01-01T12:00:00 on the TAI-as-unix scale
NIGHT_NS = 86_400 * 1_000_000_000
CADENCE_NS = 40 * 1_000_000_000
EXPTIME_NS = 30 * 1_000_000_000
LON0, LAT0 = 150.0, 0.0
TRACT_PITCH = 1.62
PATCH_N = 9
PATCH_PITCH = TRACT_PITCH / PATCH_N
PATCH_BORDER = 0.005
DET_PITCH = 0.235
DET_SIZE = 0.225


# ---------------------------------------------------------------- geometry
def _frame(lon: float, lat: float):
    lo, la = math.radians(lon), math.radians(lat)
    c = (math.cos(la) * math.cos(lo), math.cos(la) * math.sin(lo), math.sin(la))
    e = (-math.sin(lo), math.cos(lo), 0.0)
    n = (-math.sin(la) * math.cos(lo), -math.sin(la) * math.sin(lo), math.cos(la))
    return c, e, n


def _tan_point(frame, x: float, y: float):
    """Tangent-plane point (x east, y north, degrees) to a unit vector."""
    c, e, n = frame
    x, y = math.radians(x), math.radians(y)
    v = [c[i] + x * e[i] + y * n[i] for i in range(3)]
    r = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return (v[0] / r, v[1] / r, v[2] / r)


def _rot(pts, theta: float):
    s, c = math.sin(theta), math.cos(theta)
    return [(c * x - s * y, s * x + c * y) for x, y in pts]


def detector_offsets(n_det: int):
    """Centres (degrees) of the detectors in the focal plane."""
    if n_det == 189:
        g = 15
        cells = [(i, j) for j in range(g) for i in range(g) if not ((i < 3 or i >= 12) and (j < 3 or j >= 12))]
    else:
        g = int(round(math.sqrt(n_det)))
        assert g * g == n_det, "n_det must be 189 or a square"
        cells = [(i, j) for j in range(g) for i in range(g)]
    assert len(cells) == n_det
    h = (g - 1) / 2
    return [((i - h) * DET_PITCH, (j - h) * DET_PITCH) for i, j in cells], g


def pointing(k: int, tracts_side: int, n_det: int):
    """Centre lon, lat (degrees) and rotation (radians) of visit k: an R2 low-discrepancy sequence."""
    _, g = detector_offsets_cached(n_det)
    half = max(tracts_side * TRACT_PITCH / 2 - g * DET_PITCH / 2 * 1.05, 0.0)
    fx = (0.5 + k * 0.7548776662466927) % 1.0
    fy = (0.5 + k * 0.5698402909980532) % 1.0
    return LON0 + (2 * fx - 1) * half, LAT0 + (2 * fy - 1) * half, 2 * math.pi * ((k * 0.618033988749895) % 1.0)


_DET_CACHE: dict = {}


def detector_offsets_cached(n_det: int):
    if n_det not in _DET_CACHE:
        _DET_CACHE[n_det] = detector_offsets(n_det)
    return _DET_CACHE[n_det]


def visit_region(k: int, tracts_side: int, n_det: int):
    lon, lat, th = pointing(k, tracts_side, n_det)
    fr = _frame(lon, lat)
    _, g = detector_offsets_cached(n_det)
    h = g * DET_PITCH / 2
    if n_det == 189:
        c = h - 3 * DET_PITCH
        pts = [(-c, -h), (c, -h), (h, -c), (h, c), (c, h), (-c, h), (-h, c), (-h, -c)]
    else:
        pts = [(-h, -h), (h, -h), (h, h), (-h, h)]
    return [_tan_point(fr, x, y) for x, y in _rot(pts, th)]


def visit_detector_regions(k: int, tracts_side: int, n_det: int):
    lon, lat, th = pointing(k, tracts_side, n_det)
    fr = _frame(lon, lat)
    offs, _ = detector_offsets_cached(n_det)
    s = DET_SIZE / 2
    out = []
    for cx, cy in offs:
        pts = [(cx - s, cy - s), (cx + s, cy - s), (cx + s, cy + s), (cx - s, cy + s)]
        out.append([_tan_point(fr, x, y) for x, y in _rot(pts, th)])
    return out


# ------------------------------------------------------------ record builders
def day_obs(k: int) -> int:
    d = DAY0 + datetime.timedelta(days=k // PER_NIGHT)
    return d.year * 10000 + d.month * 100 + d.day


def seq_num(k: int) -> int:
    return k % PER_NIGHT + 1


def exposure_id(k: int) -> int:
    return day_obs(k) * 100_000 + seq_num(k)


def exposure_filter(k: int) -> str:
    return FILTERS[(k // 10) % 12]


def exposure_timespan(k: int):
    b = T0_NS + (k // PER_NIGHT) * NIGHT_NS + seq_num(k) * CADENCE_NS
    return (b, b + EXPTIME_NS)


def base_records(n_det: int):
    """element -> list of dicts for everything that does not scale with exposures."""
    return {
        "instrument": [
            dict(
                name=INSTRUMENT,
                visit_max=100_000_000_000_000,
                visit_system=0,
                exposure_max=100_000_000_000_000,
                detector_max=1000,
                class_name="lsst_bench_tasks.BenchCam",
            )
        ],
        "visit_system": [dict(instrument=INSTRUMENT, id=0, name="one-to-one")],
        "physical_filter": [dict(instrument=INSTRUMENT, name=f, band=f[0]) for f in FILTERS],
        "detector": [
            dict(
                instrument=INSTRUMENT,
                id=d,
                full_name=f"R{d // 9:02d}_S{d % 9:02d}",
                name_in_raft=f"S{d % 9:02d}",
                raft=f"R{d // 9:02d}",
                purpose="SCIENCE",
            )
            for d in range(n_det)
        ],
    }


def exposure_records(n_exp: int, tracts_side: int, n_det: int, *, start: int = 0, regions: bool = True):
    """Records of exposures start..start+n_exp: one group, exposure and visit each, plus their day_obs."""
    days: dict[int, dict] = {}
    groups, exposures, visits, vdefs, vsms = [], [], [], [], []
    for k in range(start, start + n_exp):
        day, seq, ts, filt, eid = day_obs(k), seq_num(k), exposure_timespan(k), exposure_filter(k), exposure_id(k)
        lon, lat, th = pointing(k, tracts_side, n_det)
        if day not in days:
            b = T0_NS + (k // PER_NIGHT) * NIGHT_NS
            days[day] = dict(instrument=INSTRUMENT, id=day, timespan=(b, b + NIGHT_NS))
        gname = f"{day}-{seq:05d}"
        groups.append(dict(instrument=INSTRUMENT, name=gname))
        exposures.append(
            dict(
                instrument=INSTRUMENT,
                id=eid,
                obs_id=f"BC_O_{day}_{seq:06d}",
                physical_filter=filt,
                group=gname,
                day_obs=day,
                exposure_time=30.0,
                dark_time=30.5,
                observation_type="science",
                observation_reason="survey",
                seq_num=seq,
                seq_start=seq,
                seq_end=seq,
                target_name=f"field_{k % 97:03d}",
                science_program="BENCH",
                tracking_ra=lon,
                tracking_dec=lat,
                sky_angle=math.degrees(th),
                azimuth=(k * 37 % 3600) / 10.0,
                zenith_angle=(k * 13 % 600) / 10.0,
                has_simulated=True,
                can_see_sky=True,
                timespan=ts,
            )
        )
        visits.append(
            dict(
                instrument=INSTRUMENT,
                id=eid,
                name=f"v{eid}",
                physical_filter=filt,
                day_obs=day,
                seq_num=seq,
                exposure_time=30.0,
                target_name=f"field_{k % 97:03d}",
                observation_reason="survey",
                science_program="BENCH",
                azimuth=(k * 37 % 3600) / 10.0,
                zenith_angle=(k * 13 % 600) / 10.0,
                region=visit_region(k, tracts_side, n_det) if regions else None,
                timespan=ts,
            )
        )
        vdefs.append(dict(instrument=INSTRUMENT, exposure=eid, visit=eid))
        vsms.append(dict(instrument=INSTRUMENT, visit=eid, visit_system=0))
    return {
        "day_obs": list(days.values()),
        "group": groups,
        "exposure": exposures,
        "visit": visits,
        "visit_definition": vdefs,
        "visit_system_membership": vsms,
    }


def visit_detector_region_records(n_exp: int, tracts_side: int, n_det: int, *, start: int = 0):
    out = []
    for k in range(start, start + n_exp):
        v = exposure_id(k)
        for d, poly in enumerate(visit_detector_regions(k, tracts_side, n_det)):
            out.append(dict(instrument=INSTRUMENT, visit=v, detector=d, region=poly))
    return out


def skymap_records(tracts_side: int):
    tracts, patches = [], []
    off = (tracts_side - 1) / 2
    for t in range(tracts_side * tracts_side):
        ti, tj = t % tracts_side, t // tracts_side
        fr = _frame(LON0 + (ti - off) * TRACT_PITCH, LAT0 + (tj - off) * TRACT_PITCH)
        h = TRACT_PITCH / 2 + PATCH_BORDER
        tracts.append(
            dict(
                skymap=SKYMAP,
                id=t,
                region=[_tan_point(fr, x, y) for x, y in ((-h, -h), (h, -h), (h, h), (-h, h))],
            )
        )
        for p in range(PATCH_N * PATCH_N):
            cx, cy = p % PATCH_N, p // PATCH_N
            x0 = -TRACT_PITCH / 2 + cx * PATCH_PITCH - PATCH_BORDER
            y0 = -TRACT_PITCH / 2 + cy * PATCH_PITCH - PATCH_BORDER
            x1, y1 = x0 + PATCH_PITCH + 2 * PATCH_BORDER, y0 + PATCH_PITCH + 2 * PATCH_BORDER
            patches.append(
                dict(
                    skymap=SKYMAP,
                    tract=t,
                    id=p,
                    cell_x=cx,
                    cell_y=cy,
                    region=[_tan_point(fr, x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))],
                )
            )
    return {
        "skymap": [
            dict(
                name=SKYMAP,
                hash=bytes(range(40)),
                tract_max=tracts_side * tracts_side,
                patch_nx_max=PATCH_N,
                patch_ny_max=PATCH_N,
            )
        ],
        "tract": tracts,
        "patch": patches,
    }


# --------------------------------------------------------------- payloads
def small_dict(i: int) -> dict:
    """The small dictionary stored as JSON by put/get, ingest, transfer and the no-op tasks."""
    return {
        "i": i,
        "name": f"dataset-{i}",
        "values": [i * 0.5, i * 0.25, i * 2],
        "nested": {"a": i % 7, "b": [i % 3, i % 5], "flag": i % 2 == 0},
    }


TABLE_ROWS = 1000


def table_columns(i: int) -> dict:
    """Columns of the 1000-row table stored as Parquet (5 columns: int64, 3 x float64, string)."""
    n = TABLE_ROWS
    return {
        "id": [i * n + r for r in range(n)],
        "ra": [150.0 + ((i + r) % 977) * 1e-3 for r in range(n)],
        "dec": [((i * 3 + r) % 863) * 1e-3 for r in range(n)],
        "flux": [float((i * 7 + r * 11) % 10007) for r in range(n)],
        "label": [f"s{(i + r) % 10}" for r in range(n)],
    }


def data_id(j: int, n_det: int = 189):
    """Data ID number j of the {instrument, exposure, detector} family: (exposure id, detector)."""
    return exposure_id(j // n_det), j % n_det


def make_files(directory: str, n: int, *, per_dir: int = 1000) -> list[str]:
    """Write n small JSON files (one per dataset) for ingest; returns their paths."""
    out = []
    for j in range(n):
        if j % per_dir == 0:
            d = os.path.join(directory, f"d{j // per_dir:05d}")
            os.makedirs(d, exist_ok=True)
        p = os.path.join(d, f"f{j:07d}.json")
        with open(p, "w") as f:
            json.dump(small_dict(j), f)
        out.append(p)
    return out


# ------------------------------------------------- registry layout of the query workload
# D registered "img" datasets {instrument, exposure, detector} in 5 RUN collections:
# run "img/r0" holds every (exposure, detector); run "img/r<k>" (k=1..4) holds the
# exposures whose index is k modulo 6.  So D = E*189*10/6 with E a multiple of 6,
# and a find-first search over the chain (r4, r3, r2, r1, r0) returns E*189 refs.
QUERY_EXPOSURES = {"10k": 30, "100k": 318, "1M": 3180}
QUERY_RUNS = ("img/r0", "img/r1", "img/r2", "img/r3", "img/r4")
QUERY_CHAIN = "img/chain"
CALIB_COLLECTION = "calib"
CALIB_RUN = "calib/run"


def query_run_exposures(run_index: int, n_exp: int):
    if run_index == 0:
        return range(n_exp)
    return [k for k in range(n_exp) if k % 6 == run_index]


def calib_epochs(n_exp: int, n_epochs: int = 10):
    """Half-open validity timespans that tile the survey."""
    nights = max((n_exp + PER_NIGHT - 1) // PER_NIGHT, 1)
    begin = T0_NS
    total = nights * NIGHT_NS
    edges = [begin + total * i // n_epochs for i in range(n_epochs + 1)]
    return [(edges[i], edges[i + 1]) for i in range(n_epochs)]


# ------------------------------------------------------- quantum-graph sizes
# name -> (exposures, detectors, tracts per side); 81 patches per tract
QG_SIZES = {
    "1k": (25, 9, 1),
    "10k": (200, 9, 2),
    "50k": (1000, 9, 5),
    "100k": (100, 189, 5),
    "400k": (500, 189, 8),
    "1M": (1250, 189, 12),
}

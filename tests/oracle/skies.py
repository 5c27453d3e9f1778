"""A made-up survey in the words of an export file: two cameras, two sky maps, nulls, tags, chains, validity ranges.

Both systems read the same text, so nothing but their answers can differ.
"""

import base64
import itertools
import random
import uuid

from bunter.geometry import Region, skypix

RUNS = ("r1", "r2", "r3", "raws")
EMPTY_RUN = "nothing"
BANDS = {"A-g": "g", "A-r1": "r", "A-r2": "r", "A-i": "i", "B-g": "g", "B-z": "z"}
FILTERS = {"CamA": ("A-g", "A-r1", "A-r2", "A-i"), "CamB": ("B-g", "B-z")}
DETECTORS = {"CamA": 6, "CamB": 3}
DAYS = (20240101, 20240102, 20240105)
TYPES = {
    "config": ((), False),
    "camera": (("instrument",), True),
    "bias": (("instrument", "detector"), True),
    "flat": (("instrument", "detector", "physical_filter"), True),
    "crosstalk": (("instrument",), False),
    "raw": (("instrument", "detector", "exposure"), False),
    "exposure_log": (("instrument", "exposure"), False),
    "nightly": (("instrument", "day_obs"), False),
    "calexp": (("instrument", "detector", "visit"), False),
    "src": (("instrument", "visit"), False),
    "warp": (("instrument", "skymap", "tract", "patch", "visit"), False),
    "coadd": (("skymap", "tract", "patch", "band"), False),
    "objects": (("skymap", "tract"), False),
    "mapping": (("skymap",), False),
    "refcat": (("htm7",), False),
    "atlas": (("healpix5", "band"), False),
}


def survey(seed=1):
    """Return the text of the export file of one made-up survey."""
    rng = random.Random(seed)
    writer = _Writer(rng)
    instruments(writer)
    observations(writer)
    sky_maps(writer)
    definitions(writer)
    datasets(writer)
    memberships(writer)
    return writer.text()


class _Writer:
    def __init__(self, rng):
        self.rng, self.sections, self.rows, self.refs = rng, [], {}, []

    def records(self, element, rows):
        self.rows.setdefault(element, []).extend(rows)

    def section(self, **fields):
        self.sections.append(fields)

    def text(self):
        order = [
            "instrument",
            "skymap",
            "day_obs",
            "detector",
            "group",
            "physical_filter",
            "subfilter",
            "tract",
            "visit_system",
            "exposure",
            "patch",
            "visit",
            "visit_definition",
            "visit_detector_region",
            "visit_system_membership",
        ]
        records = [{"type": "dimension", "element": name, "records": self.rows[name]} for name in order]
        head = ["description: Butler Data Repository Export", "version: 1.0.2", "universe_version: 8"]
        lines = [*head, "universe_namespace: daf_butler", "data:"]
        return "\n".join([*lines, *(f"- {_flow(each)}" for each in [*records, *self.sections])]) + "\n"


class Tagged(str):
    """Text of a YAML value that is written as it is."""

    __slots__ = ()


def _flow(value):
    if isinstance(value, Tagged):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, uuid.UUID):
        return f"!uuid '{value}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def time(day, seconds):
    """Instant of a night as the export file has it; ``day`` is YYYYMMDD."""
    text = f"{str(day)[:4]}-{str(day)[4:6]}-{str(day)[6:]}"
    hours, rest = divmod(seconds, 3600)
    return Tagged(f"!butler_time/tai/iso '{text} {hours:02d}:{rest // 60:02d}:{rest % 60:02d}.000000000'")


def region(points):
    encoded = Region.polygon(points).encode()
    return Tagged(f"!<lsst.sphgeom.ConvexPolygon> {{encoded: {encoded.hex()}}}")


def square(ra, dec, size):
    half = size / 2
    return region([(ra - half, dec - half), (ra + half, dec - half), (ra + half, dec + half), (ra - half, dec + half)])


def instruments(writer):
    for name, count in DETECTORS.items():
        writer.records(
            "instrument",
            [
                {
                    "name": name,
                    "visit_max": 10000,
                    "visit_system": 0,
                    "exposure_max": 10000,
                    "detector_max": 100,
                    "class_name": "x.Y",
                }
            ],
        )
        writer.records(
            "detector",
            [
                {
                    "instrument": name,
                    "id": number,
                    "full_name": f"{name[-1]}{number}_S{number % 3}",
                    "name_in_raft": f"S{number % 3}",
                    "raft": None if number == 4 else f"R{number // 3}",
                    "purpose": "SCIENCE" if number % 5 else "GUIDER",
                }
                for number in range(count)
            ],
        )
        writer.records(
            "physical_filter", [{"instrument": name, "name": each, "band": BANDS[each]} for each in FILTERS[name]]
        )
        systems = ((0, "one-to-one"), (1, "by-group"))
        writer.records("visit_system", [{"instrument": name, "id": number, "name": text} for number, text in systems])
        for place, day in enumerate(DAYS):
            span = (
                {} if place == 2 else {"datetime_begin": time(day, 12 * 3600), "datetime_end": time(day + 1, 12 * 3600)}
            )
            writer.records("day_obs", [{"instrument": name, "id": day, **span}])
    writer.records("subfilter", [{"band": band, "id": number} for band in "gr" for number in (0, 1)])


def observations(writer):
    rng = writer.rng
    for name in DETECTORS:
        visits = []
        for number in range(1, 15 if name == "CamA" else 7):
            exposure = _exposure(writer, name, number, rng)
            writer.records("group", [{"instrument": name, "name": exposure["group"]}])
            writer.records("exposure", [exposure])
            if exposure["observation_type"] == "science" and number != 3:
                visits.append((number, [exposure]))
        # One visit of two exposures, as snaps make them.
        visits.append((100 + visits[0][0], [visits[0][1][0], visits[1][1][0]]))
        for number, exposures in visits:
            _visit(writer, name, number, exposures, rng)


def _exposure(writer, instrument, number, rng):
    day = DAYS[number % 3]
    begin = 13 * 3600 + number * 600
    kind = ("science", "science", "science", "bias", "flat")[number % 5]
    span = {"datetime_begin": time(day, begin), "datetime_end": time(day, begin + rng.choice((0, 30, 300, 700)))}
    return {
        "instrument": instrument,
        "id": number,
        "obs_id": f"{instrument}_{number:03d}",
        "physical_filter": rng.choice(FILTERS[instrument]),
        "group": f"g{number:03d}",
        "day_obs": day,
        "exposure_time": rng.choice((None, 15.0, 30.0, 30.5)),
        "dark_time": rng.choice((None, 31.25)),
        "observation_type": kind,
        "observation_reason": rng.choice((None, "survey", "x_y", "a%b")),
        "seq_num": rng.choice((None, number, number + 1)),
        "seq_start": number,
        "seq_end": number,
        "target_name": rng.choice((None, "M 31", "NGC_1", "ngc_1", "[M]*")),
        "science_program": rng.choice((None, "P1", "p1", "P22")),
        "tracking_ra": rng.choice((None, 150.25, 149.5)),
        "tracking_dec": rng.choice((None, 2.0, -2.0)),
        "sky_angle": rng.choice((None, -90.0, 0.0)),
        "azimuth": None,
        "zenith_angle": rng.choice((None, 20.0, 45.5)),
        "has_simulated": rng.choice((None, True, False)),
        "can_see_sky": rng.choice((None, True, False)),
        **({} if number == 5 else span),
    }


def _visit(writer, instrument, number, exposures, rng):
    first, last = exposures[0], exposures[-1]
    ra, dec = 150 + rng.uniform(-1, 1), 2 + rng.uniform(-1, 1)
    times = {}
    if "datetime_begin" in first and "datetime_end" in last:
        times = {"datetime_begin": min(each["datetime_begin"] for each in exposures if "datetime_begin" in each)}
        times["datetime_end"] = max(each["datetime_end"] for each in exposures if "datetime_end" in each)
    writer.records(
        "visit",
        [
            {
                "instrument": instrument,
                "id": number,
                "name": f"v{number}",
                "physical_filter": first["physical_filter"],
                "day_obs": first["day_obs"],
                "seq_num": first["seq_num"],
                "exposure_time": first["exposure_time"],
                "target_name": first["target_name"],
                "observation_reason": first["observation_reason"],
                "science_program": first["science_program"],
                "azimuth": None,
                "zenith_angle": first["zenith_angle"],
                "region": None if number == 7 else square(ra, dec, 0.6),
                **times,
            }
        ],
    )
    writer.records(
        "visit_definition", [{"instrument": instrument, "exposure": each["id"], "visit": number} for each in exposures]
    )
    # All are of the default system: Bunter relates exposures to no others unless asked.
    systems = (0, 1) if number % 2 else (0,)
    writer.records(
        "visit_system_membership",
        [{"instrument": instrument, "visit_system": system, "visit": number} for system in systems],
    )
    columns, rows = (3, 2) if instrument == "CamA" else (3, 1)
    for detector, (y, x) in enumerate(itertools.product(range(rows), range(columns))):
        if (detector + number) % 7 == 0:
            continue
        centre = ra + (x - (columns - 1) / 2) * 0.2, dec + (y - (rows - 1) / 2) * 0.3
        writer.records(
            "visit_detector_region",
            [{"instrument": instrument, "visit": number, "detector": detector, "region": square(*centre, 0.18)}],
        )


def sky_maps(writer):
    for place, name in enumerate(("map1", "map2")):
        digest = base64.b64encode(name.encode() * 8).decode()
        writer.records(
            "skymap",
            [
                {
                    "name": name,
                    "hash": Tagged(f"!!binary {digest}"),
                    "tract_max": 10,
                    "patch_nx_max": 2,
                    "patch_ny_max": 2,
                }
            ],
        )
        for tract in range(3):
            ra, dec = 149.5 + tract * 0.8 + place * 0.3, 2.1 + 0.2 * place
            writer.records("tract", [{"skymap": name, "id": tract, "region": square(ra, dec, 1.0)}])
            for patch, (y, x) in enumerate(itertools.product(range(2), range(2))):
                where = square(ra + (x - 0.5) * 0.5, dec + (y - 0.5) * 0.5, 0.5)
                row = {"skymap": name, "tract": tract, "id": patch, "cell_x": x, "cell_y": y, "region": where}
                writer.records("patch", [row])


def definitions(writer):
    for name, (dimensions, calibration) in TYPES.items():
        writer.section(
            type="dataset_type",
            name=name,
            dimensions=list(dimensions),
            storage_class="StructuredDataDict",
            is_calibration=calibration,
        )
    for run in (*RUNS, EMPTY_RUN):
        writer.section(
            type="collection", collection_type="RUN", name=run, host=None, timespan_begin=None, timespan_end=None
        )
    for name, kind in (("tag1", "TAGGED"), ("tag2", "TAGGED"), ("calib1", "CALIBRATION"), ("calib2", "CALIBRATION")):
        writer.section(type="collection", collection_type=kind, name=name)
    chains = {
        "chain/a": ["tag1", "r1", "r2"],
        "chain/b": ["r3", "chain/a", "raws"],
        "chain/calib": ["calib2", "calib1"],
        "chain/all": ["calib1", "chain/b", "tag2", "calib2"],
        "chain/empty": [],
    }
    for name, children in chains.items():
        writer.section(type="collection", collection_type="CHAINED", name=name, children=children)


def data_ids(writer, name):
    """All data IDs a dataset type might have."""
    rows = writer.rows
    instruments_, skymaps = [row["name"] for row in rows["instrument"]], [row["name"] for row in rows["skymap"]]
    of = {
        "config": lambda: [{}],
        "camera": lambda: [{"instrument": each} for each in instruments_],
        "crosstalk": lambda: [{"instrument": each} for each in instruments_],
        "bias": lambda: [{"instrument": row["instrument"], "detector": row["id"]} for row in rows["detector"]],
        "flat": lambda: [
            {"instrument": row["instrument"], "detector": row["id"], "physical_filter": each}
            for row in rows["detector"]
            for each in FILTERS[row["instrument"]]
        ],
        "raw": lambda: [
            {"instrument": row["instrument"], "detector": number, "exposure": row["id"]}
            for row in rows["exposure"]
            for number in range(DETECTORS[row["instrument"]])
        ],
        "exposure_log": lambda: [{"instrument": row["instrument"], "exposure": row["id"]} for row in rows["exposure"]],
        "nightly": lambda: [{"instrument": row["instrument"], "day_obs": row["id"]} for row in rows["day_obs"]],
        "calexp": lambda: [
            {"instrument": row["instrument"], "detector": number, "visit": row["id"]}
            for row in rows["visit"]
            for number in range(DETECTORS[row["instrument"]])
        ],
        "src": lambda: [{"instrument": row["instrument"], "visit": row["id"]} for row in rows["visit"]],
        "warp": lambda: [
            {"instrument": row["instrument"], "visit": row["id"], **_patch(each)}
            for row in rows["visit"]
            for each in rows["patch"]
        ],
        "coadd": lambda: [{**_patch(each), "band": band} for each in rows["patch"] for band in "gri"],
        "objects": lambda: [{"skymap": row["skymap"], "tract": row["id"]} for row in rows["tract"]],
        "mapping": lambda: [{"skymap": each} for each in skymaps],
        "refcat": lambda: [{"htm7": pixel} for pixel in _pixels("htm7")],
        "atlas": lambda: [{"healpix5": pixel, "band": band} for pixel in _pixels("healpix5") for band in "gz"],
    }
    return of[name]()


def _patch(row):
    return {"skymap": row["skymap"], "tract": row["tract"], "patch": row["id"]}


def _pixels(system):
    return skypix(system).pixels_of(Region.box(150.0, 2.0, 3.0, 2.0))


FRACTION = {"raw": 0.5, "flat": 0.5, "calexp": 0.4, "warp": 0.1, "coadd": 0.4, "refcat": 0.15, "atlas": 0.5}


def datasets(writer):
    rng = writer.rng
    for name in TYPES:
        runs = ("raws",) if name in {"raw", "exposure_log"} else RUNS[:3]
        for run, fraction in zip(runs, (1.0, 0.7, 0.5), strict=False):
            chosen = [each for each in data_ids(writer, name) if rng.random() < fraction * FRACTION.get(name, 0.8)]
            refs = [(uuid.UUID(int=rng.getrandbits(128), version=4), name, each) for each in chosen]
            writer.refs += refs
            records = [{"dataset_id": [one], "data_id": [values], "path": "nowhere"} for one, _, values in refs]
            if records:
                writer.section(type="dataset", dataset_type=name, run=run, records=records)


def memberships(writer):
    rng = writer.rng
    for tag in ("tag1", "tag2"):
        chosen = {}
        for one, name, values in rng.sample(writer.refs, len(writer.refs) // 3):
            chosen.setdefault((name, tuple(values.items())), one)
        writer.section(type="associations", collection=tag, collection_type="TAGGED", dataset_ids=list(chosen.values()))
    for name in ("calib1", "calib2"):
        _certifications(writer, name, rng)


def _certifications(writer, collection, rng):
    """Certify: for each data ID a few ranges that do not overlap, open ends among them, and gaps."""
    spans = {}
    by_key = {}
    for one, name, values in writer.refs:
        if TYPES[name][1]:
            by_key.setdefault((name, tuple(values.items())), []).append(one)
    edges = [
        None,
        (20240101, 13 * 3600),
        (20240101, 20 * 3600),
        (20240102, 14 * 3600),
        (20240105, 0),
        (20240105, 86399),
        None,
    ]
    for ids in by_key.values():
        cuts = sorted(rng.sample(range(len(edges)), rng.choice((2, 2, 3, 4))))
        for begin, end in itertools.pairwise(cuts):
            if rng.random() < 0.75:
                spans.setdefault((begin, end), []).append(rng.choice(ids))
    ranges = [
        {
            "timespan": Tagged(
                f"!lsst.daf.butler.Timespan {_flow({'begin': _edge(edges[begin]), 'end': _edge(edges[end])})}"
            ),
            "dataset_ids": ids,
        }
        for (begin, end), ids in spans.items()
    ]
    writer.section(type="associations", collection=collection, collection_type="CALIBRATION", validity_ranges=ranges)


def _edge(edge):
    return None if edge is None else time(*edge)

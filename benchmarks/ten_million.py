"""Whether selective queries take the same time in a repository of 100,000 datasets and in one of 10,000,000.

    python ten_million.py FOLDER [--sizes 100k,1M,10M] [--db postgresql://...] [--remove]

Each size is built once in the folder (130 bytes per dataset: 1.4 GB for ten million) and kept for later runs; ``--remove``
deletes everything at the end. On PostgreSQL the folder holds the root, and the rows are in a schema of the size's name.
Every query is asked a few times for different data IDs; the table has the median of the wall time, which holds the server's work.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: C901, PTH100, PTH120

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bunter_bench as bench
import spec

DETECTORS = 189
EXPOSURES = {"100k": 530, "1M": 5_292, "10M": 52_911}
FEW = 10  # exposures of the run that has the same size everywhere
AGAIN = 30
AT_ONCE = 1000  # exposures


def build(root, size, database):
    """Make a repository with one large run, one small run, a chain of both and flats for every epoch."""
    from bunter import Butler
    from bunter.dataset.changes import AddDatasets
    from bunter.values import Timespan

    count = EXPOSURES[size]
    with Butler.create(root, database=database) as butler:
        bench.insert_elements(butler, spec.base_records(DETECTORS))
        for start in range(0, count, AT_ONCE):
            some = min(AT_ONCE, count - start)
            bench.insert_elements(butler, spec.exposure_records(some, 1, DETECTORS, start=start, regions=False))
        kind = bench.ied_type(butler, "img")
        for run in ("large", "small"):
            butler.collections.register(run)
        butler.collections.register("both", "CHAINED")
        butler.collections.redefine_chain("both", ["small", "large"])
        begin, cpu = time.perf_counter(), time.process_time()
        for run, last in (("large", count), ("small", FEW)):
            for start in range(0, last, AT_ONCE):
                some = range(start, min(start + AT_ONCE, last))
                ids = [(number, d) for number in map(spec.exposure_id, some) for d in range(DETECTORS)]
                butler.apply(AddDatasets(bench.ied_columns(kind, run, ids)))
        took, spent = time.perf_counter() - begin, time.process_time() - cpu
        flat = bench.ied_type(butler, "flat", dims=("instrument", "detector", "physical_filter"), is_calibration=True)
        butler.collections.register("calib", "CALIBRATION")
        pairs = [(d, f) for d in range(DETECTORS) for f in spec.FILTERS]
        values = {"instrument": [spec.INSTRUMENT] * len(pairs)}
        values |= {"detector": [d for d, _ in pairs], "physical_filter": [f for _, f in pairs]}
        for number, epoch in enumerate(spec.calib_epochs(count)):
            butler.collections.register(f"flats/{number}")
            columns = bench.columns(flat, f"flats/{number}", values)
            butler.apply(AddDatasets(columns))
            butler.collections.certify("calib", list(columns.refs()), Timespan(*epoch))
    print(f"{size}: {count * DETECTORS:,} datasets registered in {took:.1f} s, CPU {spent:.1f} s", flush=True)


def questions(butler):
    """Name of each question, and what asks it for one exposure and detector and returns how many rows there were."""
    from bunter.values import Timespan

    def key(k, d):
        return {"instrument": spec.INSTRUMENT, "exposure": spec.exposure_id(k), "detector": d}

    def find(k, d):
        return butler.find_dataset("img", key(k, d), collections="both") is not None

    def find_flat(k, d):
        name = spec.exposure_filter(k)
        span = Timespan(*spec.exposure_timespan(k))
        flat = {"instrument": spec.INSTRUMENT, "detector": d, "physical_filter": name}
        return butler.find_dataset("flat", flat, collections="calib", timespan=span) is not None

    def query_one(k, d):
        return len(list(butler.query_datasets("img", "both", **key(k, d))))

    def query_range(k, d):
        where = f"exposure >= {spec.exposure_id(k)} AND detector = {d}"
        return len(list(butler.query_datasets("img", "large", where=where, instrument=spec.INSTRUMENT, limit=100)))

    def query_night(k, d):
        where = f"day_obs = {spec.day_obs(k)} AND detector = {d} AND band = '{spec.exposure_filter(k)[0]}'"
        return len(list(butler.query_datasets("img", "large", where=where, instrument=spec.INSTRUMENT)))

    def query_time(k, d):
        begin, _ = spec.exposure_timespan(k)
        span = Timespan(begin, begin + 2 * spec.CADENCE_NS)
        where = f"exposure.timespan OVERLAPS span AND detector = {d}"
        found = butler.query_datasets("img", "large", where=where, bind={"span": span}, instrument=spec.INSTRUMENT)
        return len(list(found))

    def page(k, _d):
        found = butler.query_datasets(
            "img", "large", where=f"exposure >= {spec.exposure_id(k)}", instrument=spec.INSTRUMENT
        )
        ordered = found.order_by("exposure", "detector")
        return len(ordered.page(50, after=ordered.page(50).token))

    def count_small(_k, _d):
        return butler.query_datasets("img", "small").count()

    def count_night(k, _d):
        where = f"day_obs = {spec.day_obs(k)}"
        return butler.query_datasets("img", "large", where=where, instrument=spec.INSTRUMENT).count()

    def lookup_of_night(k, d):
        where = f"day_obs = {spec.day_obs(k)} AND detector = {d}"
        found = butler.query_joined(
            "img", "flat", collections=["large", "calib"], where=where, instrument=spec.INSTRUMENT
        )
        return len(list(found))

    def records(k, _d):
        return len(
            list(
                butler.query_dimension_records(
                    "exposure", where=f"day_obs = {spec.day_obs(k)}", instrument=spec.INSTRUMENT
                )
            )
        )

    def by_id(k, d):
        return butler.get_dataset(butler.find_dataset("img", key(k, d), collections="large").id) is not None

    return {
        "find by data ID": find,
        "find a calibration by time": find_flat,
        "get by id": by_id,
        "query for one data ID": query_one,
        "exposures from a number on, 100 rows": query_range,
        "one night, band and detector": query_night,
        "80 s, one detector": query_time,
        "second page of 50": page,
        "records of a night": records,
        "calibrations of a night, one detector": lookup_of_night,
        "count a small run": count_small,
        "count a night": count_night,
    }


def measure(root, size):
    """Median wall time in seconds of each question."""
    from bunter import Butler

    count, found = EXPOSURES[size], {}
    draw = random.Random(7)
    with Butler(root, writeable=False) as butler:
        for name, ask in questions(butler).items():
            places = [(draw.randrange(count // 100 * 100 - 100), draw.randrange(DETECTORS)) for _ in range(AGAIN)]
            ask(*places[0])
            took = []
            for place in places:
                begin = time.perf_counter()
                rows = ask(*place)
                took.append(time.perf_counter() - begin)
                assert rows, f"{name} found nothing"
            found[name] = statistics.median(took)
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=Path)
    p.add_argument("--sizes", default=",".join(EXPOSURES))
    p.add_argument("--db", default="", help="address of PostgreSQL, without a schema; SQLite if it is left out")
    p.add_argument("--remove", action="store_true", help="delete what was built")
    a = p.parse_args()
    sizes = a.sizes.split(",")
    needed = sum(EXPOSURES[size] * DETECTORS * 200 for size in sizes)
    a.folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(a.folder).free) < 2 * needed:
        sys.exit(f"{a.folder} has {free / 1e9:.0f} GB left; {2 * needed / 1e9:.0f} GB are wanted")
    bench.import_all()
    found, made = {}, []
    for size in sizes:
        kind = "postgresql" if a.db else "sqlite"
        root = a.folder / f"{kind}-{size}"
        database = f"{a.db}{'&' if '?' in a.db else '?'}schema=millions_{size.lower()}" if a.db else None
        made.append((root, database))
        if not root.exists():
            build(root, size, database)
        found[size] = measure(root, size)
    print(f"| question | {' | '.join(sizes)} | last / first |\n|---|{'---:|' * (len(sizes) + 1)}")
    for name in found[sizes[0]]:
        times = [found[size][name] for size in sizes]
        print(f"| {name} | {' | '.join(f'{t * 1e3:.2f} ms' for t in times)} | {times[-1] / times[0]:.1f} |")
    if a.remove:
        from bunter.database import Database

        for root, database in made:
            shutil.rmtree(root)
            if database:
                Database.discard(database)


if __name__ == "__main__":
    main()

"""Scalars in a sink alone, beside files: putting 10,000, having them as a table, and finding some among a million.

    python benchmarks/metrics_bench.py [--datasets 10000] [--rows 1000000] [--folder DIR]

Prints one line of JSON for each: CPU seconds of the plain way and ours, and the ratio. Files are on tmpfs unless a folder is given.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from bunter import Butler

ALONE = {"sinks": {"metrics": {"kind": "metrics", "alone": True, "constraints": {"accept": ["seeing"]}}}}
FED = {"sinks": {"metrics": {"kind": "metrics", "constraints": {"accept": ["seeing"]}}}}


def new_butler(root, datasets, datastore):
    butler = Butler.create(root, datastore=datastore)
    butler.dimension_records.insert("instrument", {"name": "Cam"})
    detectors = [{"instrument": "Cam", "id": n, "full_name": f"D{n}"} for n in range(datasets)]
    butler.dimension_records.insert("detector", detectors)
    butler.collections.register("run")
    butler.dataset_types.register("seeing", ["instrument", "detector"], "StructuredDataDict")
    return butler


def taken(act):
    begin, wall = time.process_time(), time.perf_counter()
    found = act()
    return found, time.process_time() - begin, time.perf_counter() - wall


def tell(workload, plain, ours):
    print(
        json.dumps(
            {
                "workload": workload,
                "plain_s": round(plain[1], 4),
                "bunter_s": round(ours[1], 4),
                "plain_wall_s": round(plain[2], 4),
                "bunter_wall_s": round(ours[2], 4),
                "ratio": round(plain[1] / ours[1], 2),
            }
        )
    )


def filled(butler, datasets):
    ids = [{"instrument": "Cam", "detector": n} for n in range(datasets)]
    values = [{"fwhm": 0.5 + n / datasets, "sources": n} for n in range(datasets)]
    return taken(lambda: butler.put_many(values, "seeing", ids, run="run"))


def few_of_many(butler, rows):
    """Put a million rows beside those that are there, and ask for the few of one name above a bound."""
    database = butler.repository._database
    with database.write() as tx:
        [(some,)] = tx.fetchall("SELECT min(dataset_id) FROM metric")
        many = ((some, f"filler{n}", float(n), None) for n in range(rows))
        tx.bulk_insert("metric", ["dataset_id", "name", "value", "text"], many)
    sql = "SELECT count(*) FROM v1_metric WHERE {} = 'fwhm' AND value > 1.49"
    return taken(lambda: butler.sql(sql.format("name || ''")).rows), taken(lambda: butler.sql(sql.format("name")).rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--datasets", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    place = args.folder or ("/dev/shm" if Path("/dev/shm").is_dir() else None)
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder, n = Path(name), args.datasets
        with (
            new_butler(folder / "files", n, {}) as files,
            new_butler(folder / "fed", n, FED) as fed,
            new_butler(folder / "alone", n, ALONE) as alone,
        ):
            plain, beside, ours = filled(files, n), filled(fed, n), filled(alone, n)
            tell(f"put {n} scalars alone, beside as files", plain, ours)
            tell(f"put {n} scalars alone, beside as files that feed a sink", beside, ours)
            each = taken(lambda: [files.get(ref) for ref in plain[0]])
            tell(f"{n} scalars as a table, beside got each", each, taken(lambda: alone.metrics("seeing").to_arrow()))
            tell(f"{n} gets from a sink alone, beside files", each, taken(lambda: [alone.get(ref) for ref in ours[0]]))
            tell(
                f"the {n // 100} of one name among {args.rows} rows, beside without the index",
                *few_of_many(alone, args.rows),
            )


if __name__ == "__main__":
    main()

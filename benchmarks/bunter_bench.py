"""Workloads of workloads.md on Bunter.

Run with the Python that has Bunter:

    python bunter_bench.py WORKLOAD --scratch DIR [--size S] [--db sqlite|postgresql://...] [--out F]

An address of PostgreSQL names no schema: each repository gets one of its own, which is removed at the end.

Everything runs with the default settings: durability ``full``, so each put is on stable storage when it returns.
"""

# A script of plain calls, the same on both sides: it measures, it is no example of style.
# ruff: noqa: ARG001, C901, I001, N803, N806, PLR0915, PLR0917, PTH100, PTH118, PTH120, PTH123, PTH202, PTH207

from __future__ import annotations

import atexit
import cProfile
import contextlib
import glob
import itertools
import json
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import common  # noqa: E402
import runs_workload  # noqa: E402
import spec  # noqa: E402

BUNTER = os.path.join(os.path.dirname(sys.executable), "bunter")
IED = ("instrument", "exposure", "detector")
KIND = "StructuredDataDict"


# ----------------------------------------------------------------- helpers
def make_repo(root):
    import_all()
    return create(root)


def create(root):
    from bunter import Butler

    return Butler.create(root, database=new_database())


def new_database():
    """Address of a schema that does not exist yet; None for SQLite."""
    url = next((value for option, value in zip(sys.argv, sys.argv[1:], strict=False) if option == "--db"), "sqlite")
    if url == "sqlite":
        return None
    from bunter.database import Database

    address = f"{url}{'&' if '?' in url else '?'}schema=bench_{os.getpid()}_{random.randrange(10**9)}"
    atexit.register(Database.discard, address)
    return address


def import_all():
    """Import what comes when first needed: imports are `create`'s to measure, and the other side has them with its butler."""
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.parquet
    import xxhash  # noqa: F401

    import bunter.datastore.formats.text
    import bunter.graph.build
    import bunter.pipeline.resolving  # noqa: F401
    from bunter import Butler

    pa.array([1])  # imports pandas where it is installed
    if not os.environ.get("BENCH_WARM"):
        os.environ["BENCH_WARM"] = "1"
        with Butler.create("memory://imports") as butler:
            list(butler.query_dimension_records("instrument"))


def convert(records):
    """Spec dicts to what dimension_records.insert accepts."""
    from bunter.geometry import Region
    from bunter.values import Timespan

    out = []
    for record in records:
        r = dict(record)
        if (p := r.get("region")) is not None:
            r["region"] = Region.from_vectors(p)
        if (t := r.get("timespan")) is not None:
            r["timespan"] = Timespan(*t)
        out.append(r)
    return out


def insert_elements(butler, elements):
    for name, records in elements.items():
        if records:
            butler.dimension_records.insert(name, convert(records))


def load_dims(butler, n_exp, n_det, side, *, vdr=0, skymap=True, regions=True):
    insert_elements(butler, spec.base_records(n_det))
    insert_elements(butler, spec.exposure_records(n_exp, side, n_det, regions=regions))
    if skymap:
        insert_elements(butler, spec.skymap_records(side))
    step = 100
    for s in range(0, vdr, step):
        records = spec.visit_detector_region_records(min(step, vdr - s), side, n_det, start=s)
        insert_elements(butler, {"visit_detector_region": records})


def ied_type(butler, name, storage_class=KIND, dims=IED, **more):
    butler.dataset_types.register(name, dims, storage_class, **more)
    return butler.dataset_types.get(name)


def columns(kind, run, values):
    """Datasets as columns, with new ids."""
    from bunter.dataset import DatasetColumns
    from bunter.values import new_ids

    count = len(next(iter(values.values())))
    return DatasetColumns(kind, run, new_ids(count), {name: values[name] for name in kind.dimensions.required})


def ied_columns(kind, run, ids):
    exposures, detectors = zip(*ids, strict=True)
    names = [spec.INSTRUMENT] * len(exposures)
    return columns(kind, run, {"instrument": names, "exposure": exposures, "detector": detectors})


@contextlib.contextmanager
def profiled(path):
    if not path:
        yield
        return
    profile = cProfile.Profile(time.process_time)  # CPU seconds: other jobs and disk waits stay out
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(path)


def run_cli(argv, scratch):
    env = dict(os.environ)
    env["PYTHONPATH"] = HERE + os.pathsep + env.get("PYTHONPATH", "")
    r = common.run(argv, cwd=scratch, env=env)
    if r.returncode != 0:
        sys.stderr.write(r.stdout[-3000:] + r.stderr[-6000:])
        raise RuntimeError(f"{argv[0]} {argv[1]} exited {r.returncode}")
    return r


# ---------------------------------------------------------------- 1 create
def w_create(rec, a):
    root = os.path.join(a.scratch, "repo")
    for name, code in (
        ("python_startup", "pass"),
        ("import_butler", "from bunter import Butler"),
        ("import_pipe_base", "from bunter.pipeline import Pipeline, PipelineTask"),
    ):
        with rec.phase(name):
            common.run([sys.executable, "-c", code], check=True)
    from bunter import Butler

    with rec.phase("make_repo") as r:
        create(root).close()
    r["extra"]["bytes"] = common.du(root)
    with rec.phase("open_repo"):
        b = Butler(root, writeable=True)
    with rec.phase("reopen_repo"):
        Butler(root, writeable=True)
    b.collections.register("c0")
    with rec.phase("cli_create"):
        database = new_database()
        run_cli([BUNTER, "create", "repo2", *(["--database", database] if database else [])], a.scratch)
    with rec.phase("cli_help"):
        run_cli([BUNTER, "--help"], a.scratch)
    with rec.phase("cli_query_collections") as r:
        out = run_cli([BUNTER, "query-collections", root], a.scratch).stdout
    rec.check(r, listed=("c0" in out, True))
    with rec.phase("cli_pipetask_help"):
        run_cli([BUNTER, "run", "--help"], a.scratch)


# ------------------------------------------------------------------ 2 dims
def w_dims(rec, a):
    from bunter import Butler

    n_exp = {"100": 100, "1k": 1000, "10k": 10000}[a.size]
    side, n_det = 10, 189
    with_vdr = n_exp <= 1000
    root = os.path.join(a.scratch, "repo")
    b = make_repo(root)
    base, exps, sky = spec.base_records(n_det), spec.exposure_records(n_exp, side, n_det), spec.skymap_records(side)
    with rec.phase("base", n=sum(map(len, base.values()))):
        insert_elements(b, base)
    for name in ("day_obs", "group", "exposure"):
        with rec.phase(name, n=len(exps[name])):
            insert_elements(b, {name: exps[name]})
    with rec.phase("visit+definition", n=n_exp):
        insert_elements(b, {k: exps[k] for k in ("visit", "visit_definition", "visit_system_membership")})
    with rec.phase("skymap+tract+patch", n=len(sky["patch"])):
        insert_elements(b, sky)
    if with_vdr:
        records = spec.visit_detector_region_records(n_exp, side, n_det)
        with rec.phase("vdr_convert", n=len(records)):
            converted = convert(records)
        with rec.phase("vdr_insert", n=len(records)), profiled(a.profile):
            for s in range(0, len(converted), 18900):
                b.dimension_records.insert("visit_detector_region", converted[s : s + 18900])
    b.close()
    b = Butler(root, writeable=False)
    with rec.phase("read_back_exposures", n=n_exp) as r:
        got = list(b.query_dimension_records("exposure", instrument=spec.INSTRUMENT, order_by="exposure"))
    last = exps["exposure"][-1]
    rec.check(r, n=(len(got), n_exp), last=(got[-1].id, last["id"]), tgt=(got[-1].target_name, last["target_name"]))
    with rec.phase("read_back_visits", n=n_exp) as r:
        got = list(b.query_dimension_records("visit", instrument=spec.INSTRUMENT))
    rec.check(r, n=(len(got), n_exp))
    if with_vdr:
        with rec.phase("read_back_vdr", n=n_exp * n_det) as r:
            got = list(b.query_dimension_records("visit_detector_region", instrument=spec.INSTRUMENT))
        rec.check(r, n=(len(got), n_exp * n_det))
    rec.records[-1]["extra"]["db_bytes"] = common.du(root)
    b.close()
    handle_records(rec, root, exps["exposure"])


def handle_records(rec, root, exposures):
    """Records handled as tables, and numbers for data IDs: what the reference system has no counterpart for."""
    from bunter import Butler

    n = len(exposures)
    with Butler(root, writeable=True) as b:
        table = b.query_dimension_records("exposure", instrument=spec.INSTRUMENT).to_arrow()
        with rec.phase("sync_equal_table", n=n) as r:
            found = b.dimension_records.sync("exposure", table)
        rec.check(r, unchanged=(found.unchanged, n))
        with rec.phase("update_column", n=n) as r:
            keys = {name: table.column(name) for name in ("instrument", "exposure")}
            found = b.dimension_records.update("exposure", {**keys, "exposure_time": [31.5] * n})
        rec.check(r, n=(found.updated + found.unchanged, n))
        with rec.phase("remove_refused", n=n) as r:
            found = b.dimension_records.remove("exposure", where="TRUE", dry_run=True)
        rec.check(r, n=(found.count, n))
        fields = [{"dimension": "exposure", "base": 2 * 10**12, "bits": 40}, {"dimension": "detector", "size": 200}]
        packer = b.packers.define("bench", fields, instrument=spec.INSTRUMENT)
        columns = {"exposure": table.column("exposure").to_numpy().repeat(189), "detector": list(range(189)) * n}
        with rec.phase("pack_unpack", n=n * 189) as r:
            back = packer.unpack(packer.pack(columns))
        rec.check(r, last=(int(back["detector"][-1]), 188))


# --------------------------------------------------------------- 3 put/get
def w_putget(rec, a):
    from bunter import Butler

    kind, size = a.size.split("-")
    K = {"100": 100, "2k": 2000}[size]
    root = os.path.join(a.scratch, "repo")
    b = make_repo(root)
    load_dims(b, 100, 189, 1, skymap=False, regions=False)
    b.collections.register("run1")
    ied_type(b, "thing", KIND if kind == "json" else "AstropyTable")
    if kind == "json":
        objs = [spec.small_dict(i) for i in range(K)]
    else:
        from astropy.table import Table

        objs = [Table(spec.table_columns(i)) for i in range(K)]
    ids = [spec.data_id(j) for j in range(K)]
    refs, lat = [], []
    with rec.phase("put", n=K) as r, profiled(a.profile):
        for (e, d), o in zip(ids, objs, strict=True):
            t = time.perf_counter()
            refs.append(b.put(o, "thing", instrument=spec.INSTRUMENT, exposure=e, detector=d, run="run1"))
            lat.append(time.perf_counter() - t)
    r["extra"].update(common.percentiles(lat))
    b.close()
    b = Butler(root, writeable=False, collections="run1")
    order = list(range(K))
    random.Random(1).shuffle(order)

    def timed(name, fn):
        lat, bad = [], 0
        with rec.phase(name, n=K) as r, profiled(a.profile and a.profile + "." + name):
            for i in order:
                t = time.perf_counter()
                bad += not fn(i)
                lat.append(time.perf_counter() - t)
        r["extra"].update(common.percentiles(lat))
        rec.check(r, bad=(bad, 0))

    def same(o, i):
        if kind == "json":
            return o == objs[i]
        return len(o) == spec.TABLE_ROWS and o["id"][0] == objs[i]["id"][0]

    def key(i):
        return {"instrument": spec.INSTRUMENT, "exposure": ids[i][0], "detector": ids[i][1]}

    timed("get_by_data_id", lambda i: same(b.get("thing", **key(i)), i))
    timed("get_by_ref", lambda i: same(b.get(refs[i]), i))
    timed("get_deferred", lambda i: same(b.get_deferred("thing", **key(i)).get(), i))
    timed("exists", lambda i: b.exists("thing", **key(i)))
    with rec.phase("exists_many", n=K) as r:
        there = b.exists_many(refs)
    rec.check(r, n=(sum(there), K))
    timed("find_dataset", lambda i: b.find_dataset("thing", **key(i)).id == refs[i].id)
    with rec.phase("put_one_transaction", n=K) as r:
        b = Butler(root, writeable=True)
        b.collections.register("run2")
        with b.transaction():
            for (e, d), o in zip(ids, objs, strict=True):
                b.put(o, "thing", instrument=spec.INSTRUMENT, exposure=e, detector=d, run="run2")
    rec.check(r, n=(len(list(b.query_datasets("thing", "run2"))), K))


# ---------------------------------------------------------------- 4 ingest
def make_refs(b, kind, files, n_det=189):
    from bunter import DatasetRef, FileDataset
    from bunter.dimensions import DataCoordinate
    from bunter.values import new_id

    group = kind.dimensions
    order = [IED.index(name) for name in group.required]
    out = []
    for j, path in enumerate(files):
        values = (spec.INSTRUMENT, *spec.data_id(j, n_det))
        coordinate = DataCoordinate(group, tuple([values[i] for i in order]))
        out.append(FileDataset(path, [DatasetRef(new_id(), kind, coordinate, "raw/all")]))
    return out


def w_ingest(rec, a):
    from bunter import Butler

    mode, n = a.size.split("-")
    M = {"1k": 1000, "10k": 10000, "100k": 100000}[n]
    root = os.path.join(a.scratch, "repo")
    b = make_repo(root)
    load_dims(b, (M + 188) // 189, 189, 1, skymap=False, regions=False)
    b.collections.register("raw/all")
    kind = ied_type(b, "raw")
    files = spec.make_files(os.path.join(a.scratch, "in"), M)
    os.sync()
    with rec.phase("make_refs", n=M):
        datasets = make_refs(b, kind, files)
    with rec.phase("ingest", n=M) as r, profiled(a.profile):
        b.ingest(*datasets, transfer=mode)
    r["extra"]["datasets_per_s"] = M / r["wall_s"]
    b.close()
    b = Butler(root, writeable=False)
    got = list(b.query_datasets("raw", "raw/all"))
    j = M // 2
    e, d = spec.data_id(j)
    obj = b.get("raw", collections="raw/all", instrument=spec.INSTRUMENT, exposure=e, detector=d)
    rec.check(r, n=(len(got), M), value=(obj["i"], j))


# ----------------------------------------------------------------- 5 query
def certify(b, E, n_det, epochs, run_of, register):
    from bunter.values import Timespan

    b.collections.register("calib", "CALIBRATION")
    bias = ied_type(b, "bias", dims=("instrument", "detector"), is_calibration=True)
    flat = ied_type(b, "flat", dims=("instrument", "detector", "physical_filter"), is_calibration=True)
    for i, epoch in enumerate(epochs):
        run = run_of(i)
        b.collections.register(run)
        names = [spec.INSTRUMENT] * n_det
        pairs = [(d, f) for d in range(n_det) for f in spec.FILTERS]
        parts = [
            columns(bias, run, {"instrument": names, "detector": list(range(n_det))}),
            columns(
                flat,
                run,
                {
                    "instrument": [spec.INSTRUMENT] * len(pairs),
                    "detector": [d for d, _ in pairs],
                    "physical_filter": [f for _, f in pairs],
                },
            ),
        ]
        refs = [ref for part in parts for ref in part.refs()]
        register(parts)
        b.collections.certify("calib", refs, Timespan(*epoch))


def build_query_repo(root, size, rec):
    from bunter.dataset.changes import AddDatasets

    E = spec.QUERY_EXPOSURES[size]
    b = make_repo(root)
    with rec.phase("load_dims", n=E):
        load_dims(b, E, 189, 10, vdr=min(E, 318))
    kind = ied_type(b, "img")
    total = 0
    with rec.phase("register", n=E * 189 * 10 // 6):
        for ri, run in enumerate(spec.QUERY_RUNS):
            b.collections.register(run)
            exps = list(spec.query_run_exposures(ri, E))
            for s in range(0, len(exps), 106):
                ids = [(spec.exposure_id(k), d) for k in exps[s : s + 106] for d in range(189)]
                b.apply(AddDatasets(ied_columns(kind, run, ids)))
                total += len(ids)
    b.collections.register(spec.QUERY_CHAIN, "CHAINED")
    b.collections.redefine_chain(spec.QUERY_CHAIN, list(reversed(spec.QUERY_RUNS)))
    epochs = spec.calib_epochs(E)
    with rec.phase("certify", n=len(epochs) * 189 * 13):
        certify(
            b,
            E,
            189,
            epochs,
            lambda i: f"{spec.CALIB_RUN}/{i}",
            lambda parts: b.apply(*[AddDatasets(p) for p in parts]),
        )
    b.close()
    return total


def w_query(rec, a):
    from bunter import Butler
    from bunter.values import Timespan

    root = os.path.join(a.scratch, "repo")
    E = spec.QUERY_EXPOSURES[a.size]
    D = E * 189 * 10 // 6
    total = build_query_repo(root, a.size, rec)
    rec.check(rec.records[-1], D=(total, D))
    if a.db == "sqlite":
        rec.records[-1]["extra"]["db_bytes"] = os.path.getsize(os.path.join(root, "registry.sqlite3"))
    b = Butler(root, writeable=False)
    list(b.query_datasets("img", spec.QUERY_RUNS[0], limit=1, instrument=spec.INSTRUMENT))  # warm caches
    vdr = min(E, 318)
    runs = list(spec.QUERY_RUNS)

    def prof(name):
        return profiled(a.profile and a.profile + "." + name)

    with rec.phase("a_full_scan_refs", n=D) as r, prof("a"):
        refs = list(b.query_datasets("img", runs, find_first=False))
    rec.check(r, n=(len(refs), D), distinct=(len({x.id for x in refs}), D))
    del refs
    with rec.phase("a2_full_scan_arrow", n=D) as r:
        rows = b.query_datasets("img", runs, find_first=False).to_arrow().num_rows
    rec.check(r, n=(rows, D))
    lo, hi = spec.exposure_id(E // 4), spec.exposure_id(E // 2)
    want = sum(1 for k in range(E // 4, E // 2) if spec.exposure_filter(k) in ("u_02", "g_01", "g_02")) * 189
    with rec.phase("b_where_range_filter", n=want) as r, prof("b"):
        refs = list(
            b.query_datasets(
                "img",
                spec.QUERY_RUNS[0],
                where=f"exposure >= {lo} AND exposure < {hi} AND physical_filter IN ('u_02', 'g_01', 'g_02')",
                instrument=spec.INSTRUMENT,
            )
        )
    rec.check(r, n=(len(refs), want))
    with rec.phase("c_find_first_chain", n=E * 189) as r, prof("c"):
        refs = list(b.query_datasets("img", spec.QUERY_CHAIN, find_first=True))
    by_run = {}
    for x in refs:
        by_run[x.run] = by_run.get(x.run, 0) + 1
    r4, r0 = len(spec.query_run_exposures(4, E)) * 189, E * 189 * 2 // 6
    rec.check(r, n=(len(refs), E * 189), r4=(by_run.get("img/r4"), r4), r0=(by_run.get("img/r0"), r0))
    del refs
    with rec.phase("c2_find_first_arrow", n=E * 189) as r:
        rows = b.query_datasets("img", spec.QUERY_CHAIN, find_first=True).to_arrow().num_rows
    rec.check(r, n=(rows, E * 189))
    nv = min(vdr, 30)
    v0, v1 = spec.exposure_id(0), spec.exposure_id(nv)
    with rec.phase("d_spatial_vd_patch") as r, prof("d"):
        ids = list(
            b.query_data_ids(
                ["visit", "detector", "tract", "patch"],
                where=f"visit >= {v0} AND visit < {v1}",
                instrument=spec.INSTRUMENT,
                skymap=spec.SKYMAP,
            )
        )
    r["n"] = len(ids)
    r["per_item_us"] = r["wall_adj_s"] / len(ids) * 1e6
    rec.check(r, n=(len(ids), None), visits=(len({x["visit"] for x in ids}), nv))
    del ids
    with rec.phase("e_calib_all_exposures", n=E * 189) as r, prof("e"):
        # Exposures come by their images: a row has an `img` besides the `flat`, so this is a little more work than the other side's.
        rows = list(b.query_joined("img", "flat", collections=[spec.QUERY_RUNS[0], spec.CALIB_COLLECTION]))
    rec.check(r, n=(len(rows), E * 189))
    del rows
    with rec.phase("e3_calib_arrow", n=E * 189) as r:
        rows = (
            b.query_joined("img", "flat", collections=[spec.QUERY_RUNS[0], spec.CALIB_COLLECTION]).to_arrow().num_rows
        )
    rec.check(r, n=(rows, E * 189))
    rng = random.Random(2)
    sample = [(rng.randrange(E), rng.randrange(189)) for _ in range(200)]

    def latencies(name, n, fn, samples):
        lat, ok = [], 0
        with rec.phase(name, n=n) as r, prof(name):
            for k, d in samples:
                t = time.perf_counter()
                ok += fn(k, d)
                lat.append(time.perf_counter() - t)
        r["extra"].update(common.percentiles(lat))
        rec.check(r, found=(ok, n))

    def find_flat(k, d):
        ref = b.find_dataset(
            "flat",
            instrument=spec.INSTRUMENT,
            detector=d,
            physical_filter=spec.exposure_filter(k),
            collections=spec.CALIB_COLLECTION,
            timespan=Timespan(*spec.exposure_timespan(k)),
        )
        return ref is not None

    latencies("e2_calib_find_one", 200, find_flat, sample)
    with rec.phase("f_count", n=D) as r, prof("f"):
        c = b.query_datasets("img", runs, find_first=False).count()
    rec.check(r, n=(c, D))
    with rec.phase("f2_count_find_first", n=E * 189) as r:
        c = b.query_datasets("img", spec.QUERY_CHAIN, find_first=True).count()
    rec.check(r, n=(c, E * 189))
    nights = sorted({spec.day_obs(k) for k in range(E)})
    days = nights[: max(1, len(nights) * 3 // 10)]
    want = sum(1 for k in range(E) if spec.day_obs(k) in set(days) and spec.exposure_filter(k)[0] in "gri") * 189
    with rec.phase("g_data_ids_join", n=want) as r, prof("g"):
        ids = list(
            b.query_data_ids(
                ["visit", "exposure", "detector"],
                datasets="img",
                collections=spec.QUERY_CHAIN,
                where=f"day_obs IN ({', '.join(map(str, days))}) AND band IN ('g', 'r', 'i')",
                instrument=spec.INSTRUMENT,
            )
        )
    rec.check(r, n=(len(ids), want))
    del ids
    with rec.phase("g2_data_ids_with_records", n=E * 189) as r, prof("g2"):
        ids = list(b.query_data_ids(["exposure", "detector"], instrument=spec.INSTRUMENT, with_dimension_records=True))
    rec.check(r, n=(len(ids), E * 189), rec=(ids[0].records["exposure"].exposure_time, 30.0))
    del ids

    def find_image(k, d):
        ref = b.find_dataset(
            "img",
            instrument=spec.INSTRUMENT,
            exposure=spec.exposure_id(k),
            detector=d,
            collections=spec.QUERY_CHAIN,
        )
        return ref.run == (f"img/r{k % 6}" if 1 <= k % 6 <= 4 else "img/r0")

    sample = [(rng.randrange(E), rng.randrange(189)) for _ in range(500)]
    latencies("h_find_one", 500, find_image, sample)

    def query_image(k, d):
        rows = b.query_datasets(
            "img", spec.QUERY_CHAIN, instrument=spec.INSTRUMENT, exposure=spec.exposure_id(k), detector=d
        )
        return len(list(rows)) == 1

    latencies("h2_query_one", 200, query_image, sample[:200])
    # No counterpart in the reference: the repository as it stood, and what collections hold.
    past = b.clone(as_of="2199-01-01")
    with rec.phase("i1_as_of_full_scan_refs", n=D) as r, prof("i1"):
        refs = list(past.query_datasets("img", runs, find_first=False))
    rec.check(r, n=(len(refs), D))
    del refs

    def find_then(k, d):
        key = {"instrument": spec.INSTRUMENT, "exposure": spec.exposure_id(k), "detector": d}
        return past.find_dataset("img", key, collections=spec.QUERY_CHAIN) is not None

    latencies("i2_as_of_find_one", 200, find_then, sample[:200])
    with rec.phase("i3_summary_of_chain", n=D) as r, prof("i3"):
        found = b.collections.summary(spec.QUERY_CHAIN)
    rec.check(r, n=(found.dataset_types["img"], D))

    def explained(k, d):
        key = {
            "instrument": spec.INSTRUMENT,
            "exposure": spec.exposure_id(k),
            "detector": d,
            "physical_filter": spec.exposure_filter(k),
        }
        return b.explain_lookup("flat", key, collections=spec.CALIB_COLLECTION).chosen is not None

    latencies("i4_explain_lookup", 50, explained, sample[:50])

    def told(k, d):
        where = f"exposure = {spec.exposure_id(k)} AND detector = {d} AND exposure.exposure_time < 0"
        why = b.query_datasets("img", spec.QUERY_CHAIN, where=where, instrument=spec.INSTRUMENT).explain()
        return why.rows == 0 and len(why.conflicts) == 1

    latencies("i5_explain_empty", 5, told, sample[:5])
    regions = b.query_dimension_records("visit_detector_region", limit=20, instrument=spec.INSTRUMENT)
    middles = [record.region.centre() for record in regions]
    latencies("i6_at", len(middles), lambda ra, dec: bool(b.at(ra, dec)), middles)
    of_chain = b.query_datasets("img", spec.QUERY_CHAIN, instrument=spec.INSTRUMENT).order_by("exposure", "detector")
    n = min(5000, E * 189)
    with rec.phase("i7_pages_of_50", n=n) as r, prof("i7"):
        pages = list(itertools.islice(of_chain.pages(50), n // 50))
    rec.check(r, n=(sum(map(len, pages)), n), distinct=(len({x.id for page in pages for x in page}), n))


# ---------------------------------------------------------------- 7 remove
def ingest_repo(root, M, n_det=189):
    b = make_repo(root)
    load_dims(b, (M + n_det - 1) // n_det, n_det, 1, skymap=False, regions=False)
    b.collections.register("raw/all")
    kind = ied_type(b, "raw")
    b.ingest(*make_refs(b, kind, spec.make_files(root + "_in", M), n_det), transfer="move")
    return b


def count_files(root):
    return sum(1 for _ in glob.iglob(root + "/**/*.json", recursive=True))


def w_transfer(rec, a):
    from bunter import Butler

    M = {"1k": 1000, "10k": 10000, "50k": 50000}[a.size]
    src_root = os.path.join(a.scratch, "src")
    with rec.phase("setup_ingest", n=M):
        ingest_repo(src_root, M).close()
    src = Butler(src_root, writeable=False)
    dst = make_repo(os.path.join(a.scratch, "dst"))
    with rec.phase("query_refs", n=M):
        refs = list(src.query_datasets("raw", "raw/all"))
    with rec.phase("transfer_from_copy", n=M) as r, profiled(a.profile):
        done = dst.transfer_from(src, refs, transfer="copy")
    e, d = spec.data_id(M // 2)
    key = {"instrument": spec.INSTRUMENT, "exposure": e, "detector": d}
    rec.check(r, n=(done.datasets, M), value=(dst.get("raw", collections="raw/all", **key)["i"], M // 2))
    for way in ("copy", "direct"):  # direct: artifacts stay where they are and are not read, as on the other side
        name, back = ("export_yaml_copy", "import_copy") if way == "copy" else ("export_metadata", "import_metadata")
        folder = os.path.join(a.scratch, name)
        with rec.phase(name, n=M), profiled(a.profile and f"{a.profile}.{name}"):
            src.export(folder, refs=refs, transfer=way)
        other = make_repo(os.path.join(a.scratch, f"dst_{name}"))
        with rec.phase(back, n=M) as r:
            other.import_(folder, transfer=way, verify=way == "copy")
        rec.check(r, n=(len(other.query_datasets("raw", "raw/all")), M))
    with rec.phase("retrieve_copy", n=M) as r:
        files = src.retrieve_artifacts(refs, os.path.join(a.scratch, "files"))
    rec.check(r, n=(len(files), M))
    with rec.phase("dump", n=M):
        src.dump(os.path.join(a.scratch, "dump"))
    with rec.phase("load", n=M) as r:
        again = Butler.load(os.path.join(a.scratch, "dump"), os.path.join(a.scratch, "loaded"), transfer="copy")
    rec.check(r, n=(len(again.query_datasets("raw", "raw/all")), M))


def w_remove(rec, a):
    M = {"1k": 1000, "10k": 10000}[a.size]
    root = os.path.join(a.scratch, "a")
    b = ingest_repo(root, M)
    refs = list(b.query_datasets("raw", "raw/all"))
    half = refs[: M // 2]
    before = count_files(root)
    with rec.phase("prune_datasets", n=len(half)) as r, profiled(a.profile):
        b.remove_datasets(half)
    left = len(list(b.query_datasets("raw", "raw/all")))
    rec.check(r, left=(left, M - len(half)), unlinked=(before - count_files(root), len(half)))
    with rec.phase("remove_run", n=M - len(half)) as r, profiled(a.profile and a.profile + ".run"):
        b.remove_runs(["raw/all"])
    rec.check(r, left=(len(b.collections.query("raw*")), 0), files=(count_files(root), 0))


# ---------------------------------------------------------------- 7b care (Bunter alone: the reference has nothing like it)
def w_care(rec, a):
    from bunter.datastore.deep_check import DeepCheck

    M = {"1k": 1000, "10k": 10_000, "100k": 100_000}[a.size]
    b = ingest_repo(os.path.join(a.scratch, "a"), M)
    with rec.phase("check", n=M) as r, profiled(a.profile):
        report = b.check()
    rec.check(r, clean=(report.is_clean, True), artifacts=(report.artifacts, M))
    with rec.phase("check_deep", n=M) as r:
        report = b.check(deep=DeepCheck(record=True))
    rec.check(r, clean=(report.is_clean, True), read=(report.read, M))
    with rec.phase("remove_run_kept", n=M):
        b.remove_runs(["raw/all"], keep_days=1)
    with rec.phase("undo", n=M) as r, profiled(a.profile and a.profile + ".undo"):
        done = b.undo()
    rec.check(r, artifacts=(done.artifacts, M), datasets=(sum(done.counts.values()), M))
    with rec.phase("gc_dry_run", n=M) as r:
        left = b.gc(dry_run=True)
    rec.check(r, rows=(len(left.rows), 0))


# ---------------------------------------------------------------- 8 qgraph
def build_qg_repo(root, size):
    from bunter.dataset import ArtifactLink, ArtifactRow
    from bunter.dataset.changes import AddArtifacts, AddDatasets
    from bunter.values import new_nonce

    E, n_det, side = spec.QG_SIZES[size]
    b = make_repo(root)
    load_dims(b, E, n_det, side, vdr=E)
    raw = ied_type(b, "raw")
    b.collections.register("raw/all")
    shared = os.path.join(os.path.dirname(root), "shared.json")
    with open(shared, "w") as f:
        json.dump(spec.small_dict(0), f)
    nonce = new_nonce()
    directory, name = os.path.split(shared)
    row = ArtifactRow(nonce, "main", directory, name, os.path.getsize(shared), None, None, "json", 1, owned=False)

    def register(parts, rows=()):
        links = [ArtifactLink(i, "", nonce) for part in parts for i in part.ids]
        b.apply(*[AddDatasets(part) for part in parts], AddArtifacts(list(rows), links))

    for s in range(0, E, 50):
        ids = [(spec.exposure_id(k), d) for k in range(s, min(s + 50, E)) for d in range(n_det)]
        register([ied_columns(raw, "raw/all", ids)], [row] if s == 0 else [])
    certify(b, E, n_det, spec.calib_epochs(E, 2), lambda i: f"calib/run/{i}", register)
    b.collections.register("in", "CHAINED")
    b.collections.redefine_chain("in", ["raw/all", "calib"])
    return b


def w_qgraph(rec, a):
    from bunter import Butler
    from bunter.graph import GraphFile, QuantumGraph, build_graph
    from bunter.pipeline import Pipeline

    root = os.path.join(a.scratch, "repo")
    E, n_det, _ = spec.QG_SIZES[a.size]
    with rec.phase("setup", n=E * n_det):
        build_qg_repo(root, a.size).close()
    qg_file = os.path.join(a.scratch, "graph.bqg")
    b = Butler(root, writeable=False)
    where = f"instrument='{spec.INSTRUMENT}' AND skymap='{spec.SKYMAP}'"
    drp = os.path.join(HERE, "bunter_drp.yaml")
    with rec.phase("build") as r, profiled(a.profile and a.profile + ".build"):
        types = {kind.name: kind for kind in b.dataset_types}
        pipeline = Pipeline.from_file(drp).resolve(b.universe, types)
        graph = build_graph(b, pipeline, where=where, inputs=["in"], output_run="out/run")
    nq = len(graph)
    r["n"] = nq
    r["per_item_us"] = r["wall_adj_s"] / nq * 1e6
    counts = graph.counts
    want = {"isr": E * n_det, "calibrate": E * n_det, "gather": E}
    rec.check(r, **{k: (counts[k], want.get(k)) for k in counts})
    with rec.phase("write", n=nq) as r, profiled(a.profile and a.profile + ".write"):
        graph.write(qg_file)
    r["extra"]["bytes"] = os.path.getsize(qg_file)
    del graph
    with rec.phase("load_full", n=nq) as r, profiled(a.profile and a.profile + ".load"):
        graph = QuantumGraph.read(qg_file)
        quanta = list(graph.quanta())
    rec.check(r, n=(len(quanta), nq))
    del graph, quanta
    with rec.phase("load_thin", n=nq) as r:
        graph = QuantumGraph.read(qg_file)
        graph.quantum_edges()
    rec.check(r, n=(len(graph), nq))
    del graph
    with rec.phase("load_one_quantum", n=1) as r:
        quantum = GraphFile(qg_file).quantum(nq // 2)
    rec.check(r, n=(1 if quantum.inputs else 0, 1))
    with rec.phase("part_1000", n=1000) as r:
        part = QuantumGraph.read(qg_file).part(range(nq // 2, min(nq // 2 + 1000, nq)))
        part.quantum_edges()
    rec.check(r, n=(len(part), min(1000, nq - nq // 2)))
    del part
    code = (
        "import sys\n"
        "from bunter.graph import GraphFile, QuantumGraph\n"
        "rows = [int(x) for x in sys.argv[2:]]\n"
        "m = [GraphFile(sys.argv[1]).quantum(x) for x in rows] if rows else list(QuantumGraph.read(sys.argv[1]).quanta())\n"
        "print(len(m), [x.split()[1] for x in open('/proc/self/status') if x.startswith('VmHWM')][0])\n"
    )
    for name, rows in (("cold_load_one_quantum", [str(nq // 2)]), ("cold_load_full", [])):
        with rec.phase(name, n=1 if rows else nq) as r:
            out = run_cli([sys.executable, "-c", code, qg_file, *rows], a.scratch).stdout.split()
        rec.check(r, n=(int(out[0]), 1 if rows else nq))
        r["rss_peak_mb"] = round(int(out[1]) / 1024, 1)
    if a.size in ("1k", "10k"):
        with rec.phase("cli_pipetask_qgraph", n=nq) as r:
            target = os.path.join(a.scratch, "cli.bqg")
            command = ["qgraph", "-b", root, "-i", "in", "--output-run", "out/run2", "-p", drp, "-d", where]
            run_cli([BUNTER, *command, "--save-qgraph", target], a.scratch)


# ------------------------------------------------------------------ 9 exec
def w_exec(rec, a):
    """size: N quanta; phases run the command users type with -j1 and -j2; the receipts are merged by it as well."""
    from bunter import Butler

    N = {"25": 25, "100": 100, "1k": 1000}[a.size]
    root = os.path.join(a.scratch, "repo")
    ingest_repo(root, N, n_det=100).close()
    pipe = os.path.join(HERE, "bunter_noop.yaml")
    where = f"instrument='{spec.INSTRUMENT}'"
    common_part = ["-b", root, "-i", "raw/all", "-p", pipe, "-d", where]

    def check(r, run):
        b = Butler(root, writeable=False)
        refs = list(b.query_datasets("noop_out", run))
        mid = b.get(refs[N // 2])
        metadata = len(list(b.query_datasets("noop_metadata", run)))
        logs = len(list(b.query_datasets("noop_log", run)))
        rec.check(r, n=(len(refs), N), value=(mid["done"], True), metadata=(metadata, N), logs=(logs, N))
        b.close()

    with rec.phase("qgraph", n=N):
        target = os.path.join(a.scratch, "x.bqg")
        run_cli([BUNTER, "qgraph", *common_part, "--output-run", "x/0", "--save-qgraph", target], a.scratch)
    for jobs in ("1", "2"):
        with rec.phase(f"run_j{jobs}", n=N) as r:
            run_cli([BUNTER, "run", "-j", jobs, *common_part, "--output-run", f"run/j{jobs}"], a.scratch)
        check(r, f"run/j{jobs}")


def w_runs(rec, a):
    runs_workload.measure(rec, a, HERE, ingest_repo)


# ----------------------------------------------------------- 10 concurrency
def conc_worker(root, w, n):
    from bunter import Butler

    b = Butler(root, writeable=True)
    print("ready", flush=True)
    sys.stdin.readline()
    errors, lat = [], []
    watch = common.Stopwatch()
    for i in range(n):
        e, d = spec.data_id(w * n + i)
        t = time.perf_counter()
        try:
            b.put(spec.small_dict(i), "thing", instrument=spec.INSTRUMENT, exposure=e, detector=d, run="run1")
        except Exception as exc:
            errors.append(f"{type(exc).__name__}: {exc}"[:200])
        lat.append(time.perf_counter() - t)
    print(json.dumps(dict(errors=errors, lat=lat, **watch.read())), flush=True)
    b.close()


def w_concurrency(rec, a):
    from bunter import Butler

    P, n = 4, {"25": 25, "250": 250}[a.size]
    root = os.path.join(a.scratch, "repo")
    b = make_repo(root)
    load_dims(b, 20, 189, 1, skymap=False, regions=False)
    b.collections.register("run1")
    ied_type(b, "thing")
    b.close()
    procs = [
        subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--worker", root, str(w), str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for w in range(P)
    ]
    for p in procs:
        assert p.stdout.readline().strip() == "ready"
    with rec.phase(f"put_{P}_processes", n=P * n) as r:
        for p in procs:
            p.stdin.write("go\n")
            p.stdin.flush()
        outs = [json.loads(p.stdout.readline()) for p in procs]
    for p in procs:
        p.wait()
    r["cpu_user_s"] = sum(o["cpu_s"] for o in outs)  # the workers' put loops only
    r["runq_wait_s"] = None
    r["wall_adj_s"] = max(o["wall_adj_s"] for o in outs)
    r["extra"].update(common.percentiles([x for o in outs for x in o["lat"]]))
    r["extra"]["errors"] = sum(len(o["errors"]) for o in outs)
    b = Butler(root, writeable=False)
    rec.check(r, n=(len(list(b.query_datasets("thing", "run1"))), P * n), errors=(r["extra"]["errors"], 0))


WORKLOADS = {
    "create": w_create,
    "dims": w_dims,
    "putget": w_putget,
    "ingest": w_ingest,
    "query": w_query,
    "transfer": w_transfer,
    "remove": w_remove,
    "care": w_care,
    "qgraph": w_qgraph,
    "exec": w_exec,
    "runs": w_runs,
    "concurrency": w_concurrency,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        conc_worker(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        common.main("bunter", WORKLOADS)

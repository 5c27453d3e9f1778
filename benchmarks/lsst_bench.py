"""Workloads of workloads.md on the LSST Data Butler and pipeline execution system.

Run with the Python that has lsst-daf-butler, lsst-pipe-base and lsst-ctrl-mpexec:

    python lsst_bench.py WORKLOAD --scratch DIR [--size S] [--db sqlite|postgresql://...] [--out F]
"""

# A script of plain calls, the same on both sides: it measures, it is no example of style.
# ruff: noqa: ARG005, B905, C408, E731, F401, F841, N803, N806, PLR0915, PLW2901, PTH100, PTH103, PTH110, PTH118, PTH120, PTH123, PTH202, PTH207, RUF059, SIM117

from __future__ import annotations

import contextlib
import cProfile
import glob
import json
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import common  # noqa: E402
import spec  # noqa: E402

BIN = os.path.dirname(sys.executable)
JSON_FORMATTER = "lsst.daf.butler.formatters.json.JsonFormatter"
IED = ("instrument", "exposure", "detector")


# ----------------------------------------------------------------- helpers
def repo_config(db: str, namespace: str = ""):
    from lsst.daf.butler import Config

    cfg = Config()
    cfg["datastore", "formatters", "StructuredDataDict"] = JSON_FORMATTER
    if db != "sqlite":
        cfg["registry", "db"] = db.replace("postgresql://", "postgresql+psycopg2://")
        cfg["registry", "namespace"] = namespace
    return cfg


def drop_namespace(db: str, namespace: str) -> None:
    if db == "sqlite":
        return
    import psycopg2

    con = psycopg2.connect(db)
    con.autocommit = True
    con.cursor().execute(f'DROP SCHEMA IF EXISTS "{namespace}" CASCADE')
    con.cursor().execute("CREATE EXTENSION IF NOT EXISTS btree_gist")  # its exclusion constraints need it
    con.close()


def make_repo(root: str, db: str = "sqlite", namespace: str = "bench"):
    from lsst.daf.butler import Butler

    drop_namespace(db, namespace)
    Butler.makeRepo(root, config=repo_config(db, namespace))
    return Butler.from_config(root, writeable=True)


def convert(records: list[dict]):
    """Spec dicts to what Registry.insertDimensionData accepts."""
    from lsst.daf.butler import Timespan
    from lsst.sphgeom import ConvexPolygon, UnitVector3d

    out = []
    for r in records:
        r = dict(r)
        if (p := r.get("region")) is not None:
            r["region"] = ConvexPolygon([UnitVector3d(*v) for v in p])
        if (t := r.get("timespan")) is not None:
            r["timespan"] = Timespan(None, None, _nsec=t)
        out.append(r)
    return out


def insert_elements(butler, elements: dict) -> None:
    for name, recs in elements.items():
        if recs:
            butler.registry.insertDimensionData(name, *convert(recs))


def load_dims(butler, n_exp, n_det, side, *, vdr=0, skymap=True, regions=True):
    insert_elements(butler, spec.base_records(n_det))
    insert_elements(butler, spec.exposure_records(n_exp, side, n_det, regions=regions))
    if skymap:
        insert_elements(butler, spec.skymap_records(side))
    step = 100
    for s in range(0, vdr, step):
        recs = spec.visit_detector_region_records(min(step, vdr - s), side, n_det, start=s)
        butler.registry.insertDimensionData("visit_detector_region", *convert(recs))


def ied_type(butler, name, storage_class="StructuredDataDict", dims=IED, **kw):
    from lsst.daf.butler import DatasetType

    dt = DatasetType(name, dims, storage_class, universe=butler.dimensions, **kw)
    butler.registry.registerDatasetType(dt)
    return dt


def data_ids(butler, dims, pairs):
    """DataCoordinates from tuples ordered as dims; the required order of the group is used."""
    from lsst.daf.butler import DataCoordinate

    group = butler.dimensions.conform(dims)
    names = list(group.required)
    idx = [list(dims).index(n) for n in names]
    return [DataCoordinate.from_required_values(group, tuple(p[i] for i in idx)) for p in pairs]


@contextlib.contextmanager
def profiled(path):
    if not path:
        yield
        return
    pr = cProfile.Profile(time.process_time)  # CPU seconds: other jobs and disk waits stay out
    pr.enable()
    try:
        yield
    finally:
        pr.disable()
        pr.dump_stats(path)


def run_cli(argv, scratch, **kw):
    env = dict(os.environ)
    env["PYTHONPATH"] = HERE + os.pathsep + env.get("PYTHONPATH", "")
    r = common.run(argv, cwd=scratch, env=env, **kw)
    if r.returncode != 0:
        sys.stderr.write(r.stdout[-3000:] + r.stderr[-6000:])
        raise RuntimeError(f"{argv[0]} {argv[1]} exited {r.returncode}")
    return r


# ---------------------------------------------------------------- 1 create
def w_create(rec, a):
    root = os.path.join(a.scratch, "repo")
    for name, code in (
        ("python_startup", "pass"),
        ("import_butler", "import lsst.daf.butler"),
        ("import_pipe_base", "import lsst.pipe.base"),
    ):
        with rec.phase(name):
            common.run([sys.executable, "-c", code], check=True)
    if a.db != "sqlite":
        drop_namespace(a.db, "bench_create")
    from lsst.daf.butler import Butler

    with rec.phase("make_repo") as r:
        Butler.makeRepo(root, config=repo_config(a.db, "bench_create"))
    r["extra"]["bytes"] = common.du(root)
    with rec.phase("open_repo"):
        b = Butler.from_config(root, writeable=True)
    with rec.phase("reopen_repo"):
        Butler.from_config(root, writeable=True)
    b.collections.register("c0")
    if a.db == "sqlite":
        with rec.phase("cli_create"):
            run_cli([os.path.join(BIN, "butler"), "create", os.path.join(a.scratch, "repo2")], a.scratch)
    with rec.phase("cli_help"):
        run_cli([os.path.join(BIN, "butler"), "--help"], a.scratch)
    with rec.phase("cli_query_collections") as r:
        out = run_cli([os.path.join(BIN, "butler"), "query-collections", root], a.scratch).stdout
    rec.check(r, listed=("c0" in out, True))
    with rec.phase("cli_pipetask_help"):
        run_cli([os.path.join(BIN, "pipetask"), "--help"], a.scratch)


# ------------------------------------------------------------------ 2 dims
def w_dims(rec, a):
    n_exp = {"100": 100, "1k": 1000, "10k": 10000}[a.size]
    side, n_det = 10, 189
    with_vdr = n_exp <= 1000
    b = make_repo(os.path.join(a.scratch, "repo"), a.db, "bench_dims")
    base, exps, sky = (
        spec.base_records(n_det),
        spec.exposure_records(n_exp, side, n_det),
        spec.skymap_records(side),
    )
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
        recs = spec.visit_detector_region_records(n_exp, side, n_det)
        with rec.phase("vdr_convert", n=len(recs)):
            conv = convert(recs)
        with rec.phase("vdr_insert", n=len(recs)):
            with profiled(a.profile):
                for s in range(0, len(conv), 18900):
                    b.registry.insertDimensionData("visit_detector_region", *conv[s : s + 18900])
    b.close()
    from lsst.daf.butler import Butler

    b = Butler.from_config(os.path.join(a.scratch, "repo"), writeable=False)
    with rec.phase("read_back_exposures", n=n_exp) as r:
        got = b.query_dimension_records("exposure", instrument=spec.INSTRUMENT, limit=None, order_by="exposure")
    rec.check(
        r,
        n=(len(got), n_exp),
        last=(got[-1].id, spec.exposure_id(n_exp - 1)),
        tgt=(got[-1].target_name, exps["exposure"][-1]["target_name"]),
    )
    with rec.phase("read_back_visits", n=n_exp) as r:
        got = b.query_dimension_records("visit", instrument=spec.INSTRUMENT, limit=None)
    rec.check(r, n=(len(got), n_exp))
    if with_vdr:
        with rec.phase("read_back_vdr", n=n_exp * n_det) as r:
            got = b.query_dimension_records("visit_detector_region", instrument=spec.INSTRUMENT, limit=None)
        rec.check(r, n=(len(got), n_exp * n_det))
    rec.records[-1]["extra"]["db_bytes"] = common.du(os.path.join(a.scratch, "repo"))


# --------------------------------------------------------------- 3 put/get
def w_putget(rec, a):
    kind, K = {
        "json-100": ("json", 100),
        "json-2k": ("json", 2000),
        "parquet-100": ("parquet", 100),
        "parquet-2k": ("parquet", 2000),
    }[a.size]
    b = make_repo(os.path.join(a.scratch, "repo"), a.db, "bench_putget")
    load_dims(b, 100, 189, 1, skymap=False, regions=False)
    b.collections.register("run1")
    dt = ied_type(b, "thing", "StructuredDataDict" if kind == "json" else "ArrowAstropy")
    if kind == "json":
        objs = [spec.small_dict(i) for i in range(K)]
    else:
        from astropy.table import Table

        objs = [Table(spec.table_columns(i)) for i in range(K)]
    ids = [spec.data_id(j) for j in range(K)]
    refs = []
    lat = []
    with rec.phase("put", n=K) as r:
        with profiled(a.profile):
            for (e, d), o in zip(ids, objs):
                t = time.perf_counter()
                refs.append(b.put(o, dt, instrument=spec.INSTRUMENT, exposure=e, detector=d, run="run1"))
                lat.append(time.perf_counter() - t)
    r["extra"].update(common.percentiles(lat))
    b.close()
    from lsst.daf.butler import Butler

    b = Butler.from_config(os.path.join(a.scratch, "repo"), writeable=False, collections="run1")
    order = list(range(K))
    random.Random(1).shuffle(order)

    def timed(name, fn):
        lat = []
        bad = 0
        with rec.phase(name, n=K) as r:
            with profiled(a.profile and a.profile + "." + name):
                for i in order:
                    t = time.perf_counter()
                    bad += not fn(i)
                    lat.append(time.perf_counter() - t)
        r["extra"].update(common.percentiles(lat))
        rec.check(r, bad=(bad, 0))

    if kind == "json":
        same = lambda o, i: o == objs[i]
    else:
        same = lambda o, i: len(o) == spec.TABLE_ROWS and o["id"][0] == objs[i]["id"][0]
    kw = lambda i: dict(instrument=spec.INSTRUMENT, exposure=ids[i][0], detector=ids[i][1])
    timed("get_by_data_id", lambda i: same(b.get("thing", **kw(i)), i))
    timed("get_by_ref", lambda i: same(b.get(refs[i]), i))
    timed("get_deferred", lambda i: same(b.getDeferred("thing", **kw(i)).get(), i))
    timed("exists", lambda i: bool(b.exists("thing", **kw(i))))
    with rec.phase("exists_many", n=K) as r:
        e = b._exists_many(refs)
    rec.check(r, n=(sum(map(bool, e.values())), K))
    timed("find_dataset", lambda i: b.find_dataset("thing", **kw(i)).id == refs[i].id)
    with rec.phase("put_one_transaction", n=K) as r:
        b = Butler.from_config(os.path.join(a.scratch, "repo"), writeable=True)
        b.collections.register("run2")
        with b.transaction():
            for (e, d), o in zip(ids, objs):
                b.put(o, dt, instrument=spec.INSTRUMENT, exposure=e, detector=d, run="run2")
    rec.check(r, n=(len(b.query_datasets("thing", "run2", limit=None)), K))


# ---------------------------------------------------------------- 4 ingest
def ingest_sizes(s):
    mode, n = s.split("-")
    return mode, {"1k": 1000, "10k": 10000, "100k": 100000}[n]


def w_ingest(rec, a):
    from lsst.daf.butler import Butler, DatasetRef, FileDataset

    mode, M = ingest_sizes(a.size)
    b = make_repo(os.path.join(a.scratch, "repo"), a.db, "bench_ingest")
    load_dims(b, (M + 188) // 189, 189, 1, skymap=False, regions=False)
    b.collections.register("raw/all")
    dt = ied_type(b, "raw")
    files = spec.make_files(os.path.join(a.scratch, "in"), M)
    os.sync()
    with rec.phase("make_refs", n=M):
        dids = data_ids(b, IED, [(spec.INSTRUMENT, *spec.data_id(j)) for j in range(M)])
        fds = [FileDataset(path=p, refs=[DatasetRef(dt, d, run="raw/all")]) for p, d in zip(files, dids)]
    with rec.phase("ingest", n=M) as r:
        with profiled(a.profile):
            b.ingest(*fds, transfer=mode)
    r["extra"]["datasets_per_s"] = M / r["wall_s"]
    b = Butler.from_config(os.path.join(a.scratch, "repo"), writeable=False)
    got = b.query_datasets("raw", "raw/all", limit=None)
    j = M // 2
    e, d = spec.data_id(j)
    rec.check(
        r,
        n=(len(got), M),
        value=(b.get("raw", collections="raw/all", instrument=spec.INSTRUMENT, exposure=e, detector=d)["i"], j),
    )


# ----------------------------------------------------------------- 5 query
def build_query_repo(root, size, db, rec=None):
    """100k / 1M registered datasets, 10 epochs of calibrations, regions for up to 1000 visits."""
    from lsst.daf.butler import CollectionType, DatasetIdGenEnum, Timespan

    E = spec.QUERY_EXPOSURES[size]
    b = make_repo(root, db, "bench_query_" + size.lower())
    vdr = min(E, 318)
    ctx = rec.phase if rec else (lambda *x, **k: contextlib.nullcontext(dict(extra={})))
    with ctx("load_dims", n=E):
        load_dims(b, E, 189, 10, vdr=vdr)
    dt = ied_type(b, "img")
    total = 0
    with ctx("register", n=E * 189 * 10 // 6) as r:
        for ri, run in enumerate(spec.QUERY_RUNS):
            b.collections.register(run)
            exps = list(spec.query_run_exposures(ri, E))
            for s in range(0, len(exps), 106):
                pairs = [(spec.INSTRUMENT, spec.exposure_id(k), d) for k in exps[s : s + 106] for d in range(189)]
                b.registry.insertDatasets(
                    dt, data_ids(b, IED, pairs), run=run, expand=False, idGenerationMode=DatasetIdGenEnum.UNIQUE
                )
                total += len(pairs)
    b.collections.register(spec.QUERY_CHAIN, CollectionType.CHAINED)
    b.collections.redefine_chain(spec.QUERY_CHAIN, list(reversed(spec.QUERY_RUNS)))
    b.collections.register(spec.CALIB_RUN)
    b.collections.register(spec.CALIB_COLLECTION, CollectionType.CALIBRATION)
    bias = ied_type(b, "bias", dims=("instrument", "detector"), isCalibration=True)
    flat = ied_type(b, "flat", dims=("instrument", "detector", "physical_filter"), isCalibration=True)
    epochs = spec.calib_epochs(E)
    with ctx("certify", n=len(epochs) * 189 * 13):
        for i, ep in enumerate(epochs):
            run = f"{spec.CALIB_RUN}/{i}"
            b.collections.register(run)
            rb = b.registry.insertDatasets(
                bias,
                data_ids(b, ("instrument", "detector"), [(spec.INSTRUMENT, d) for d in range(189)]),
                run=run,
                expand=False,
            )
            rf = b.registry.insertDatasets(
                flat,
                data_ids(
                    b,
                    ("instrument", "detector", "physical_filter"),
                    [(spec.INSTRUMENT, d, f) for d in range(189) for f in spec.FILTERS],
                ),
                run=run,
                expand=False,
            )
            ts = Timespan(None, None, _nsec=ep)
            b.registry.certify(spec.CALIB_COLLECTION, list(rb) + list(rf), ts)
    b.close()
    return total


def w_query(rec, a):
    from lsst.daf.butler import Butler

    root = os.path.join(a.scratch, "repo")
    E = spec.QUERY_EXPOSURES[a.size]
    D = E * 189 * 10 // 6
    if not os.path.exists(root):
        total = build_query_repo(root, a.size, a.db, rec)
        rec.check(rec.records[-1], D=(total, D))
        if a.db == "sqlite":
            rec.records[-1]["extra"]["db_bytes"] = os.path.getsize(os.path.join(root, "gen3.sqlite3"))
    b = Butler.from_config(root, writeable=False)
    b.query_datasets("img", spec.QUERY_RUNS[0], limit=1, instrument=spec.INSTRUMENT)  # warm caches
    vdr = min(E, 318)
    prof = lambda n: profiled(a.profile and a.profile + "." + n)
    runs = list(spec.QUERY_RUNS)

    with rec.phase("a_full_scan_refs", n=D) as r, prof("a"):
        refs = b.query_datasets("img", runs, find_first=False, limit=None)
    rec.check(r, n=(len(refs), D), distinct=(len({x.id for x in refs}), D))
    del refs
    lo, hi = spec.exposure_id(E // 4), spec.exposure_id(E // 2)
    want = sum(1 for k in range(E // 4, E // 2) if spec.exposure_filter(k) in ("u_02", "g_01", "g_02")) * 189
    with rec.phase("b_where_range_filter", n=want) as r, prof("b"):
        refs = b.query_datasets(
            "img",
            spec.QUERY_RUNS[0],
            where=f"exposure >= {lo} AND exposure < {hi} AND physical_filter IN ('u_02', 'g_01', 'g_02')",
            instrument=spec.INSTRUMENT,
            limit=None,
            explain=False,
        )
    rec.check(r, n=(len(refs), want))
    with rec.phase("c_find_first_chain", n=E * 189) as r, prof("c"):
        refs = b.query_datasets("img", spec.QUERY_CHAIN, find_first=True, limit=None)
    by_run = {}
    for x in refs:
        by_run[x.run] = by_run.get(x.run, 0) + 1
    rec.check(
        r,
        n=(len(refs), E * 189),
        r4=(by_run.get("img/r4"), len(spec.query_run_exposures(4, E)) * 189),
        r0=(by_run.get("img/r0"), E * 189 * 2 // 6),
    )
    del refs
    # Spatial join of the first `vdr` visits' detectors with the patches.
    nv = min(vdr, 30)
    v0, v1 = spec.exposure_id(0), spec.exposure_id(nv)
    with rec.phase("d_spatial_vd_patch") as r, prof("d"):
        ids = b.query_data_ids(
            ["visit", "detector", "tract", "patch"],
            where=f"visit >= {v0} AND visit < {v1}",
            instrument=spec.INSTRUMENT,
            skymap=spec.SKYMAP,
            limit=None,
        )
    r["n"] = len(ids)
    r["per_item_us"] = r["wall_adj_s"] / len(ids) * 1e6
    rec.check(r, n=(len(ids), None), visits=(len({x["visit"] for x in ids}), nv))
    del ids
    # Calibration lookup for every (exposure, detector): flat valid at its time, in its filter.
    with rec.phase("e_calib_all_exposures", n=E * 189) as r, prof("e"):
        n = 0
        seen = set()
        with b.query() as q:
            q = q.join_dimensions(["exposure", "detector"]).join_dataset_search("flat", spec.CALIB_COLLECTION)
            q = q.where(instrument=spec.INSTRUMENT)
            flat = b.get_dataset_type("flat")
            res = q.general(["exposure", "detector", "physical_filter"], dataset_fields={"flat": ...}, find_first=True)
            for row in res.iter_tuples(flat):
                n += 1
                seen.add(row.refs[0].id)
    rec.check(r, n=(n, E * 189), distinct_flats=(len(seen), None))
    from lsst.daf.butler import Timespan

    rng = random.Random(2)
    sample = [(rng.randrange(E), rng.randrange(189)) for _ in range(200)]
    lat = []
    with rec.phase("e2_calib_find_one", n=200) as r, prof("e2"):
        ok = 0
        for k, d in sample:
            t = time.perf_counter()
            ref = b.find_dataset(
                "flat",
                instrument=spec.INSTRUMENT,
                detector=d,
                physical_filter=spec.exposure_filter(k),
                collections=spec.CALIB_COLLECTION,
                timespan=Timespan(None, None, _nsec=spec.exposure_timespan(k)),
            )
            lat.append(time.perf_counter() - t)
            ok += ref is not None
    r["extra"].update(common.percentiles(lat))
    rec.check(r, found=(ok, 200))
    with rec.phase("f_count", n=D) as r, prof("f"):
        with b.query() as q:
            c = q.datasets("img", runs, find_first=False).count()
    rec.check(r, n=(c, D))
    with rec.phase("f2_count_find_first", n=E * 189) as r:
        with b.query() as q:
            c = q.datasets("img", spec.QUERY_CHAIN, find_first=True).count()
    rec.check(r, n=(c, E * 189))
    # Data-ID join: (visit, detector) of the visits of 30 % of the nights that have an img, with day_obs and band columns.
    nights = sorted({spec.day_obs(k) for k in range(E)})
    days = nights[: max(1, len(nights) * 3 // 10)]
    want = sum(1 for k in range(E) if spec.day_obs(k) in set(days) and spec.exposure_filter(k)[0] in "gri") * 189
    with rec.phase("g_data_ids_join", n=want) as r, prof("g"):
        with b.query() as q:
            q = q.join_dataset_search("img", spec.QUERY_CHAIN)
            q = q.where(
                f"day_obs IN ({', '.join(map(str, days))}) AND band IN ('g', 'r', 'i')",
                instrument=spec.INSTRUMENT,
            )
            ids = list(q.data_ids(["visit", "exposure", "detector"]))
    rec.check(r, n=(len(ids), want))
    del ids
    with rec.phase("g2_data_ids_with_records", n=E * 189) as r, prof("g2"):
        with b.query() as q:
            ids = list(q.data_ids(["exposure", "detector"]).where(instrument=spec.INSTRUMENT).with_dimension_records())
    rec.check(r, n=(len(ids), E * 189), rec=(ids[0].records["exposure"].exposure_time, 30.0))
    del ids
    lat = []
    sample = [(rng.randrange(E), rng.randrange(189)) for _ in range(500)]
    with rec.phase("h_find_one", n=500) as r, prof("h"):
        ok = 0
        for k, d in sample:
            t = time.perf_counter()
            ref = b.find_dataset(
                "img",
                instrument=spec.INSTRUMENT,
                exposure=spec.exposure_id(k),
                detector=d,
                collections=spec.QUERY_CHAIN,
            )
            lat.append(time.perf_counter() - t)
            ok += ref.run == (f"img/r{k % 6}" if 1 <= k % 6 <= 4 else "img/r0")
    r["extra"].update(common.percentiles(lat))
    rec.check(r, found=(ok, 500))
    lat = []
    with rec.phase("h2_query_one", n=200) as r, prof("h2"):
        ok = 0
        for k, d in sample[:200]:
            t = time.perf_counter()
            refs = b.query_datasets(
                "img", spec.QUERY_CHAIN, instrument=spec.INSTRUMENT, exposure=spec.exposure_id(k), detector=d
            )
            lat.append(time.perf_counter() - t)
            ok += len(refs) == 1
    r["extra"].update(common.percentiles(lat))
    rec.check(r, found=(ok, 200))


# -------------------------------------------------------------- 6 transfer
def ingest_repo(root, db, M, ns, n_det=189):
    from lsst.daf.butler import DatasetRef, FileDataset

    b = make_repo(root, db, ns)
    load_dims(b, (M + n_det - 1) // n_det, n_det, 1, skymap=False, regions=False)
    b.collections.register("raw/all")
    dt = ied_type(b, "raw")
    files = spec.make_files(root + "_in", M)
    dids = data_ids(b, IED, [(spec.INSTRUMENT, *spec.data_id(j, n_det)) for j in range(M)])
    b.ingest(
        *[FileDataset(path=p, refs=[DatasetRef(dt, d, run="raw/all")]) for p, d in zip(files, dids)], transfer="move"
    )
    return b


def w_transfer(rec, a):
    from lsst.daf.butler import Butler

    M = {"1k": 1000, "10k": 10000, "50k": 50000}[a.size]
    src_root = os.path.join(a.scratch, "src")
    with rec.phase("setup_ingest", n=M):
        ingest_repo(src_root, a.db, M, "bench_src").close()
    src = Butler.from_config(src_root, writeable=False)
    dst = make_repo(os.path.join(a.scratch, "dst"), a.db, "bench_dst")
    with rec.phase("query_refs", n=M):
        refs = src.query_datasets("raw", "raw/all", limit=None)
    with rec.phase("transfer_from_copy", n=M) as r, profiled(a.profile):
        done = dst.transfer_from(src, refs, transfer="copy", register_dataset_types=True, transfer_dimensions=True)
    e, d = spec.data_id(M // 2)
    rec.check(
        r,
        n=(len(done), M),
        value=(dst.get("raw", collections="raw/all", instrument=spec.INSTRUMENT, exposure=e, detector=d)["i"], M // 2),
    )
    exp = os.path.join(a.scratch, "exp")
    os.makedirs(exp)
    with rec.phase("export_yaml_copy", n=M) as r, profiled(a.profile and a.profile + ".export"):
        with src.export(directory=exp, filename="export.yaml", transfer="copy") as x:
            x.saveDatasets(refs)
    r["extra"]["yaml_bytes"] = os.path.getsize(os.path.join(exp, "export.yaml"))
    dst2 = make_repo(os.path.join(a.scratch, "dst2"), a.db, "bench_dst2")
    with rec.phase("import_copy", n=M) as r, profiled(a.profile and a.profile + ".import"):
        dst2.import_(directory=exp, filename="export.yaml", transfer="copy")
    rec.check(r, n=(len(dst2.query_datasets("raw", "raw/all", limit=None)), M))
    places = os.path.join(a.scratch, "places")
    os.makedirs(places)
    with (
        rec.phase("export_metadata", n=M),
        src.export(directory=places, filename="export.yaml", transfer="direct") as x,
    ):
        x.saveDatasets(refs)
    dst3 = make_repo(os.path.join(a.scratch, "dst3"), a.db, "bench_dst3")
    with rec.phase("import_metadata", n=M) as r:
        dst3.import_(directory=places, filename="export.yaml", transfer="direct")
    rec.check(r, n=(len(dst3.query_datasets("raw", "raw/all", limit=None)), M))
    os.makedirs(os.path.join(a.scratch, "files"))
    with rec.phase("retrieve_copy", n=M) as r:
        files = src.retrieveArtifacts(refs, os.path.join(a.scratch, "files"), transfer="copy")
    rec.check(r, n=(len(files), M))


# ---------------------------------------------------------------- 7 remove
def w_remove(rec, a):
    from lsst.daf.butler import Butler

    M = {"1k": 1000, "10k": 10000}[a.size]
    root = os.path.join(a.scratch, "a")
    b = ingest_repo(root, a.db, M, "bench_rm")
    refs = b.query_datasets("raw", "raw/all", limit=None)
    half = refs[: M // 2]
    files0 = sum(1 for _ in glob.iglob(root + "/**/*.json", recursive=True))
    with rec.phase("prune_datasets", n=len(half)) as r, profiled(a.profile):
        b.pruneDatasets(half, disassociate=True, unstore=True, purge=True)
    files1 = sum(1 for _ in glob.iglob(root + "/**/*.json", recursive=True))
    rec.check(
        r,
        left=(len(b.query_datasets("raw", "raw/all", limit=None)), M - len(half)),
        unlinked=(files0 - files1, len(half)),
    )
    with rec.phase("remove_run", n=M - len(half)) as r, profiled(a.profile and a.profile + ".run"):
        b.removeRuns(["raw/all"])
    rec.check(
        r,
        left=(
            len(b.query_datasets("raw", "raw*", find_first=False, limit=None, explain=False))
            if b.collections.query("raw*")
            else 0,
            0,
        ),
        files=(sum(1 for _ in glob.iglob(root + "/**/*.json", recursive=True)), 0),
    )


# ---------------------------------------------------------------- 8 qgraph
def build_qg_repo(root, size, db):
    from lsst.daf.butler import CollectionType, DatasetRef, FileDataset, Timespan

    E, n_det, side = spec.QG_SIZES[size]
    b = make_repo(root, db, "bench_qg_" + size)
    load_dims(b, E, n_det, side, vdr=E)
    raw = ied_type(b, "raw")
    b.collections.register("raw/all")
    shared = os.path.join(os.path.dirname(root), "shared.json")
    with open(shared, "w") as f:
        json.dump(spec.small_dict(0), f)
    for s in range(0, E, 50):
        ids = data_ids(
            b, IED, [(spec.INSTRUMENT, spec.exposure_id(k), d) for k in range(s, min(s + 50, E)) for d in range(n_det)]
        )
        refs = [DatasetRef(raw, i, run="raw/all") for i in ids]
        b.ingest(FileDataset(path=shared, refs=refs), transfer="direct")
    bias = ied_type(b, "bias", dims=("instrument", "detector"), isCalibration=True)
    flat = ied_type(b, "flat", dims=("instrument", "detector", "physical_filter"), isCalibration=True)
    b.collections.register("calib", CollectionType.CALIBRATION)
    for i, ep in enumerate(spec.calib_epochs(E, 2)):
        run = f"calib/run/{i}"
        b.collections.register(run)
        allrefs = []
        for dt, dims, pairs in (
            (bias, ("instrument", "detector"), [(spec.INSTRUMENT, d) for d in range(n_det)]),
            (
                flat,
                ("instrument", "detector", "physical_filter"),
                [(spec.INSTRUMENT, d, f) for d in range(n_det) for f in spec.FILTERS],
            ),
        ):
            refs = [DatasetRef(dt, x, run=run) for x in data_ids(b, dims, pairs)]
            b.ingest(FileDataset(path=shared, refs=refs), transfer="direct")
            allrefs += refs
        b.registry.certify("calib", allrefs, Timespan(None, None, _nsec=ep))
    b.collections.register("in", CollectionType.CHAINED)
    b.collections.redefine_chain("in", ["raw/all", "calib"])
    return b


def expected_quanta(size):
    E, n_det, side = spec.QG_SIZES[size]
    return {"isr": E * n_det, "calibrate": E * n_det, "gather": E}


def w_qgraph(rec, a):
    from lsst.daf.butler import Butler
    from lsst.pipe.base import Pipeline
    from lsst.pipe.base.all_dimensions_quantum_graph_builder import AllDimensionsQuantumGraphBuilder
    from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

    root = os.path.join(a.scratch, "repo")
    E, n_det, side = spec.QG_SIZES[a.size]
    if not os.path.exists(root):
        with rec.phase("setup", n=E * n_det):
            build_qg_repo(root, a.size, a.db).close()
    qg_file = os.path.join(a.scratch, "graph.qg")
    b = Butler.from_config(root, writeable=False)
    where = f"instrument='{spec.INSTRUMENT}' AND skymap='{spec.SKYMAP}'"
    with rec.phase("build") as r, profiled(a.profile):
        pg = Pipeline.fromFile(os.path.join(HERE, "lsst_drp.yaml")).to_graph()
        builder = AllDimensionsQuantumGraphBuilder(pg, b, where=where, input_collections=["in"], output_run="out/run")
        comps = builder.finish(output="out", attach_datastore_records=True)
    nq = comps.header.n_quanta
    r["n"] = nq
    r["per_item_us"] = r["wall_adj_s"] / nq * 1e6
    counts = {k: len(v) for k, v in comps.thin_graph.quanta.items()}
    rec.check(
        r,
        **{k: (counts[k], expected_quanta(a.size).get(k)) for k in counts},
        n_datasets=(comps.header.n_datasets, None),
    )
    with rec.phase("write", n=nq) as r, profiled(a.profile and a.profile + ".write"):
        comps.write(qg_file)
    r["extra"]["bytes"] = os.path.getsize(qg_file)
    some = [q.quantum_id for qs in comps.thin_graph.quanta.values() for q in qs[len(qs) // 2 : len(qs) // 2 + 1]]
    del comps, builder
    with rec.phase("load_full", n=nq) as r, profiled(a.profile and a.profile + ".load"):
        qg = PredictedQuantumGraph.read_execution_quanta(qg_file)
    rec.check(r, n=(len(qg), nq))
    if nq <= 20000:
        with rec.phase("load_full_build_execution_quanta", n=nq) as r:
            m = qg.build_execution_quanta()
        rec.check(r, n=(len(m), nq))
        del m
    del qg
    with rec.phase("load_thin", n=nq) as r:
        with PredictedQuantumGraph.open(qg_file) as reader:
            reader.read_thin_graph()
            qg = reader.finish()
    rec.check(r, n=(len(qg), nq))
    del qg
    with rec.phase("load_one_quantum", n=1) as r:
        qg = PredictedQuantumGraph.read_execution_quanta(qg_file, some[:1])
        m = qg.build_execution_quanta()
    rec.check(r, n=(len(m), 1))
    code = (
        "import sys, uuid\n"
        "from lsst.pipe.base.quantum_graph import PredictedQuantumGraph as P\n"
        "ids = [uuid.UUID(x) for x in sys.argv[2:]] or None\n"
        "q = P.read_execution_quanta(sys.argv[1], ids)\n"
        "assert len(q) == len(ids) if ids else True\n"
        "m = q.build_execution_quanta() if ids else None\n"
        "print(len(q), [x.split()[1] for x in open('/proc/self/status') if x.startswith('VmHWM')][0])\n"
    )
    for name, ids in (("cold_load_one_quantum", [str(some[0])]), ("cold_load_full", [])):
        with rec.phase(name, n=1 if ids else nq) as r:
            out = run_cli([sys.executable, "-c", code, qg_file, *ids], a.scratch).stdout.split()
        rec.check(r, n=(int(out[0]), 1 if ids else nq))
        r["rss_peak_mb"] = round(int(out[1]) / 1024, 1)
    if a.size in ("1k", "10k"):
        with rec.phase("cli_pipetask_qgraph", n=nq) as r:
            run_cli(
                [
                    os.path.join(BIN, "pipetask"),
                    "qgraph",
                    "-b",
                    root,
                    "-i",
                    "in",
                    "--output-run",
                    "out/run2",
                    "-p",
                    os.path.join(HERE, "lsst_drp.yaml"),
                    "-d",
                    where,
                    "--qgraph-datastore-records",
                    "-q",
                    os.path.join(a.scratch, "cli.qg"),
                ],
                a.scratch,
            )


# ------------------------------------------------------------------ 9 exec
def w_exec(rec, a):
    """size: N quanta; phases run pipetask run -j1, -j2 and the quantum-backed sequence."""
    from lsst.daf.butler import Butler

    N = {"25": 25, "100": 100, "1k": 1000}[a.size]
    root = os.path.join(a.scratch, "repo")
    ingest_repo(root, a.db, N, "bench_exec", n_det=100).close()
    pipetask, butler = os.path.join(BIN, "pipetask"), os.path.join(BIN, "butler")
    pipe = os.path.join(HERE, "lsst_noop.yaml")
    where = f"instrument='{spec.INSTRUMENT}'"

    def check(r, run):
        b = Butler.from_config(root, writeable=False)
        refs = b.query_datasets("noop_out", run, limit=None)
        mid = b.get(refs[N // 2])
        rec.check(
            r,
            n=(len(refs), N),
            value=(mid["done"], True),
            metadata=(len(b.query_datasets("noop_metadata", run, limit=None)), N),
            logs=(len(b.query_datasets("noop_log", run, limit=None)), N),
        )

    with rec.phase("qgraph", n=N):
        run_cli(
            [
                pipetask,
                "qgraph",
                "-b",
                root,
                "-i",
                "raw/all",
                "--output-run",
                "x/0",
                "-p",
                pipe,
                "-d",
                where,
                "-q",
                os.path.join(a.scratch, "x.qg"),
            ],
            a.scratch,
        )
    # -j2 starts one new interpreter per quantum, so it is only run for small graphs.
    run_only = bool(os.environ.get("BENCH_RUN_ONLY"))
    most = 25 if run_only else 100
    variants = [("1", [])] + (
        [("2", []), ("2f", ["--start-method", "forkserver"])][: 1 if run_only else 2] if most >= N else []
    )
    for tag, opt in variants:
        with rec.phase(f"run_j{tag}", n=N) as r:
            run_cli(
                [
                    pipetask,
                    "run",
                    "-j",
                    tag[0],
                    *opt,
                    "-b",
                    root,
                    "-i",
                    "raw/all",
                    "--output-run",
                    f"run/j{tag}",
                    "--register-dataset-types",
                    "-p",
                    pipe,
                    "-d",
                    where,
                ],
                a.scratch,
            )
        check(r, f"run/j{tag}")
    if run_only:
        return
    if a.profile:
        with rec.phase("profile_run_j1", n=N):
            run_cli(
                [
                    sys.executable,
                    "-m",
                    "cProfile",
                    "-o",
                    a.profile,
                    pipetask,
                    "run",
                    "-j",
                    "1",
                    "-b",
                    root,
                    "-i",
                    "raw/all",
                    "--output-run",
                    "run/prof",
                    "--register-dataset-types",
                    "-p",
                    pipe,
                    "-d",
                    where,
                ],
                a.scratch,
            )
    for tag, back in (("1", "transfer_from_graph"), ("1b", "aggregate_graph")):
        qg = os.path.join(a.scratch, f"q{tag}.qg")
        run = f"qbb/j{tag}"
        with rec.phase(f"qbb_j{tag}_qgraph", n=N):
            run_cli(
                [
                    pipetask,
                    "qgraph",
                    "-b",
                    root,
                    "-i",
                    "raw/all",
                    "--output",
                    f"qbb{tag}",
                    "--output-run",
                    run,
                    "-p",
                    pipe,
                    "-d",
                    where,
                    "--qgraph-datastore-records",
                    "-q",
                    qg,
                ],
                a.scratch,
            )
        with rec.phase(f"qbb_j{tag}_preexec", n=N):
            run_cli([pipetask, "pre-exec-init-qbb", root, qg], a.scratch)
        with rec.phase(f"qbb_j{tag}_run", n=N):
            run_cli([pipetask, "run-qbb", "-j", "1", root, qg], a.scratch)
        with rec.phase(f"qbb_j{tag}_{back}", n=N) as r:
            run_cli(
                [butler, back.replace("_", "-"), qg, root, "--register-dataset-types", "--update-output-chain"],
                a.scratch,
            )
        check(r, run)
    # One quantum per process, the way batch systems run it.
    with rec.phase("qbb_one_quantum_process", n=1):
        import re

        qg = os.path.join(a.scratch, "q3.qg")
        run_cli(
            [
                pipetask,
                "qgraph",
                "-b",
                root,
                "-i",
                "raw/all",
                "--output",
                "qbb3",
                "--output-run",
                "qbb/j3",
                "-p",
                pipe,
                "-d",
                where,
                "--qgraph-datastore-records",
                "-q",
                qg,
            ],
            a.scratch,
        )
        run_cli([pipetask, "pre-exec-init-qbb", root, qg], a.scratch)
    from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

    with PredictedQuantumGraph.open(qg) as reader:
        reader.read_thin_graph()
        qid = next(iter(reader.finish()))
    rec.records.pop()
    with rec.phase("qbb_one_quantum_process", n=1):
        run_cli([pipetask, "run-qbb", "--qgraph-node-id", str(qid), root, qg], a.scratch)


# ----------------------------------------------------------- 10 concurrency
def conc_worker(root, w, n):
    from lsst.daf.butler import Butler

    b = Butler.from_config(root, writeable=True)
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


def w_concurrency(rec, a):
    P, n = 4, {"25": 25, "250": 250}[a.size]
    root = os.path.join(a.scratch, "repo")
    b = make_repo(root, a.db, "bench_conc")
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
    r["per_item_us"] = r["wall_adj_s"] / (P * n) * 1e6
    errs = [e for o in outs for e in o["errors"]]
    lat = [x for o in outs for x in o["lat"]]
    r["extra"].update(common.percentiles(lat))
    r["extra"].update(
        errors=len(errs),
        first_error=errs[:1],
        puts_per_s=P * n / max(o["wall_s"] for o in outs),
        wall_by_process=[round(o["wall_s"], 3) for o in outs],
    )
    from lsst.daf.butler import Butler

    b = Butler.from_config(root, writeable=False)
    rec.check(r, n=(len(b.query_datasets("thing", "run1", limit=None)), P * n))


WORKLOADS = {k[2:]: v for k, v in list(globals().items()) if k.startswith("w_")}

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--worker":
        conc_worker(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        import logging

        logging.getLogger("lsst").setLevel(logging.ERROR)
        common.main("lsst", WORKLOADS)

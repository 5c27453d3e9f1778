"""Files into an S3 service and out of it by the LSST Data Butler; `object_store_bench.py --theirs PYTHON` starts this.

    python object_store_reference.py FOLDER PREFIX FILE...

The environment names the service, as for Bunter. Prints one line of JSON: CPU and wall seconds of ingest and of retrieval, by the reference and by boto3 alone.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ["S3_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL"]

from lsst.daf.butler import Butler, Config, DatasetRef, DatasetType, FileDataset


def timed(act):
    begin = time.perf_counter(), time.process_time()
    found = act()
    return found, [time.perf_counter() - begin[0], time.process_time() - begin[1]]


def new_butler(folder, prefix, count):
    config = Config()
    config["datastore", "root"] = f"s3://bucket/{prefix}/"
    config["registry", "db"] = f"sqlite:///{folder}/gen3.sqlite3"
    Butler.makeRepo(str(folder), config=config, forceConfigRoot=False)
    butler = Butler.from_config(str(folder), writeable=True)
    butler.registry.insertDimensionData(
        "instrument",
        {
            "name": "Cam",
            "visit_max": 1,
            "exposure_max": 1,
            "detector_max": count,
            "class_name": "lsst.obs.base.Instrument",
        },
    )
    butler.registry.insertDimensionData(
        "detector", *[{"instrument": "Cam", "id": n, "full_name": f"D{n}"} for n in range(count)]
    )
    butler.registry.registerDatasetType(
        DatasetType("blob", ("instrument", "detector"), "StructuredDataDict", universe=butler.dimensions)
    )
    butler.collections.register("run")
    return butler


def main():
    folder, prefix, paths = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if paths[0].startswith("@"):
        paths = Path(paths[0][1:]).read_text().split()
    butler = new_butler(folder / "repo", prefix, len(paths))
    kind = butler.get_dataset_type("blob")
    ids = [butler.registry.expandDataId(instrument="Cam", detector=n) for n in range(len(paths))]
    refs = [DatasetRef(kind, each, "run") for each in ids]
    files = [
        FileDataset(path, [ref], formatter="lsst.daf.butler.formatters.json.JsonFormatter")
        for path, ref in zip(paths, refs, strict=True)
    ]
    _, ingest = timed(lambda: butler.ingest(*files, transfer="copy"))
    (folder / "out").mkdir()
    found, out = timed(
        lambda: butler.retrieveArtifacts(refs, str(folder / "out"), transfer="copy", preserve_path=False)
    )
    told = {"ingest": ingest, "retrieve": out, "files": len(list(found))} | boto3_alone(folder / "alone", prefix, paths)
    print(json.dumps(told))


def boto3_alone(folder, prefix, paths):
    """Send and fetch the same files by the client that the reference uses, without anything else."""
    import boto3

    client = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT_URL"])
    folder.mkdir()

    def send(path):
        client.upload_file(path, "bucket", f"{prefix}/alone/{Path(path).name}")

    def fetch(path):
        client.download_file("bucket", f"{prefix}/alone/{Path(path).name}", str(folder / Path(path).name))

    told = {}
    with ThreadPoolExecutor(10) as pool:
        for name, act in (("ingest", send), ("retrieve", fetch)):
            told[f"boto3 {name}"] = timed(lambda act=act: list(pool.map(act, paths)))[1]
    return told


if __name__ == "__main__":
    main()

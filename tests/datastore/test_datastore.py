import pickle
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table

from bunter.dataset import DatasetType, StoredArtifact
from bunter.datastore import MAIN, Datastore, DatastoreConfig, Transfer
from bunter.dimensions import Universe
from bunter.errors import (
    ConfigurationError,
    FileIntegrityError,
    FormatError,
    IngestError,
    KeyMissingError,
    StorageClassError,
)
from bunter.values import ByteRange, new_nonce

UNIVERSE = Universe.default()
EXPOSURES = UNIVERSE.conform(["exposure", "detector"])
DATA_ID = {"instrument": "Cam", "exposure": 12, "detector": 3}


def kind(storage_class, name="thing"):
    return DatasetType(name, EXPOSURES, storage_class)


@pytest.fixture(params=["local", "memory"])
def datastore(request, tmp_path):
    store = Datastore.local(tmp_path / "data") if request.param == "local" else Datastore.memory()
    yield store
    store.close()


@pytest.fixture
def local(tmp_path):
    return Datastore.local(tmp_path / "data")


def put(datastore, obj, dataset_type):
    encoded = datastore.encode(obj, dataset_type)
    nonce = new_nonce()
    key = datastore.key_for(dataset_type, DATA_ID, "u/me", nonce, encoded.extension)
    staged = datastore.stage(key, encoded.data)
    datastore.publish([staged])
    datastore.settle([staged])
    row = datastore.row(staged, nonce, encoded.format, encoded.version)
    return stored(row, key)


def stored(row, key, **changed):
    fields = {
        "dataset_id": b"i" * 16,
        "component": "",
        "key": key,
        "datastore": row.datastore,
        "size": row.size,
        "sha256": row.sha256,
        "xxh3": row.xxh3,
        "format": row.format,
        "format_version": row.format_version,
        "owned": row.owned,
        "selector": "",
    }
    return StoredArtifact(**{**fields, **changed})


def test_a_dataset_comes_back_as_its_storage_class(datastore):
    table = Table({"x": [1.5, 2.5], "name": ["a", "b"]})
    item = put(datastore, table, kind("AstropyTable"))
    assert item.key.startswith("u/me/thing/12/thing_Cam_3_12-")
    assert item.key.endswith(".parquet")
    assert (datastore.read([item], storage_class="AstropyTable") == table).all()
    assert list(datastore.read([item], storage_class="DataFrame")["x"]) == [1.5, 2.5]
    assert datastore.read([item], storage_class="ArrowTable").num_rows == 2
    assert datastore.read([item], storage_class="AstropyTable", component="rowcount") == 2
    assert datastore.read([item], storage_class="AstropyTable", component="columns") == ["x", "name"]
    part = datastore.read([item], storage_class="AstropyTable", parameters={"columns": ["name"], "rows": (1, 2)})
    assert part.colnames == ["name"]
    assert list(part["name"]) == ["b"]
    with pytest.raises(FormatError, match="no column nothing"):
        datastore.read([item], storage_class="AstropyTable", parameters={"columns": ["nothing"]})


def test_an_object_of_another_type_is_converted_or_refused(datastore):
    import pandas as pd

    item = put(datastore, pd.DataFrame({"x": [1]}), kind("AstropyTable"))
    assert isinstance(datastore.read([item], storage_class="AstropyTable"), Table)
    with pytest.raises(StorageClassError):
        datastore.encode([1, 2], kind("AstropyTable"))


def test_any_changed_bit_is_found_when_the_whole_is_read(local):
    item = put(local, {"a": 1, "b": [1, 2]}, kind("StructuredDataDict"))
    path = local.uri(item).path
    whole = path.read_bytes()
    for bit in range(0, len(whole) * 8, 7):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(FileIntegrityError, match="damaged"):
            local.read([item], storage_class="StructuredDataDict")
    path.write_bytes(whole + b" ")
    with pytest.raises(FileIntegrityError, match="bytes"):
        local.read([item], storage_class="StructuredDataDict")


def test_a_missing_artifact_is_named(datastore):
    item = put(datastore, "text", kind("Text"))
    datastore.delete([item.key])
    assert datastore.exists_many([item]) == [False]
    for read in (lambda: datastore.read([item], storage_class="Text"), datastore.uri(item).read):
        with pytest.raises(KeyMissingError, match="thing_Cam_3_12"):
            read()


def test_a_uri_opens_reads_and_tells_where(datastore):
    item = put(datastore, "some text", kind("Text"))
    uri = datastore.uri(item)
    assert uri.exists()
    assert uri.read() == b"some text"
    assert uri.read_range(5, 4) == b"text"
    with uri.open() as file:
        assert file.read() == b"some text"
    assert str(uri).startswith(("file:///", "memory:"))


def test_formats_and_templates_are_looked_up_from_special_to_general():
    config = DatastoreConfig(
        formats={"StructuredDataDict": "yaml", "special": "json"},
        templates={"default": "{run:/}/flat/{dataset_type}", "special": "{run:/}/{instrument}/x"},
    )
    datastore = Datastore.memory(config)
    special, other = kind("StructuredDataDict", "special"), kind("StructuredDataDict")
    assert datastore.encode({}, special).format == "json"
    assert datastore.encode({}, other).format == "yaml"
    assert datastore.key_for(special, DATA_ID, "r", "n", ".json") == "r/Cam/x-n.json"
    assert datastore.key_for(other, DATA_ID, "r", "n", ".yaml") == "r/flat/thing-n.yaml"


def test_constraints_keep_datasets_out():
    refusing = Datastore.memory(DatastoreConfig(constraints={"reject": ("thing",)}))
    picky = Datastore.memory(DatastoreConfig(constraints={"accept": ("CCDData",)}))
    for datastore in (refusing, picky):
        assert not datastore.accepts(kind("Text"))
        with pytest.raises(ConfigurationError, match="does not take 'thing'"):
            datastore.encode("x", kind("Text"))
    assert picky.accepts(kind("CCDData"))


@pytest.mark.parametrize(
    ("constraints", "taken"),
    [
        ({"accept": ("all",), "reject": ("thing",)}, False),
        ({"accept": ("thing",), "reject": ("all",)}, True),
        ({"accept": ("Text",), "reject": ("thing",)}, True),
        ({"reject": ("all",)}, False),
        ({"accept": ("all",)}, True),
    ],
)
def test_what_is_named_counts_more_than_all_and_acceptance_more_than_refusal(constraints, taken):
    assert Datastore.memory(DatastoreConfig(constraints=constraints)).accepts(kind("Text")) is taken


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"stores": {"a": {"root": "./data"}}}, "the stores 'a' and 'main' have the same root"),
        ({"stores": {"a": {"root": "s3://x/y"}, "b": {"root": "s3://x/y/"}}}, "'a' and 'b' have the same root"),
        ({"stores": {"a": {"root": "data/../data/deep"}}}, "'a' at 'data/../data/deep' lies inside the store 'main'"),
        ({"root": "deep/data", "stores": {"a": {"root": "deep"}}}, "'main' at 'deep/data' lies inside the store 'a'"),
        ({"stores": {"a": {"root": "s3://x"}, "b": {"root": "s3://x/y/", "read_only": True}}}, "'b' at .* lies inside"),
        ({"root": ".", "stores": {"a": {"root": "more"}}}, "'a' at 'more' lies inside"),
        ({"stores": {"a": {"root": "a", "read_only": True, "copies": True}}}, "takes no copies"),
        ({"constraints": {"accept": ["instrument<Cam"]}}, "write 'instrument<NAME>'"),
    ],
)
def test_a_chain_that_cannot_be_is_a_sentence(config, sentence):
    with pytest.raises(ValueError, match=sentence):
        DatastoreConfig.model_validate(config)


def test_a_format_of_a_later_version_is_not_misread(datastore):
    item = put(datastore, "text", kind("Text"))
    later = StoredArtifact(
        *(
            getattr(item, name)
            for name in ("dataset_id", "component", "key", "datastore", "size", "sha256", "xxh3", "format")
        ),
        99,
        True,
        "",
    )
    with pytest.raises(FormatError, match="upgrade"):
        datastore.read([later], storage_class="Text")


def test_members_of_a_shared_artifact_are_read_alone(local):
    from bunter.datastore.formats.text import JsonLinesFormat

    lines = [JsonLinesFormat.line({"n": n, "text": "x" * n}) for n in range(5)]
    staged = local.stage("run/metadata-n.jsonl", b"".join(lines))
    local.publish([staged])
    begin = sum(map(len, lines[:3]))
    selector = f"{begin}:{len(lines[3])}"
    assert JsonLinesFormat().member(selector) == ByteRange(begin, len(lines[3]))
    row = local.row(staged, "n", "jsonl")
    item = stored(row, staged.key, selector=selector)
    assert local.read([item], storage_class="TaskMetadata") == {"n": 3, "text": "xxx"}


@pytest.fixture
def raw(tmp_path):
    """A frame of three detectors as a camera writes it."""
    hdus = [fits.PrimaryHDU()]
    hdus[0].header.update({"OBJECT": "M 31", "EXPTIME": 30.0, "FILTER": "r", "GAIN": 9.0})
    for i in range(1, 4):
        hdu = fits.ImageHDU((np.arange(600).reshape(20, 30) + i * 1000).astype("u2"), name=f"CCD{i}")
        hdu.header.update({"GAIN": 1.5 + i, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 10.0, "CRPIX2": 5.0})
        hdu.header.update({"CRVAL1": 10.0, "CRVAL2": 20.0, "CD1_1": -1e-4, "CD2_2": 1e-4})
        hdus.append(hdu)
    path = tmp_path / "frame.fits"
    fits.HDUList(hdus).writeto(path)
    return path


@pytest.mark.parametrize("selector", ["2", "CCD2"])
def test_one_detector_of_a_raw_frame_is_read_with_the_merged_header(local, raw, selector):
    [staged] = local.ingest_stage([raw], transfer="direct")
    item = stored(local.row(staged, "n", "fits"), staged.key, selector=selector)
    frame = local.read([item], storage_class="Raw")
    assert isinstance(frame, CCDData)
    assert frame.data.dtype == np.uint16
    assert frame.data[0, 1] == 2001
    assert frame.header["OBJECT"] == "M 31"
    assert frame.header["GAIN"] == 3.5
    assert frame.header["EXTNAME"] == "CCD2"
    assert "NAXIS" not in frame.header
    assert str(frame.unit) == "adu"
    cut = local.read([item], storage_class="Raw", parameters={"bbox": (4, 2, 10, 8)})
    assert (cut.data == frame.data[2:8, 4:10]).all()
    assert np.allclose(cut.wcs.all_pix2world([[0, 0]], 0), frame.wcs.all_pix2world([[4, 2]], 0), rtol=0, atol=1e-12)
    assert local.read([item], storage_class="Raw", component="header")["GAIN"] == 3.5
    assert local.read([item], storage_class="Raw", component="wcs").array_shape == (20, 30)


def test_a_detector_of_a_compressed_frame_is_read_and_a_cut_one_refused(local, tmp_path):
    hdus = [fits.PrimaryHDU()]
    hdus += [fits.CompImageHDU(np.full((200, 300), i, "u2"), name=f"CCD{i}") for i in (1, 2)]
    path = tmp_path / "frame.fits.fz"
    fits.HDUList(hdus).writeto(path)
    [staged] = local.ingest_stage([path], transfer="direct")
    item = stored(local.row(staged, "n", "fits"), staged.key, selector="2")
    frame = local.read([item], storage_class="Raw", parameters={"bbox": (0, 0, 30, 20)})
    assert frame.data.shape == (20, 30)
    assert frame.data[0, 0] == 2
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 2880)
    with pytest.raises(FormatError, match="cut short"):
        local.read([item], storage_class="Raw")


def test_only_the_detector_asked_for_is_read(local, raw):
    [staged] = local.ingest_stage([raw], transfer="direct")
    with raw.open("r+b") as file:
        file.truncate(raw.stat().st_size - 2880)
    item = stored(local.row(staged, "n", "fits"), staged.key, selector="1")
    assert local.read([item], storage_class="Raw").data[0, 0] == 1000
    third = stored(local.row(staged, "n", "fits"), staged.key, selector="3")
    with pytest.raises(FormatError, match="cut short"):
        local.read([third], storage_class="Raw")


def test_a_detector_that_is_not_there_is_refused_with_those_that_are(local, raw):
    [staged] = local.ingest_stage([raw], transfer="direct")
    for selector in ("4", "CCD9"):
        item = stored(local.row(staged, "n", "fits"), staged.key, selector=selector)
        with pytest.raises(FormatError, match="1 CCD1, 2 CCD2, 3 CCD3"):
            local.read([item], storage_class="Raw")


@pytest.mark.parametrize("box", [(0, 0, 31, 20), (-1, 0, 5, 5), (5, 5, 5, 9), (1, 2, 3), "x"])
def test_a_box_outside_the_image_is_refused(local, raw, box):
    [staged] = local.ingest_stage([raw], transfer="direct")
    item = stored(local.row(staged, "n", "fits"), staged.key, selector="1")
    with pytest.raises(FormatError, match="bbox"):
        local.read([item], storage_class="Raw", parameters={"bbox": box})


def test_components_of_an_image_are_read_alone(datastore):
    rng = np.random.default_rng(2)
    image = CCDData(rng.random((4, 5)).astype("f4"), unit="adu", mask=rng.random((4, 5)) > 0.5, meta={"OBJECT": "x"})
    item = put(datastore, image, kind("CCDData"))
    read = {
        name: datastore.read([item], storage_class="CCDData", component=name)
        for name in ("image", "mask", "uncertainty", "variance", "wcs", "header", "unit", "shape")
    }
    assert (read["image"] == image.data).all()
    assert (read["mask"] == image.mask).all()
    assert read["uncertainty"] is read["variance"] is read["wcs"] is None
    assert read["header"]["OBJECT"] == "x"
    assert (read["unit"], read["shape"]) == ("adu", [4, 5])
    with pytest.raises(FormatError, match="no component 'psi'"):
        datastore.read([item], storage_class="CCDData", component="psi")


def test_files_inside_the_store_stay_where_they_are(local, tmp_path):
    inside = tmp_path / "data" / "night" / "1.fits"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(b"frame")
    [staged] = local.ingest_stage([inside])
    assert (staged.key, staged.owned, staged.owner) == ("night/1.fits", False, "")
    local.publish([staged])
    local.discard([staged])
    assert inside.exists()


def test_auto_takes_files_inside_and_outside_together(local, tmp_path):
    inside, outside = tmp_path / "data" / "in", tmp_path / "out"
    inside.parent.mkdir()
    for path in (inside, outside):
        path.write_bytes(b"x")
    staged = local.ingest_stage([inside, outside], keys=["unused", "run/out-n"])
    local.publish(staged)
    local.settle(staged)
    assert [item.key for item in staged] == ["in", "run/out-n"]
    assert (tmp_path / "data/run/out-n").samefile(outside)


def test_direct_files_are_known_by_absolute_path_and_never_removed(local, tmp_path, monkeypatch):
    (tmp_path / "frame").write_bytes(b"text")
    monkeypatch.chdir(tmp_path)
    [staged] = local.ingest_stage(["./frame"], transfer=Transfer.DIRECT)
    item = stored(local.row(staged, "n", "text"), staged.key)
    assert item.key == str(tmp_path / "frame")
    assert local.read([item], storage_class="Text") == "text"
    assert local.exists_many([item]) == [True]
    local.publish([staged])
    local.settle([staged])
    local.discard([staged])
    assert (tmp_path / "frame").exists()


def test_all_missing_files_are_named_and_none_is_staged(local, tmp_path):
    (tmp_path / "there").write_bytes(b"x")
    paths = [tmp_path / name for name in ("there", "lost1", "lost2")] + [tmp_path]
    with pytest.raises(IngestError) as caught:
        local.ingest_stage(paths, transfer="copy", keys=["a", "b", "c", "d"])
    assert [path for path, _ in caught.value.rejected] == [
        str(tmp_path / "lost1"),
        str(tmp_path / "lost2"),
        str(tmp_path),
    ]
    assert list(local.stores[MAIN].staged()) == []


def test_a_failing_transfer_takes_back_those_before(local, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(FileExistsError):
        local.ingest_stage([tmp_path / "a", tmp_path / "b"], transfer="copy", keys=["k", "k"])
    assert list(local.stores[MAIN].staged()) == []


def test_a_datastore_is_pickled_without_its_owner(local):
    item = put(local, "text", kind("Text"))
    copy = pickle.loads(pickle.dumps(local))
    assert copy.read([item], storage_class="Text") == "text"
    assert copy.owner != local.owner
    copy.close()


def test_heavy_libraries_are_not_imported_with_the_datastore():
    code = (
        "import sys, bunter.datastore; print({'numpy', 'pyarrow', 'astropy', 'pydantic', 'sqlite3'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"

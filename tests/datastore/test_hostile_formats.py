"""Files of strangers: each is refused by one sentence, or read as plain content; no code runs, no other file is read."""

import gzip
import io
import json
import random
import zipfile

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table

from bunter.datastore import ReadRequest, format_of
from bunter.errors import FormatError

WHOLE = ReadRequest()


def refuse(name, data, message, request=WHOLE):
    with pytest.raises(FormatError, match=message):
        format_of(name).from_bytes(data, request)


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory():
    bomb = gzip.compress(bytes(70 << 20), 9)
    assert len(bomb) < 1 << 20
    refuse("fits", bomb, "attack on the memory")


def test_a_zip_bomb_is_refused_by_its_directory():
    pytest.importorskip("zarr")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("zarr.json", b"{}" + bytes(100 << 20))
    refuse("zarr", out.getvalue(), "attack on the memory")


def test_arrays_that_are_nearly_nothing_in_the_file_are_refused():
    h5py = pytest.importorskip("h5py")
    out = io.BytesIO()
    with h5py.File(out, "w") as target:
        target.create_dataset("x", shape=(1_000_000, 1_000_000), dtype="f8", chunks=(1000, 1000))
    refuse("hdf5", out.getvalue(), "attack on the memory")
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)})
    refuse("npy", head.getvalue() + bytes(100), "not a NumPy array")
    header = fits.PrimaryHDU().header
    header.update({"NAXIS": 2, "BITPIX": -64})
    header.set("NAXIS1", 10**7, after="NAXIS")
    header.set("NAXIS2", 10**7, after="NAXIS1")
    refuse("fits", header.tostring().encode(), "cut short")


def test_links_to_other_files_are_not_followed(tmp_path):
    h5py = pytest.importorskip("h5py")
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as target:
        target["x"] = [1, 2]
    (tmp_path / "secret.raw").write_bytes(bytes(80))
    for make in (
        lambda target: target.__setitem__("x", h5py.ExternalLink(str(secret), "x")),
        lambda target: target.create_dataset("x", (10,), "f8", external=[(str(tmp_path / "secret.raw"), 0, 80)]),
    ):
        path = tmp_path / "attack.h5"
        with h5py.File(path, "w") as target:
            make(target)
        refuse("hdf5", path.read_bytes(), "not followed|not read")


def test_a_tree_that_points_to_another_file_is_refused():
    pytest.importorskip("asdf")
    head = "#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"
    array = (
        "x: !core/ndarray-1.1.0 {source: 'file:///etc/passwd', datatype: uint8, byteorder: little, shape: [10]}\n...\n"
    )
    refuse("asdf", (head + array).encode(), "points to another")
    refuse("asdf", (head + "x: {$ref: 'file:///etc/passwd'}\n...\n").encode(), "points to another")


def test_codecs_that_run_code_are_refused():
    pytest.importorskip("zarr")
    metadata = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": None, "order": "C",
        "compressor": None, "filters": [{"id": "pickle"}],
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr(".zgroup", json.dumps({"zarr_format": 2}))
        target.writestr("x/.zarray", json.dumps(metadata))
    refuse("zarr", out.getvalue(), "pickle, which is not known to be harmless")


def test_yaml_makes_plain_values_only():
    refuse("yaml", b"!!python/object/apply:os.system ['false']", "not YAML")
    laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
    )
    refuse("yaml", laughs.encode(), "attack on the memory")
    refuse("yaml", b"a: &a [*a]", "contains itself")


def test_deep_nesting_is_an_error_and_no_crash():
    refuse("json", b"[" * 200_000, "not JSON")
    refuse("yaml", b"[" * 200_000, "not YAML")


def contents():
    image = CCDData(np.arange(60_000.0).reshape(200, 300), unit="adu", mask=np.zeros((200, 300), bool))
    table = Table({"x": np.arange(100), "s": [f"row {i}" for i in range(100)]})
    array = np.arange(1000.0)
    yield from ((name, image) for name in ("fits", "fits:lossless", "fits:lossy", "hdf5", "zarr", "asdf"))
    yield from ((name, table) for name in ("fits", "parquet", "ecsv", "hdf5", "zarr", "asdf"))
    yield "npy", array
    yield from ((name, {"a": [1, {"b": "text"}], "c": None}) for name in ("json", "yaml"))


CONTENTS = list(contents())


@pytest.mark.parametrize(("name", "obj"), CONTENTS, ids=[f"{name}-{type(obj).__name__}" for name, obj in CONTENTS])
def test_cut_and_flipped_files_raise_one_sentence_or_are_read(name, obj):
    for needed, library in (("hdf5", "h5py"), ("zarr", "zarr"), ("asdf", "asdf")):
        if name == needed:
            pytest.importorskip(library)
    form = format_of(name)
    content = form.to_bytes(obj)
    dice = random.Random(7)
    for _ in range(25):
        broken = bytearray(content)
        if dice.random() < 0.4:
            del broken[dice.randrange(len(broken)) :]
        else:
            for _ in range(dice.randrange(1, 9)):
                place = dice.randrange(min(len(broken), 4000) if dice.random() < 0.7 else len(broken))
                broken[place] ^= 1 << dice.randrange(8)
        told = said_of(form, bytes(broken))
        assert "\n" not in told
        assert len(told) < 1000


def said_of(form, content):
    """What is said against content; nothing if it can be read."""
    try:
        form.from_bytes(content, WHOLE)
    except FormatError as exc:
        return str(exc)
    return ""

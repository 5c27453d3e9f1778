"""FITS files compressed with gzip, as archives hand them out."""

import gzip
import io

import numpy as np
import pytest
from astropy.io import fits

from bunter.datastore import ReadRequest, format_of
from bunter.errors import FormatError


@pytest.fixture
def packed(tmp_path):
    plain = tmp_path / "frame.fits"
    fits.PrimaryHDU(np.arange(12, dtype="f4").reshape(3, 4)).writeto(plain)
    path = tmp_path / "frame.fits.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


def test_it_is_read_from_a_file_and_from_memory(packed):
    request = ReadRequest("numpy:ndarray")
    for image in (
        format_of("fits").read_file(io.BytesIO(packed.read_bytes()), request),
        format_of("fits").from_bytes(packed.read_bytes(), request),
    ):
        assert image.tolist() == np.arange(12).reshape(3, 4).tolist()


def test_one_that_is_cut_short_is_named_as_such(packed):
    with pytest.raises(FormatError, match="cut short"):
        format_of("fits").from_bytes(packed.read_bytes()[:-20], ReadRequest("numpy:ndarray"))

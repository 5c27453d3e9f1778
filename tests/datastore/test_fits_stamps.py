"""Stamps of FITS files: what they say is read back, content compares the same, other programs read the file."""

import io
import json
import warnings
from uuid import UUID

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.dataset.stamp import Stamp
from bunter.datastore.format import ReadRequest, format_of
from bunter.datastore.formats.fits_cards import parse_cards
from bunter.datastore.formats.fits_stamp import read_stamp, stamped, stamped_header
from bunter.errors import FormatError
from bunter.values import Pieces

FITS = format_of("fits")
ID = UUID("01a1fdcf-9ceb-7926-97a7-0f74cdd19fd2")


def stamp(run="out/run", inputs=2, **data_id):
    read = tuple((UUID(int=n), "raw") for n in range(inputs))
    return Stamp(ID, "calexp", run, data_id or {"visit": 3}, "isr", "m.Isr", "1.2", "g", 7, {"bunter": "1"}, read)


def image(**meta):
    return CCDData(
        np.arange(600.0).reshape(20, 30), unit="adu", meta={"OBJECT": "M31", **meta}, mask=np.zeros((20, 30), bool)
    )


OBJECTS = {
    "image": image(),
    "array": np.arange(1000, dtype="u2"),
    "table": Table({"a": [1, 2, 3]}),
    "header": fits.Header({"OBJECT": "M31"}),
    "hdus": fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((3, 3)))]),
}


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("recipe", ["fits", "fits:lossless"])
def test_a_stamped_file_is_a_fits_file_that_holds_the_same_and_says_where_it_is_from(tmp_path, name, recipe):
    form = format_of(recipe)
    plain = form.to_bytes(OBJECTS[name])
    marked = bytes(form.stamped(plain, stamp(inputs=3)))
    assert len(marked) % 2880 == 0
    assert marked != plain
    assert form.same(plain, marked)
    assert form.difference(plain, marked) == ""
    (tmp_path / "a.fits").write_bytes(marked)
    read = read_stamp(tmp_path / "a.fits")
    assert read.to_dict() == stamp(inputs=3).to_dict()
    with warnings.catch_warnings(), fits.open(io.BytesIO(marked), checksum=True) as hdus:
        warnings.simplefilter("error")
        hdus.verify("exception")
        assert hdus[0].header["BNTID"] == str(ID)
        assert hdus[0].header["BNTNIN"] == 3
        assert [hdu.header.get("EXTNAME") for hdu in hdus] == [
            h.header.get("EXTNAME") for h in fits.open(io.BytesIO(plain))
        ]


def test_what_is_read_is_what_was_put_without_the_stamp():
    marked = bytes(FITS.stamped(FITS.to_bytes(image()), stamp()))
    read = FITS.from_bytes(marked, ReadRequest("astropy.nddata:CCDData"))
    assert not [name for name in read.meta if name.startswith("BNT")]
    assert read.meta["OBJECT"] == "M31"
    assert FITS.to_bytes(read) == FITS.to_bytes(image())


def test_a_stamp_takes_the_place_of_an_older_one_that_came_along_with_the_header():
    older = fits.open(io.BytesIO(bytes(FITS.stamped(FITS.to_bytes(image()), stamp(run="r" * 500, inputs=90)))))
    written = bytes(FITS.stamped(FITS.to_bytes(older), stamp()))
    assert written.count(b"BNTID ") == 1
    assert b"CONTINUE" not in written
    assert Stamp.from_cards(parse_cards(written[:11520].split(b"END     ")[0])).run == "out/run"
    assert FITS.same(written, FITS.to_bytes(older))


def test_the_same_work_gives_the_same_bytes_and_other_pixels_are_another_content():
    once, again = (bytes(FITS.stamped(FITS.to_bytes(image()), stamp())) for _ in range(2))
    assert once == again
    other = image()
    other.data[0, 0] = 9
    assert not FITS.same(once, bytes(FITS.stamped(FITS.to_bytes(other), stamp())))


def test_pieces_are_stamped_as_they_go_by():
    plain = FITS.to_pieces(image())
    marked = stamped(plain, stamp())
    assert isinstance(marked, Pieces)
    for _ in range(2):
        assert bytes(marked) == stamped_header(bytes(plain), stamp())


def test_a_checksum_that_would_be_wrong_goes():
    hdus = fits.HDUList([fits.PrimaryHDU(np.ones((4, 4)))])
    hdus[0].add_checksum()
    out = io.BytesIO()
    hdus.writeto(out)
    marked = stamped_header(out.getvalue(), stamp())
    header = fits.getheader(io.BytesIO(marked))
    assert "CHECKSUM" not in header
    assert header["DATASUM"] == hdus[0].header["DATASUM"]


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=400).map(str.rstrip)


@given(run=TEXT, value=st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_texts_of_any_length_come_back_by_us_and_by_astropy(run, value):
    made = stamp(run=run, word=value)
    marked = stamped_header(fits.PrimaryHDU().header.tostring().encode(), made)
    end = next(at for at in range(0, len(marked), 80) if marked[at : at + 80].rstrip() == b"END")
    back = Stamp.from_cards(parse_cards(marked[:end]))
    assert (back.run, back.data_id) == (run, {"word": value})
    header = fits.Header.fromstring(marked.decode("ascii"))
    assert header["BNTRUN"] == run
    assert json.loads(header["BNTDATA"]) == {"word": value}


def test_a_header_names_a_hundred_inputs_and_counts_them_all():
    marked = stamped_header(fits.PrimaryHDU().header.tostring().encode(), stamp(inputs=5000))
    header = fits.Header.fromstring(marked.decode("ascii"))
    assert header["BNTNIN"] == 5000
    assert "BNTI100" in header
    assert "BNTI101" not in header


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"GIF89a" + bytes(3000), "no FITS file"),
        (b"", "no FITS file"),
        (fits.PrimaryHDU().header.tostring().encode()[:-2880], "no FITS file"),
        (fits.PrimaryHDU().header.tostring().encode(), "has no stamp"),
        (fits.Header({"SIMPLE": True, "BNTID": "x"}).tostring().encode(), "no longer whole"),
    ],
)
def test_a_file_without_a_stamp_is_a_sentence(tmp_path, content, sentence):
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(FormatError, match=sentence):
        read_stamp(tmp_path / "a.fits")

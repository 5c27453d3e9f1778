"""Headers of raw frames are kept when they come in, and answered without their files."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from astropy.io import fits

from bunter.butler import Butler
from bunter.ingest import ingest_raws, register_instrument

RUN = "DemoCam/raw/all"


def forget_files(butler, refs):
    """Remove the artifacts behind the butler's back."""
    located = butler.locate([ref.id.bytes for ref in refs])
    for path in {Path(butler.datastore.uri(stored[0]).path) for stored in located}:
        path.unlink()


def test_headers_are_answered_without_the_files(butler, frames, tmp_path):
    frames.night(tmp_path / "night")
    refs = ingest_raws(butler, [tmp_path / "night"], transfer="copy").refs
    before = {ref: butler.datastore.read(
        butler.locate([ref.id.bytes])[0], storage_class=ref.dataset_type.storage_class, component="header"
    ) for ref in refs}  # fmt: skip
    forget_files(butler, refs)
    for ref in refs:
        header = butler.get("raw.header", ref.data_id, collections=RUN)
        assert isinstance(header, fits.Header)
        assert header.tostring() == before[ref].tostring()


def test_cards_are_asked_for(butler, frames, tmp_path):
    paths = [
        frames.democam(tmp_path / f"{n}.fits", exposure=n, change={"AIRMASS": 1 + n / 10, "OBJECT": f"field {n % 2}"})
        for n in range(1, 9)
    ]
    ingest_raws(butler, paths)
    refs = butler.query_datasets("raw", RUN, where="raw.header.AIRMASS < 1.4 AND raw.header.OBJECT = 'field 1'")
    assert sorted(ref.data_id["exposure"] % 1000 for ref in refs) == [1, 3]
    table = butler.headers(butler.query_datasets("raw", RUN, order_by="exposure"), ["AIRMASS", "OBJECT", "NONE"])
    assert table.colnames[-4:] == ["exposure", "AIRMASS", "OBJECT", "NONE"]
    assert sorted(table["AIRMASS"]) == pytest.approx([1 + n / 10 for n in range(1, 9)])
    assert table["NONE"].mask.all()


def test_remarks_repeated_cards_and_odd_numbers(butler, frames, tmp_path):
    path = frames.democam(tmp_path / "x.fits")
    with fits.open(path, mode="update") as hdus:
        header = hdus[0].header
        header.add_history("bias from dome")
        header.add_history("second line")
        header.append(("TWICE", 1))
        header.append(("TWICE", 2))
    text = (tmp_path / "x.fits").read_bytes()
    for card in (
        b"NOTANUM =                  NaN",
        b"ENDLESS =                  INF",
        b"CPLX    =           (1.0, 2.0)",
    ):
        text = text.replace(b"END" + b" " * 77, card.ljust(80) + b"END" + b" " * 77, 1)[: len(text)]
    (tmp_path / "x.fits").write_bytes(text)
    (ref,) = ingest_raws(butler, [path]).refs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = butler.headers([ref], ["HISTORY", "TWICE", "NOTANUM", "ENDLESS", "CPLX"])
    assert table["HISTORY"][0] == "bias from dome\nsecond line"
    assert table["TWICE"][0] == 1
    assert table["NOTANUM"].mask[0]
    assert table["ENDLESS"].mask[0]
    assert table["CPLX"][0] == "(1.0, 2.0)"
    for where in ("raw.header.NOTANUM IS NULL", "raw.header.TWICE = 1", "raw.header.HISTORY LIKE '%dome%'"):
        assert butler.query_datasets("raw", RUN, where=where).count() == 1, where
    assert list(butler.get("raw.header", ref.data_id, collections=RUN)["HISTORY"]) == ["bias from dome", "second line"]


@pytest.fixture
def decam(tmp_path, frames):
    with Butler.create(tmp_path / "repo") as butler:
        register_instrument(butler, "DECam")
        yield butler


def test_detectors_of_a_file_share_its_header(decam, frames, tmp_path):
    path = frames.decam(tmp_path / "decam.fits", "fitsheader-decam.hdr")
    refs = ingest_raws(decam, [path]).refs
    assert len(refs) > 1
    own = [decam.datastore.read(stored, storage_class="Raw", component="header")
           for stored in decam.locate([ref.id.bytes for ref in refs])]  # fmt: skip
    forget_files(decam, refs)
    for ref, header in zip(refs, own, strict=True):
        kept = decam.get("raw.header", ref.data_id, collections=ref.run)
        assert [card.image for card in kept.cards] == [card.image for card in header.cards]
    rows = decam.headers(refs, ["CCDNUM", "EXPNUM", "FILTER"])
    assert len(set(rows["CCDNUM"])) == len(refs)
    assert len(set(rows["EXPNUM"])) == 1


def test_a_night_costs_as_many_statements_as_an_exposure(butler, frames, tmp_path):
    counts = []
    for name, exposures in (("a", range(1, 2)), ("b", range(2, 9))):
        paths = [
            frames.democam(tmp_path / f"{name}{e}_{d}.fits", exposure=e, detector=d)
            for e in exposures
            for d in range(4)
        ]
        before = butler.repository.statements
        ingest_raws(butler, paths)
        counts.append(butler.repository.statements - before)
    assert counts[1] <= counts[0] + 2


def test_the_origin_of_a_raw_is_its_file(butler, frames, tmp_path):
    path = frames.democam(tmp_path / "x.fits")
    (ref,) = ingest_raws(butler, [path], transfer="move").refs
    origin = butler.origin(ref)
    assert origin.path == str(path)
    assert (origin.activity.kind, origin.activity.label, origin.activity.outcome) == ("ingest", "ingest-raws", "done")
    assert origin.activity.facts["paths"] == [str(path)]

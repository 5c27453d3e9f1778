"""Raw frames go in by exposure, whole or not at all, and every file left out says why."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits

from bunter.butler import Butler
from bunter.errors import IngestError, InstrumentError
from bunter.ingest import ingest_raws, register_instrument
from bunter.values import deterministic_id
from bunter_command import bunter

RUN = "DemoCam/raw/all"


def exposures(butler):
    return {record.id: record for record in butler.query_dimension_records("exposure")}


def raws(butler):
    return list(butler.query_datasets("raw", RUN))


def test_a_night_goes_in_with_its_records(butler, frames, tmp_path):
    files = frames.night(tmp_path / "night")
    seen = []
    report = ingest_raws(butler, [tmp_path / "night"], progress=lambda done, all_: seen.append((done, all_)))
    assert (report.files, len(report.refs), len(report.exposures), report.rejected) == (12, 12, 3, [])
    assert seen[-1] == (24, 24)
    assert len(raws(butler)) == len(files)
    record = exposures(butler)[2025010100001]
    assert (record.obs_id, record.observation_type, record.physical_filter) == ("DC_1", "science", "DemoCam-r")
    assert (record.day_obs, record.group, record.seq_num, record.target_name) == (20250101, "group 1", 1, "FENCHURCH")
    assert (record.tracking_ra, record.tracking_dec, record.sky_angle) == (10.0, -20.0, 30.0)
    assert record.zenith_angle == pytest.approx(33.557, abs=1e-3)
    assert record.timespan.begin_time.utc.isot == "2025-01-02T03:04:01.500"
    assert record.timespan.end - record.timespan.begin == 60 * 10**9
    (day,) = butler.query_dimension_records("day_obs")
    assert day.timespan.begin_time.utc.isot == "2025-01-01T12:00:00.000"
    image = butler.get("raw", exposure=2025010100002, detector=3, collections=RUN)
    assert image.data.shape == (8, 8)
    assert image.header["DETECTOR"] == 3


def test_ids_follow_from_what_the_datasets_are(butler, frames, tmp_path):
    path = frames.democam(tmp_path / "x.fits")
    (ref,) = ingest_raws(butler, [path]).refs
    data_id = {"instrument": "DemoCam", "exposure": 2025010100001, "detector": 0}
    assert ref.id == deterministic_id("raw", data_id, RUN)


def test_the_same_command_again_changes_nothing(butler, frames, tmp_path):
    frames.night(tmp_path / "night")
    first = ingest_raws(butler, [tmp_path / "night"])
    again = ingest_raws(butler, [tmp_path / "night"])
    assert (again.files, again.skipped, again.refs) == (0, 12, [])
    assert "12 were there before" in str(again)
    assert sorted(raws(butler)) == sorted(first.refs)


def test_detectors_may_come_later(butler, frames, tmp_path):
    ingest_raws(butler, [frames.democam(tmp_path / "a.fits", detector=0)])
    late = frames.democam(tmp_path / "b.fits", detector=1, change={"DATE-OBS": "2025-01-02T03:04:01.6"})
    report = ingest_raws(butler, [late])
    assert report.files == 1
    assert len(raws(butler)) == 2
    assert exposures(butler)[2025010100001].timespan.begin_time.utc.isot.endswith(".500")


def test_a_dry_run_reads_and_changes_nothing(butler, frames, tmp_path):
    frames.night(tmp_path / "night")
    report = ingest_raws(butler, [tmp_path / "night"], dry_run=True)
    assert str(report) == "would ingest 12 files (12 datasets of 3 exposures)"
    assert not exposures(butler)
    assert RUN not in {str(name) for name in butler.collections.query()}


@pytest.mark.parametrize("transfer", ["copy", "move", "symlink", "direct"])
def test_files_come_in_as_asked(butler, frames, tmp_path, transfer):
    path = Path(frames.democam(tmp_path / "x.fits"))
    (ref,) = ingest_raws(butler, [path], transfer=transfer).refs
    assert path.exists() == (transfer != "move")
    assert (butler.get_uri(ref).path == path) == (transfer == "direct")
    assert butler.get(ref).data[0, 0] == 1


def spoil_truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[:-2880])


BAD = {
    "truncated": ({}, spoil_truncate, "the file is truncated: HDU 0 needs"),
    "truncated header": ({}, lambda path: path.write_bytes(path.read_bytes()[:2000]), "truncated within a header"),
    "empty": ({}, lambda path: path.write_bytes(b""), "the file is empty"),
    "not FITS": ({}, lambda path: path.write_text("hello world"), "it is not a FITS file"),
    "gone": ({}, lambda path: path.unlink(), "there is no such file"),
    "no exposure": ({"EXPID": None}, None, "no card EXPID, which gives the exposure"),
    "no time": ({"DATE-OBS": None}, None, "no card DATE-OBS, which gives the begin"),
    "bad time": ({"DATE-OBS": "last night"}, None, "begin is 'last night', which is no time"),
    "bad number": ({"EXPTIME": "long"}, None, "exposure_time is 'long', which is no number"),
    "other camera": ({"INSTRUME": "OtherCam"}, None, "it comes from 'OtherCam', and the instruments registered here"),
    "no camera": ({"INSTRUME": None}, None, "does not name an instrument"),
    "no such detector": ({"DETECTOR": 9}, None, "its detector 9 is not one of DemoCam's"),
    "no such filter": ({"FILTER": "X"}, None, "its filter 'X' is not one of DemoCam's"),
    "bad day": ({"DAYOBS": 20251340}, None, "observing day 20251340 is no date"),
    "bad pointing": ({"DEC": 120.0}, None, "declination 120.0"),
}  # fmt: skip


@pytest.mark.parametrize("why", BAD)
def test_a_bad_file_is_rejected_in_one_sentence_and_the_rest_goes_in(butler, frames, tmp_path, why):
    change, spoil, sentence = BAD[why]
    good = frames.democam(tmp_path / "good.fits", exposure=1)
    bad = Path(frames.democam(tmp_path / "bad.fits", exposure=2, change=change))
    if spoil:
        spoil(bad)
    report = ingest_raws(butler, [good, bad])
    assert report.files == 1
    ((path, reason),) = report.rejected
    assert path == str(bad)
    assert sentence in reason
    assert "\n" not in reason
    assert list(exposures(butler)) == [2025010100001]


def test_with_fail_fast_a_bad_file_stops_it_before_anything_is_in(butler, frames, tmp_path):
    good = frames.democam(tmp_path / "good.fits")
    bad = frames.democam(tmp_path / "bad.fits", exposure=2, change={"EXPID": None})
    with pytest.raises(IngestError, match="EXPID"):
        ingest_raws(butler, [good, bad], fail_fast=True)
    assert not exposures(butler)


def test_files_of_an_exposure_that_disagree_leave_all_of_it_out(butler, frames, tmp_path):
    a = frames.democam(tmp_path / "a.fits", detector=0)
    b = frames.democam(tmp_path / "b.fits", detector=1, change={"FILTER": "DemoCam-g"})
    c = frames.democam(tmp_path / "c.fits", exposure=2)
    report = ingest_raws(butler, [a, b, c])
    reasons = dict(report.rejected)
    assert "its physical_filter is 'DemoCam-g' and that of" in reasons[b]
    assert "goes in whole" in reasons[a]
    assert list(exposures(butler)) == [2025010100002]
    assert ingest_raws(butler, [a, b, c], partial=True).files == 1
    assert len(raws(butler)) == 2


def test_two_files_of_one_detector_are_told_apart(butler, frames, tmp_path):
    a, b = (frames.democam(tmp_path / name) for name in ("a.fits", "b.fits"))
    report = ingest_raws(butler, [a, b], partial=True)
    assert report.rejected == [(b, f"it holds exposure 2025010100001 of detector 0, and so does {a}")]


def test_an_exposure_that_is_recorded_otherwise_is_left_out(butler, frames, tmp_path):
    ingest_raws(butler, [frames.democam(tmp_path / "a.fits")])
    other = frames.democam(tmp_path / "b.fits", detector=1, change={"OBSID": "another"})
    report = ingest_raws(butler, [other])
    assert "is recorded with obs_id 'DC_1', and the header says 'another'" in report.rejected[0][1]


def test_folders_are_searched_and_compressed_files_read(butler, frames, tmp_path):
    deep = tmp_path / "in" / "deep"
    deep.mkdir(parents=True)
    frames.democam(deep / "a.fits")
    plain = Path(frames.democam(tmp_path / "b.fits", exposure=2))
    (deep / "b.fits.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (deep / "notes.txt").write_text("cloudy")
    report = ingest_raws(butler, [tmp_path / "in"])
    assert (report.files, report.rejected) == (2, [])


def test_a_damaged_gzip_file_is_rejected(butler, tmp_path):
    (tmp_path / "x.fits.gz").write_bytes(gzip.compress(b"SIMPLE  =" * 1000)[:-20])
    assert "gzipped file is damaged" in ingest_raws(butler, [tmp_path]).rejected[0][1]


def test_nothing_to_ingest_and_no_instrument_are_said(butler, frames, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(IngestError, match="no FITS files"):
        ingest_raws(butler, [tmp_path / "empty"])
    path = frames.democam(tmp_path / "a.fits")
    with pytest.raises(InstrumentError, match="register-instrument REPO DECam"):
        ingest_raws(butler, [path], instrument="DECam")
    with Butler.create(tmp_path / "bare") as bare, pytest.raises(InstrumentError, match="no instrument is registered"):
        ingest_raws(bare, [path])


def test_another_run_may_be_named(butler, frames, tmp_path):
    path = frames.democam(tmp_path / "a.fits")
    (ref,) = ingest_raws(butler, [path], run="u/me/raw").refs
    assert ref.run == "u/me/raw"


def count_statements(repo, files):
    """Database statements that one ingest takes."""
    with Butler(repo) as butler:
        before = butler.repository.statements
        report = ingest_raws(butler, files, transfer="direct")
        assert not report.rejected
        return butler.repository.statements - before


def test_the_number_of_statements_does_not_grow_with_the_files(frames, tmp_path):
    files = frames.night(tmp_path / "night", exposures=30)
    counts = []
    for number, some in enumerate((files[:24], files)):
        root = tmp_path / f"repo{number}"
        with Butler.create(root) as made:
            register_instrument(made, "DemoCam")
        counts.append(count_statements(root, some))
    assert counts[0] == counts[1]


SCRIPT = """
import sys
from bunter.butler import Butler
from bunter.ingest import ingest_raws
with Butler(sys.argv[1]) as butler:
    print(ingest_raws(butler, [sys.argv[2]], batch=4, transfer="copy", workers=1))
"""


def run_script(repo, night, **environment):
    arguments = [sys.executable, "-c", SCRIPT, str(repo), str(night)]
    return subprocess.run(arguments, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_killed_at_any_step_it_completes_when_run_again(frames, tmp_path):
    frames.night(tmp_path / "night", exposures=2, detectors=range(2))
    with Butler.create(tmp_path / "first") as made:
        register_instrument(made, "DemoCam")
    assert (
        run_script(tmp_path / "first", tmp_path / "night", BUNTER_COUNT_STEPS=str(tmp_path / "steps")).returncode == 0
    )
    steps = int((tmp_path / "steps").read_text())
    for step in range(1, steps + 1, 8):
        repo = tmp_path / f"repo{step}"
        with Butler.create(repo) as made:
            register_instrument(made, "DemoCam")
        killed = run_script(repo, tmp_path / "night", BUNTER_KILL_AT=str(step))
        assert killed.returncode == -signal.SIGKILL
        with Butler(repo) as butler:
            known = [kind.name for kind in butler.dataset_types]
            refs = list(butler.query_datasets("raw", "*")) if "raw" in known else []
            assert all(butler.exists_many(refs))
            by_exposure = {}
            for ref in refs:
                by_exposure.setdefault(ref.data_id["exposure"], []).append(ref)
            assert all(len(group) == 2 for group in by_exposure.values())
        again = run_script(repo, tmp_path / "night")
        assert again.returncode == 0, again.stderr
        with Butler(repo) as butler:
            assert len(list(butler.query_datasets("raw", "*"))) == 4


def test_the_command_prints_rejects_and_ends_with_1(butler, frames, tmp_path):
    (tmp_path / "in").mkdir()
    frames.democam(tmp_path / "in" / "a.fits")
    (tmp_path / "in" / "b.fits").write_text("no")
    done = bunter("ingest-raws", butler.root, tmp_path / "in", "--json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["files"], answer["datasets"]) == (1, 1)
    assert answer["rejected"][0]["reason"] == "it is not a FITS file"
    assert f"rejected {tmp_path}/in/b.fits: it is not a FITS file" in done.stderr
    assert "Traceback" not in done.stderr


def test_headers_are_read_without_the_pixels(frames, tmp_path):
    from bunter import effects
    from bunter.ingest.fits_headers import read_hdus

    path = frames.democam(tmp_path / "big.fits", shape=(2000, 2000))
    read = []
    effects.set_hook(lambda operation, _: read.append(operation))
    try:
        (hdu,) = read_hdus(path)
    finally:
        effects.set_hook(None)
    assert read == ["stat", "read"]
    assert hdu.text == fits.getheader(path).tostring().encode()


def test_cards_are_read_as_astropy_reads_them(tmp_path):
    from bunter.ingest.fits_headers import parse_cards

    header = fits.Header(
        [
            ("TEXT", "it's a 'text' / with a slash", "and a comment"), ("EMPTY", ""), ("NONE", None, "undefined"),
            ("LONG", "x" * 50 + "'" + "y" * 80), ("YES", True), ("NO", False), ("INT", -12), ("BIG", 2**40),
            ("FLOAT", -1.5e-30), ("HIERARCH ESO DET ID", "ccd"), ("COMMENT", "nothing"), ("HISTORY", "nothing"),
        ]
    )  # fmt: skip
    cards = parse_cards(header.tostring().encode())
    assert cards.keys() == {card for card in header if card not in {"COMMENT", "HISTORY"}}
    for name, value in cards.items():
        assert value == (None if name == "NONE" else header[name])
    assert parse_cards(b"A       =               1.5D+03".ljust(80)) == {"A": 1500.0}
    assert parse_cards(b"A       =                    1".ljust(80) + b"A       =                    2".ljust(80)) == {
        "A": 1
    }


@pytest.mark.slow
def test_each_command_can_be_tried_without_effect_and_answers_in_json(butler, frames, tmp_path):
    frames.night(tmp_path / "night", exposures=1)
    (tmp_path / "sky.yaml").write_text("name: s\ncentres: [[10, -20]]\npixel_scale: 1.0\npatch_size: 100\npatches: 2\n")
    (tmp_path / "stars.csv").write_text("id,ra,dec\n1,10.0,-20.0\n2,10.1,-20.1\n")
    commands = [
        (["register-instrument", "HSC"], {"instrument": "HSC", "detectors": 112}),
        (["ingest-raws", tmp_path / "night"], {"files": 4, "exposures": 1, "rejected": []}),
        (["define-visits", "DemoCam"], {"new": 1, "left_out": 0}),
        (["register-skymap", tmp_path / "sky.yaml"], {"skymap": "s", "tracts": 1, "patches": 4}),
        (["ingest-refcat", tmp_path / "stars.csv"], {"sources": 2, "run": "refcats"}),
    ]
    for (name, argument), answer in commands:
        for dry in (["--dry-run"], []):
            done = bunter(name, butler.root, argument, "--json", *dry)
            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout)
            assert said["dry_run"] == bool(dry)
            assert said.items() >= answer.items()
    with Butler(butler.root) as again:
        assert again.query_dimension_records("patch").count() == 4
        assert len(again.get("refcat", htm7=next(iter(again.query_datasets("refcat", "refcats"))).data_id["htm7"])) >= 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["register-instrument", "{repo}", "DemCam"], "did you mean 'DemoCam'"),
        (["ingest-raws", "{repo}", "/nowhere"], "/nowhere: there is no such file"),
        (["define-visits", "{repo}", "HSC"], "no instrument 'HSC' is registered"),
        (["register-skymap", "{repo}", "/nowhere.yaml"], "cannot read /nowhere.yaml"),
        (["ingest-refcat", "{repo}", "/nowhere.csv"], "there is no catalogue /nowhere.csv"),
        (["define-visits", "/nowhere", "HSC"], "/nowhere"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_1(butler, arguments, sentence):
    done = bunter(*(argument.format(repo=butler.root) for argument in arguments))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_that_ingest_the_same_files_at_once_both_succeed(frames, tmp_path):
    frames.night(tmp_path / "night", exposures=6)
    with Butler.create(tmp_path / "repo") as made:
        register_instrument(made, "DemoCam")
    arguments = [sys.executable, "-c", SCRIPT, str(tmp_path / "repo"), str(tmp_path / "night")]
    both = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert not any("rejected" in said for said, _ in answers), answers
    with Butler(tmp_path / "repo") as butler:
        refs = raws(butler)
        assert len(refs) == 24
        assert all(butler.exists_many(refs))

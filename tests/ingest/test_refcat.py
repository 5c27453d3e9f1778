"""Reference catalogues are divided by sky pixel, and every source is in its pixel."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from bunter.errors import IngestError
from bunter.geometry import Region, skypix
from bunter.ingest import ingest_refcat


@pytest.fixture
def catalogue():
    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(358, 362, 500) % 360, rng.uniform(-2, 2, 500)
    return Table({"id": np.arange(500), "ra": ra * u.deg, "dec": dec * u.deg, "g_mag": rng.uniform(15, 20, 500)})


@pytest.mark.parametrize("name", ["htm7", "healpix6"])
def test_every_source_is_in_the_dataset_of_its_pixel(butler, catalogue, name):
    report = ingest_refcat(butler, catalogue, pixelization=name)
    assert (report.sources, report.pixels) == (500, len(report.refs))
    found = []
    for ref in report.refs:
        shard = butler.get(ref)
        assert (skypix(name).pixels_at(shard["ra"], shard["dec"]) == ref.data_id[name]).all()
        assert str(shard["ra"].unit) == "deg"
        found += shard["id"].tolist()
    assert sorted(found) == list(range(500))


def test_the_same_again_changes_nothing(butler, catalogue):
    first = ingest_refcat(butler, catalogue)
    again = ingest_refcat(butler, catalogue)
    assert sorted(ref.id for ref in again.refs) == sorted(ref.id for ref in first.refs)


def test_pixels_around_a_position_find_the_sources(butler, catalogue):
    ingest_refcat(butler, catalogue)
    pixels = skypix("htm7").pixels_of(Region.circle(0, 0, 0.5))
    shards = [butler.get(ref) for ref in butler.query_datasets("refcat", "refcats") if ref.data_id["htm7"] in pixels]
    found = {number for shard in shards for number in shard["id"].tolist()}
    ra = (np.asarray(catalogue["ra"]) + 180) % 360 - 180
    near = np.hypot(ra, catalogue["dec"]) < 0.499
    assert set(catalogue["id"][near].tolist()) <= found


@pytest.mark.parametrize("name", ["x.ecsv", "x.fits", "x.parquet", "x.csv"])
def test_files_that_astropy_reads_are_ingested(butler, catalogue, tmp_path, name):
    path = tmp_path / name
    if name == "x.csv":
        catalogue.write(path, format="ascii.csv")
    else:
        catalogue.write(path)
    assert ingest_refcat(butler, path, dry_run=True).sources == 500
    assert butler.dataset_types.query("refcat") == []
    assert ingest_refcat(butler, str(path)).sources == 500


def test_angles_may_have_other_units(butler, catalogue):
    there = ingest_refcat(butler, catalogue, dry_run=True).pixels
    catalogue["ra"] = catalogue["ra"].to(u.rad)
    assert ingest_refcat(butler, catalogue).pixels == there


def test_what_is_no_catalogue_is_refused_in_one_sentence(butler, catalogue, tmp_path):
    (tmp_path / "x.ecsv").write_text("nothing")
    for source, options, sentence in [
        (tmp_path / "gone.ecsv", {}, "there is no catalogue"),
        (tmp_path / "x.ecsv", {}, "cannot be read as a table"),
        (catalogue, {"ra": "raa"}, "no column 'raa'; did you mean 'ra'"),
        (catalogue, {"ra": "g_mag", "dec": "id_"}, "no column 'id_'"),
    ]:
        with pytest.raises(IngestError, match=sentence) as caught:
            ingest_refcat(butler, source, **options)
        assert "\n" not in str(caught.value)
    catalogue["dec"] = catalogue["dec"].filled(np.nan) if hasattr(catalogue["dec"], "filled") else catalogue["dec"]
    catalogue["dec"][3] = np.nan
    with pytest.raises(IngestError, match="1 of 500 sources have no 'dec'"):
        ingest_refcat(butler, catalogue)

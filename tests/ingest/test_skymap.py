"""Sky maps: tracts and patches, their pixels and regions, and how tasks get at them."""

from __future__ import annotations

import numpy as np
import pytest

from bunter.errors import ConfigurationError, ConflictingDefinitionError, DimensionValueError
from bunter.ingest import SkyMap, read_skymap, register_skymap

DEFINITION = {
    "name": "small",
    "centres": [[330.0, -12.0], [0.1, 88.0]],
    "pixel_scale": 1.0,
    "tract_size": 0.5,
    "patches": [3, 2],
    "overlap": 40,
}


def test_a_registered_sky_map_can_be_read_by_tasks(butler):
    register_skymap(butler, dict(DEFINITION))
    register_skymap(butler, dict(DEFINITION))
    assert butler.query_dimension_records("tract").count() == 2
    assert butler.query_dimension_records("patch").count() == 12
    skymap = read_skymap(butler, "small")
    assert skymap == SkyMap.from_dict(butler.get("skymap", skymap="small", collections="skymaps"))
    record = butler.query_dimension_records("patch", where="tract = 0 AND patch = 4").one()
    assert (record.cell_x, record.cell_y) == (1, 1)
    assert record.region == skymap.tract(0).patch(4).region
    (found,) = butler.query_dimension_records("skymap")
    assert (found.tract_max, found.patch_nx_max, found.patch_ny_max, found.hash) == (2, 3, 2, skymap.hash)


def test_another_map_of_the_same_name_is_refused(butler):
    register_skymap(butler, dict(DEFINITION))
    with pytest.raises(ConflictingDefinitionError):
        register_skymap(butler, {**DEFINITION, "pixel_scale": 2.0})
    assert read_skymap(butler, "small").model.pixel_scale == 1.0


def test_a_dry_run_changes_nothing(butler, tmp_path):
    path = tmp_path / "sky.yaml"
    path.write_text("name: s\ncentres: [[1, 2]]\npixel_scale: 0.5\npatch_size: 100\npatches: 2\n")
    assert register_skymap(butler, path, dry_run=True).tract(0).shape == (200, 200)
    assert butler.query_dimension_records("skymap").count() == 0


@pytest.mark.parametrize("number", [0, 1])
def test_inner_patches_tile_the_tract_and_outer_ones_overlap(number):
    tract = SkyMap.from_dict(DEFINITION).tract(number)
    assert tract.shape == (1200, 1800)
    covered = np.zeros(tract.shape, int)
    for patch in tract.patches():
        x0, y0, x1, y1 = patch.inner.box
        covered[y0:y1, x0:x1] += 1
        x0, y0, x1, y1 = patch.outer.box
        assert patch.shape == (y1 - y0, x1 - x0)
        assert x0 >= 0 and x1 <= 1800 and y0 >= 0 and y1 <= 1200  # noqa: PT018 - one box
    assert (covered == 1).all()
    assert tract.patch(4).outer.box == (560, 560, 1240, 1200)


@pytest.mark.parametrize("number", [0, 1])
def test_wcs_and_regions_agree(number):
    tract = SkyMap.from_dict(DEFINITION).tract(number)
    for grid in (tract, *tract.patches()):
        rows, columns = grid.shape
        corners = np.array([(-0.5, -0.5), (columns - 0.5, -0.5), (columns - 0.5, rows - 0.5), (-0.5, rows - 0.5)])
        sky = grid.wcs.all_pix2world(corners, 0)
        own = np.array(grid.region.corners())
        for ra, dec in sky:
            apart = np.hypot((((own[:, 0] - ra) + 180) % 360 - 180) * np.cos(np.radians(dec)), own[:, 1] - dec)
            assert apart.min() < 1e-9
    middle = tract.wcs.all_pix2world([[(tract.shape[1] - 1) / 2, (tract.shape[0] - 1) / 2]], 0)[0]
    assert middle == pytest.approx((tract.grid.ra, tract.grid.dec), abs=1e-9)


def test_pixels_of_a_patch_are_pixels_of_its_tract():
    tract = SkyMap.from_dict(DEFINITION).tract(0)
    patch = tract.patch(5)
    x0, y0, *_ = patch.outer.box
    there = patch.wcs.all_pix2world([[3, 7]], 0)
    assert tract.wcs.all_world2pix(there, 0)[0] == pytest.approx((x0 + 3, y0 + 7), abs=1e-6)


def test_what_is_not_there_is_said():
    skymap = SkyMap.from_dict(DEFINITION)
    with pytest.raises(DimensionValueError, match="tracts 0 to 1, not 2"):
        skymap.tract(2)
    with pytest.raises(DimensionValueError, match="patches 0 to 5, not 6"):
        skymap.tract(0).patch(6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"centers": []}, "no setting 'centers'; did you mean 'centres'"),
        ({"centres": [[1, 91]]}, "is no position"),
        ({"centres": []}, "centres"),
        ({"patch_size": 100}, "give one of"),
        ({"tract_size": 50.0, "pixel_scale": 1e4, "patches": 4000}, "60 degrees"),
        ({"patches": 0}, "at least one patch"),
    ],
)
def test_a_wrong_sky_map_is_refused_in_one_sentence(change, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        SkyMap.from_dict({**DEFINITION, **change})
    assert "\n" not in str(caught.value)

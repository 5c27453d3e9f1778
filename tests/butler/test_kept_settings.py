"""Settings that a repository is made with are those that it is opened with."""

import pytest
import yaml

from bunter import Butler
from bunter.butler import configuration_of
from bunter.contracts.small_camera import fill_dimensions

SETTINGS = {
    "templates": {"instrument<Cam>": {"default": "{run:/}/cam_{data_id:?}"}},
    "formats": {"instrument<Cam>": {"thing": "yaml"}, "picture.mask": "npy"},
    "composites": {"picture": True},
}


@pytest.mark.parametrize("way", ["call", "seed"])
def test_settings_by_instrument_and_of_components_are_kept(tmp_path, way):
    if way == "call":
        butler = Butler.create(tmp_path / "repo", datastore=SETTINGS)
    else:
        (tmp_path / "seed.yaml").write_text(yaml.safe_dump({"datastore": SETTINGS}))
        butler = Butler.create(tmp_path / "repo", seed_config=tmp_path / "seed.yaml")
    with butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
    with Butler(tmp_path / "repo", run="run1") as butler:
        ref = butler.put({"n": 1}, "thing", instrument="Cam", detector=0)
        key = butler.get_uri(ref).stored.key
        assert key.startswith("run1/cam_Cam_0-")
        assert key.endswith(".yaml")
    kept = {name: value for name, value, source in configuration_of(tmp_path / "repo").rows() if "repository" in source}
    assert kept["datastore.formats.picture.mask"] == "npy"
    assert kept["datastore.templates.instrument<Cam>"] == "{run:/}/cam_{data_id:?}"

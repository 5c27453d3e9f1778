import pytest

from bunter.pipeline import Pipeline, instrument_files

METADATA = "Metadata-Version: 2.1\nName: demo-camera\nVersion: 1.0\n"


@pytest.fixture(autouse=True)
def camera(tmp_path, monkeypatch):
    """Install a package with files for the camera; importing it fails."""
    info, package = tmp_path / "demo_camera-1.0.dist-info", tmp_path / "demo_camera"
    info.mkdir()
    package.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("[bunter.instrument_configs]\nDemoCam = demo_camera\n")
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "IsrTask.yaml").write_text("saturation: 111\ndo_flat: false\n")
    (package / "MeasureTask.py").write_text("# old\nconfig.threshold = 7\nconfig.flags |= ['EDGE']\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    instrument_files._packages.cache_clear()
    yield package
    instrument_files._packages.cache_clear()


def test_the_instruments_files_come_before_what_the_pipeline_says(camera):
    found = Pipeline.from_file("survey:drp.yaml")
    isr, measure = found.values_of("isr"), found.values_of("measure")
    assert isr["do_flat"] == (False, f"{camera}/IsrTask.yaml:2")
    assert isr["saturation"][0] == 50000
    assert isr["saturation"][1].endswith("drp.yaml:10")
    assert measure["threshold"] == (7.0, f"{camera}/MeasureTask.py:2")
    assert measure["flags"] == (["EDGE"], f"{camera}/MeasureTask.py:3")
    assert "flat" not in found.outline()["isr"].reads
    assert found.resolve()["isr"].config_dict["do_flat"] is False


def test_a_mistake_in_them_is_told_with_its_place(camera):
    (camera / "IsrTask.yaml").write_text("saturatoin: 111\n")
    (problem,) = Pipeline.from_file("survey:drp.yaml").check()
    assert str(problem).startswith(f"{camera}/IsrTask.yaml:1: task 'isr' has no configuration field 'saturatoin'")


def test_pipelines_of_other_instruments_and_written_ones_are_left_alone():
    found = Pipeline.from_file("survey:drp.yaml")
    other = Pipeline.from_dict({**found.to_dict(), "instrument": "Other"})
    assert other.values_of("measure")["threshold"] == (5.0, "default")
    assert Pipeline.from_dict(found.to_dict()).to_dict() == found.to_dict()

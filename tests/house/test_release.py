"""What a release is made of."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import bunter

ROOT = Path(__file__).parents[2]


def test_citation_is_for_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == bunter.__version__
    assert cited["license"] == "BSD-3-Clause"


@pytest.mark.slow
def test_the_wheel_has_code_data_types_and_licence_and_nothing_else(tmp_path):
    pytest.importorskip("hatchling", reason="building without network needs hatchling")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("bunter-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    wanted = {
        str(one.relative_to(source))
        for one in (source / "bunter").rglob("*")
        if one.is_file() and "__pycache__" not in one.parts
    }
    assert wanted <= names
    extra = {name for name in names - wanted if ".dist-info/" not in name}
    assert extra == set()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "bunter/py.typed" in names

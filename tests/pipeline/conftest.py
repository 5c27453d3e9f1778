import sys
from pathlib import Path

import pytest

from bunter.dimensions import Universe

PACKAGES = Path(__file__).parent / "packages"


@pytest.fixture(autouse=True)
def survey_package(monkeypatch):
    """Make the package ``survey`` importable, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(PACKAGES))
    yield PACKAGES / "survey"
    for name in [name for name in sys.modules if name.partition(".")[0] == "survey"]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def universe():
    return Universe.default()

"""Names of files that are ingested."""

from __future__ import annotations

from pathlib import Path

import pytest

from bunter.butler.files import _suffix


@pytest.mark.parametrize(
    "path", ["/a/b.fits", "b.fits", "/a.b/c", "/a/.hidden", "/a/.hidden.json", "a.", "a.tar.gz", "/x/y.z/w.FITS", "a"]
)
def test_the_suffix_is_that_of_pathlib(path):
    assert _suffix(path) == Path(path).suffix

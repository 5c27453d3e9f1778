"""The picture of the README: both fields of the demonstration in colours.

``python -m bunter.demo.picture demo docs/_static/demo-coadd.png`` draws it from the coadds of a demonstration.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.reduction.preview import coloured
from bunter.demo.steps import SCIENCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bunter.butler import Butler

_BINNING: Final = 2
_COLOURS: Final = 96
_WIDTH: Final = 660


def tract_picture(butler: Butler, *, collections: str = SCIENCE) -> bytes:
    """Draw the whole tract.

    Parameters
    ----------
    butler : Butler
        Of a demonstration's repository.
    collections : str
        Where the coadds are.

    Returns
    -------
    bytes
        PNG of a limited number of colours, without the empty rim, north up.
    """
    layers = [_mosaic(butler, band, collections) for band in ("r", "g")]
    filled = np.logical_and(*(layer != 0 for layer in layers))
    rows, columns = np.flatnonzero(filled.mean(axis=1) > 0.3), np.flatnonzero(filled.mean(axis=0) > 0.3)
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return _small_png(coloured([np.where(filled, layer, 0)[window] for layer in layers], black=1.0))


def _mosaic(butler: Butler, band: str, collections: str) -> NDArray[np.float64]:
    """Signal-to-noise ratio of all patches of a tract, in bins."""
    from bunter.ingest import read_skymap

    tract = read_skymap(butler, "demo").tract(0)
    image = np.zeros(tract.shape)
    for ref in butler.query_datasets("coadd", collections, where=f"band = '{band}'"):
        patch, coadd = tract.patch(int(ref.data_id["patch"])), butler.get(ref)
        x0, y0, x1, y1 = patch.inner.box
        left, low, _, _ = patch.outer.box
        noise = np.sqrt(np.median(coadd.uncertainty.array[coadd.uncertainty.array > 0]))
        image[y0:y1, x0:x1] = coadd.data[y0 - low : y1 - low, x0 - left : x1 - left] / noise
    rows, columns = (n // _BINNING for n in image.shape)
    blocks = image[: rows * _BINNING, : columns * _BINNING].reshape(rows, _BINNING, columns, _BINNING)
    return np.asarray(blocks.mean(axis=(1, 3)) * _BINNING)


def _small_png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels[::-1]))
    if picture.width > _WIDTH:
        picture = picture.resize((_WIDTH, picture.height * _WIDTH // picture.width), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(out, format="png", optimize=True)
    return out.getvalue()


def main(repo: str, path: str) -> None:
    """Draw the picture of the repository REPO into the file PATH."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        Path(path).write_bytes(tract_picture(butler))


if __name__ == "__main__":
    main(*sys.argv[1:])

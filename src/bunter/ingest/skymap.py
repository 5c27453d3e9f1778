"""Sky maps: tracts with one projection each, divided into patches."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType, DatasetType
from bunter.dataset.changes import InsertRecords, RegisterCollection, RegisterDatasetType
from bunter.dimensions import Records
from bunter.errors import ConfigurationError, DimensionValueError
from bunter.geometry import Region
from bunter.ingest.documents import read_yaml, validated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.ingest.skymap_model import SkyMapModel

DATASET_TYPE = "skymap"
RUN = "skymaps"

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Grid:
    """Pixels on the tangent plane of a tract: what patches and tracts have in common.

    Parameters
    ----------
    ra, dec : float
        Centre of the tract, where the plane touches; degrees.
    pixel_scale : float
        Arcseconds per pixel, at the centre.
    tract_shape : tuple of int
        Rows and columns of the whole tract.
    box : tuple of int
        First column, first row, column behind the last, row behind the last; in the tract's pixels from 0.
    """

    ra: float
    dec: float
    pixel_scale: float
    tract_shape: tuple[int, int]
    box: Box

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, as of a NumPy array."""
        return self.box[3] - self.box[1], self.box[2] - self.box[0]

    @property
    def wcs(self) -> Any:
        """`astropy.wcs.WCS` of an array of `shape`: gnomonic, north up, east left."""
        from astropy.wcs import WCS

        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.crval = [self.ra, self.dec]
        wcs.wcs.cdelt = [-self.pixel_scale / 3600, self.pixel_scale / 3600]
        rows, columns = self.tract_shape
        wcs.wcs.crpix = [(columns + 1) / 2 - self.box[0], (rows + 1) / 2 - self.box[1]]
        wcs.array_shape = self.shape
        wcs.wcs.set()
        return wcs

    @property
    def region(self) -> Region:
        """Part of the sky that the pixels cover, their outer edges included."""
        from bunter.ingest.projection import vectors

        rows, columns = self.tract_shape
        x0, y0, x1, y1 = self.box
        x = [columns / 2 - each for each in (x0, x1, x1, x0)]  # east is left
        y = [each - rows / 2 for each in (y0, y0, y1, y1)]
        scale = self.pixel_scale / 3600
        ra, dec = [self.ra] * 4, [self.dec] * 4
        return Region.from_vectors(vectors(ra, dec, [scale * each for each in x], [scale * each for each in y]))


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch.

    Parameters
    ----------
    id : int
        Number in the tract: ``cell_y * columns + cell_x``.
    cell_x, cell_y : int
        Place in the tract's grid of patches.
    outer : Grid
        All its pixels, with those that it shares with its neighbours.
    inner : Grid
        The pixels that are its alone.
    """

    id: int
    cell_x: int
    cell_y: int
    outer: Grid
    inner: Grid

    @property
    def wcs(self) -> Any:
        """WCS of an image of the patch."""
        return self.outer.wcs

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image of the patch."""
        return self.outer.shape

    @property
    def region(self) -> Region:
        """Part of the sky of an image of the patch."""
        return self.outer.region


@dataclass(frozen=True, slots=True)
class Tract:
    """One tract.

    Parameters
    ----------
    id : int
        Its number.
    grid : Grid
        All its pixels.
    columns, rows : int
        Number of patches in each direction.
    patch_size, overlap : int
        Pixels along the inner side of a patch; pixels by which a patch goes on beyond each inner side.
    """

    id: int
    grid: Grid
    columns: int
    rows: int
    patch_size: int
    overlap: int

    @property
    def wcs(self) -> Any:
        """WCS of an image of the whole tract."""
        return self.grid.wcs

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image of the whole tract."""
        return self.grid.shape

    @property
    def region(self) -> Region:
        """Part of the sky that it covers."""
        return self.grid.region

    def patch(self, number: int) -> Patch:
        """Patch of a number; DimensionValueError if there is none."""
        if not 0 <= number < self.columns * self.rows:
            raise DimensionValueError(f"tract {self.id} has patches 0 to {self.columns * self.rows - 1}, not {number}")
        cell_y, cell_x = divmod(number, self.columns)
        x, y = cell_x * self.patch_size, cell_y * self.patch_size
        inner = (x, y, x + self.patch_size, y + self.patch_size)
        return Patch(number, cell_x, cell_y, self._cut(inner, self.overlap), self._cut(inner, 0))

    def patches(self) -> Iterator[Patch]:
        """Iterate over all patches, by number."""
        return (self.patch(number) for number in range(self.columns * self.rows))

    def _cut(self, box: Box, more: int) -> Grid:
        rows, columns = self.grid.tract_shape
        x0, y0, x1, y1 = box
        wider = (max(x0 - more, 0), max(y0 - more, 0), min(x1 + more, columns), min(y1 + more, rows))
        return Grid(self.grid.ra, self.grid.dec, self.grid.pixel_scale, self.grid.tract_shape, wider)


@dataclass(frozen=True, slots=True)
class SkyMap:
    """A division of (part of) the sky into tracts and patches.

    Parameters
    ----------
    model : SkyMapModel
        The checked document.
    """

    model: SkyMapModel

    @classmethod
    def from_yaml(cls, path: str | Path) -> SkyMap:
        """Read a description from a YAML file."""
        return cls.from_dict(read_yaml(path), where=str(path))

    @classmethod
    def from_dict(cls, document: dict[str, Any], *, where: str = "sky map") -> SkyMap:
        """Check a description that is a mapping already, such as the dataset ``skymap``."""
        from bunter.ingest.skymap_model import SkyMapModel

        return cls(validated(SkyMapModel, document, where, ConfigurationError))

    @property
    def name(self) -> str:
        """Its name, the value of dimension ``skymap``."""
        return self.model.name

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `from_dict` takes."""
        return self.model.model_dump(mode="json")

    @property
    def hash(self) -> bytes:
        """Digest of all that decides where pixels are (20 bytes)."""
        content = {name: value for name, value in self.to_dict().items() if name not in {"name", "doc"}}
        return hashlib.sha1(json.dumps(content, sort_keys=True).encode(), usedforsecurity=False).digest()

    def __len__(self) -> int:
        return len(self.model.centres)

    def tract(self, number: int) -> Tract:
        """Tract of a number; DimensionValueError if there is none."""
        if not 0 <= number < len(self):
            raise DimensionValueError(f"sky map {self.name!r} has tracts 0 to {len(self) - 1}, not {number}")
        model = self.model
        columns, rows = model.patches
        size = model.patch_pixels
        shape = (rows * size, columns * size)
        ra, dec = model.centres[number]
        grid = Grid(ra, dec, model.pixel_scale, shape, (0, 0, shape[1], shape[0]))
        return Tract(number, grid, columns, rows, size, model.overlap)

    def tracts(self) -> Iterator[Tract]:
        """Iterate over all tracts, by number."""
        return (self.tract(number) for number in range(len(self)))

    def __repr__(self) -> str:
        columns, rows = self.model.patches
        return f"<SkyMap {self.name}: {len(self)} tracts of {columns} x {rows} patches>"


def register_skymap(butler: Butler, skymap: SkyMap | str | Path | dict[str, Any], *, dry_run: bool = False) -> SkyMap:
    """Register a sky map: its tracts and patches with regions, and the description as dataset ``skymap``.

    Parameters
    ----------
    butler : Butler
        Open for writing.
    skymap : SkyMap, path or dict
        A YAML file, or its content.
    dry_run : bool
        Whether to check everything and change nothing.

    Returns
    -------
    SkyMap
        What was registered; the same again changes nothing.

    Raises
    ------
    ConflictingDefinitionError
        If another sky map has this name, or this one is registered under another.
    """
    new = _sky_map(skymap)
    if dry_run:
        return new
    kind = DatasetType(DATASET_TYPE, butler.universe.conform(["skymap"]), "StructuredDataDict")
    universe = butler.universe
    butler.apply(
        *(InsertRecords(Records.from_rows(universe[element], rows), "same") for element, rows in _rows(new).items()),
        RegisterDatasetType(kind),
        RegisterCollection(RUN, CollectionType.RUN, "Descriptions of sky maps."),
    )
    butler.put(new.to_dict(), kind, skymap=new.name, run=RUN)
    return new


def _sky_map(source: SkyMap | str | Path | dict[str, Any]) -> SkyMap:
    if isinstance(source, SkyMap):
        return source
    return SkyMap.from_dict(source) if isinstance(source, dict) else SkyMap.from_yaml(source)


def read_skymap(butler: Butler, name: str) -> SkyMap:
    """Sky map that was registered under a name."""
    return SkyMap.from_dict(butler.get(DATASET_TYPE, skymap=name, collections=RUN))


def _rows(skymap: SkyMap) -> dict[str, list[dict[str, Any]]]:
    name = skymap.name
    columns, rows = skymap.model.patches
    return {
        "skymap": [
            {
                "name": name,
                "hash": skymap.hash,
                "tract_max": len(skymap),
                "patch_nx_max": columns,
                "patch_ny_max": rows,
            }
        ],
        "tract": [{"skymap": name, "id": tract.id, "region": tract.region} for tract in skymap.tracts()],
        "patch": [
            {
                "skymap": name,
                "tract": tract.id,
                "id": patch.id,
                "cell_x": patch.cell_x,
                "cell_y": patch.cell_y,
                "region": patch.region,
            }
            for tract in skymap.tracts()
            for patch in tract.patches()
        ],
    }

"""Reference catalogues, one dataset per sky pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType, DatasetType
from bunter.dataset.changes import RegisterCollection, RegisterDatasetType
from bunter.errors import IngestError, near
from bunter.geometry import skypix
from bunter.values import counted

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.dataset import DatasetRef


@dataclass(frozen=True, slots=True)
class RefcatReport:
    """What `ingest_refcat` did: number of sources, and the datasets, one per pixel with sources."""

    sources: int
    pixels: int
    refs: tuple[DatasetRef, ...] = ()
    dry_run: bool = False

    def __str__(self) -> str:
        verb = "would ingest" if self.dry_run else "ingested"
        return f"{verb} {counted(self.sources, 'source')} in {counted(self.pixels, 'sky pixel')}"


def ingest_refcat(
    butler: Butler,
    table: Any,
    *,
    dataset_type: str = "refcat",
    pixelization: str = "htm7",
    run: str = "refcats",
    ra: str = "ra",
    dec: str = "dec",
    dry_run: bool = False,
) -> RefcatReport:
    """Ingest a catalogue of positions, divided by sky pixel.

    Parameters
    ----------
    butler : Butler
        Open for writing.
    table : astropy.table.Table or path
        One row per source; or a file that astropy reads (ECSV, FITS, CSV, VOTable, Parquet).
    dataset_type : str
        Name of the dataset type; its dimension is the pixelization, its storage class ``AstropyTable``.
    pixelization : str
        Such as ``htm7`` or ``healpix5``.
    run : str
        RUN collection.
    ra, dec : str
        Columns of ICRS positions, in degrees unless they have another unit.
    dry_run : bool
        Whether to check and divide everything and change nothing.

    Returns
    -------
    RefcatReport
        The same again changes nothing.

    Raises
    ------
    IngestError
        If the table cannot be read or has no usable positions.
    """
    import numpy as np

    sources = _table(table)
    pixels = skypix(pixelization).pixels_at(_degrees(sources, ra), _degrees(sources, dec))
    order = np.argsort(pixels, kind="stable")
    found, first = np.unique(pixels[order], return_index=True)
    if dry_run:
        return RefcatReport(len(sources), len(found), dry_run=True)
    kind = DatasetType(dataset_type, butler.universe.conform([pixelization]), "AstropyTable")
    butler.apply(RegisterDatasetType(kind), RegisterCollection(run, CollectionType.RUN, "A reference catalogue."))
    shards = (sources[rows] for rows in np.split(order, first[1:]))
    refs = butler.put_many(shards, kind, [{pixelization: pixel} for pixel in found.tolist()], run=run)
    return RefcatReport(len(sources), len(found), tuple(refs))


def _table(source: Any) -> Any:
    from astropy.table import Table

    if isinstance(source, Table):
        return source
    path = Path(source)
    if not path.is_file():
        raise IngestError(f"there is no catalogue {path}")
    try:
        if path.suffix in {".parq", ".parquet"}:
            return _parquet(path)
        return Table.read(path)
    except IngestError:
        raise
    except Exception as error:  # whatever the reader of the day raises on a file that is none of its
        said = " ".join(str(error).split())[:200]
        raise IngestError(f"the catalogue {path} cannot be read as a table: {said}") from error


def _parquet(path: Path) -> Any:
    import pyarrow.parquet

    from bunter.storage_class import storage_class

    return storage_class("AstropyTable").convert(pyarrow.parquet.read_table(path))


def _degrees(table: Any, name: str) -> Any:
    """Column as float64 degrees."""
    import astropy.units as u
    import numpy as np

    if name not in table.colnames:
        raise IngestError(
            f"the catalogue has no column {name!r}{near(name, table.colnames)} (it has {', '.join(table.colnames)}); "
            "name the columns of positions with --ra and --dec"
        )
    column = table[name]
    try:
        values = np.asarray(u.Quantity(column, column.unit or u.deg).to_value(u.deg), float)
    except (u.UnitConversionError, TypeError, ValueError) as error:
        raise IngestError(f"column {name!r} of the catalogue does not hold angles: {error}") from error
    masked = getattr(column, "mask", False)
    if np.any(masked) or not np.isfinite(values).all():
        bad = int(np.count_nonzero(np.ma.getmaskarray(column) | ~np.isfinite(values)))
        raise IngestError(f"{bad} of {len(values)} sources have no {name!r}; leave them out first")
    return values

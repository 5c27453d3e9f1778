"""What a demonstration made, and how well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.reduction.planes import Plane, planes_of
from bunter.demo.reduction.planes import mark as with_planes
from bunter.demo.steps import SCIENCE
from bunter.demo.truth import COMPLETE_TO, Verdict, completeness, judge, zero_point_errors

if TYPE_CHECKING:
    from astropy.table import Table
    from numpy.typing import NDArray

    from bunter.butler import Butler
    from bunter.demo.workspace import Workspace

PRODUCTS: Final = {
    "post_isr": "frames without the instrument's signature",
    "calexp": "calibrated frames",
    "src": "source tables",
    "visit_summary": "visit summaries",
    "warp": "warps",
    "coadd": "coadds",
    "objects": "object tables",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Numbers about a demonstration.

    Parameters
    ----------
    counts : dict of str to int
        Datasets by type.
    sources, objects : dict of str to Verdict
        Comparison with the truth by band.
    zero_point_mmag : float
        Median of the absolute errors of the zero points.
    worst_zero_point_mmag : float
        The greatest of them.
    complete : float
        Part of the true stars brighter than `truth.COMPLETE_TO` found on the coadds.
    """

    counts: dict[str, int]
    sources: dict[str, Verdict]
    objects: dict[str, Verdict]
    zero_point_mmag: float
    worst_zero_point_mmag: float
    complete: float

    def lines(self) -> list[str]:
        """Tell it in sentences."""
        made = ", ".join(f"{self.counts[name]} {words}" for name, words in PRODUCTS.items() if self.counts.get(name))
        return [
            f"made     {made}",
            *(f"sources  {band}: {verdict}" for band, verdict in self.sources.items()),
            *(f"objects  {band}: {verdict}" for band, verdict in self.objects.items()),
            f"frames   zero points off by {self.zero_point_mmag:.0f} mmag, at most {self.worst_zero_point_mmag:.0f}",
            f"found    {100 * self.complete:.0f} % of the stars brighter than r = {COMPLETE_TO}",
        ]


def outcome(butler: Butler, workspace: Workspace) -> Outcome:
    """Compare what the science pipeline made with what was simulated.

    Parameters
    ----------
    butler : Butler
        Of the demonstration's repository.
    workspace : Workspace
        Where the truth is.
    """
    truth = workspace.truth()
    objects = _stacked(butler, "objects")
    errors = _zero_points(butler, workspace.conditions())
    return Outcome(
        counts={name: butler.query_datasets(name, SCIENCE).count() for name in PRODUCTS},
        sources={band: judge(_stacked(butler, "src", f"band = '{band}'"), truth, band=band) for band in "gr"},
        objects={band: judge(objects, truth, band=band, magnitude=f"{band}_ap_mag") for band in "gr"},
        zero_point_mmag=float(1000 * np.median(np.abs(errors))),
        worst_zero_point_mmag=float(1000 * np.abs(errors).max()),
        complete=completeness(objects, truth, _covered(butler, truth)),
    )


def _stacked(butler: Butler, name: str, where: str = "") -> Table:
    from astropy.table import vstack

    tables = [butler.get(ref) for ref in butler.query_datasets(name, SCIENCE, where=where)]
    return vstack(tables, metadata_conflicts="silent")


def _zero_points(butler: Butler, conditions: Table) -> NDArray[np.float64]:
    refs = butler.query_datasets("visit_summary", SCIENCE)
    return np.concatenate([zero_point_errors(butler.get(ref), conditions, int(ref.data_id["visit"])) for ref in refs])


def _covered(butler: Butler, truth: Table) -> NDArray[np.bool_]:
    """Which true sources lie where coadds of both bands have data, not at the rim."""
    seen = {band: np.zeros(len(truth), bool) for band in "gr"}
    for ref in butler.query_datasets("coadd", SCIENCE):
        image = with_planes(
            butler.get(ref), butler.get(f"{ref.dataset_type.name}.mask", ref.data_id, collections=SCIENCE)
        )
        seen[str(ref.data_id["band"])] |= _on(image, truth)
    return seen["g"] & seen["r"]


def _on(image: object, truth: Table, rim: int = 6) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_erosion

    filled = binary_erosion((planes_of(image) & int(Plane.NO_DATA)) == 0, iterations=rim)
    x, y = image.wcs.wcs_world2pix(np.asarray(truth["ra"]), np.asarray(truth["dec"]), 0)  # type: ignore[attr-defined]
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < filled.shape[1]) & (row < filled.shape[0])
    on: NDArray[np.bool_] = np.zeros(len(truth), bool)
    on[inside] = filled[row[inside], column[inside]]
    return on

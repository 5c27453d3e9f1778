"""Quality of a visit, detector by detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.demo.reduction.summary import visit_summary
from bunter.pipeline import Connections, Input, Output, PipelineTask, Struct, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.pipeline import DeferredDataset


class SummarizeConnections(Connections, dimensions=("instrument", "visit")):
    """Sources of all detectors in, one table out."""

    srcs = Input(
        "src",
        "AstropyTable",
        dimensions=("instrument", "visit", "detector"),
        doc="Calibrated sources.",
        multiple=True,
        deferred=True,
    )
    summary = Output("visit_summary", "AstropyTable", dimensions=("instrument", "visit"), doc="One row per detector.")


class SummarizeTask(PipelineTask[TaskConfig]):
    """Seeing, sky, zero point and residuals of each detector of a visit."""

    Connections = SummarizeConnections

    def run(self, srcs: Sequence[DeferredDataset]) -> Struct:
        """Tell how good one visit is."""
        return Struct(summary=visit_summary({int(src.data_id["detector"]): src.get() for src in srcs}))

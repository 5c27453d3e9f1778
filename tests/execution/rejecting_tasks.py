"""A task that looks at its inputs and does not use all of them."""

from __future__ import annotations

import run_tasks

from bunter.pipeline import PipelineTask


class Picky(PipelineTask):
    Connections = run_tasks.GatherConnections

    def run_quantum(self, context, inputs, outputs):
        used = []
        for ref in inputs["reduced"]:
            value = context.get(ref)["value"]
            if ref.data_id["detector"] == 1:
                context.reject(ref, "the edge detector")
            else:
                used.append(value)
        context.put({"sum": sum(used), "count": len(used)}, outputs["gathered"][0])

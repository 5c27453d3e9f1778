"""A task that waits for its input; a module, so that worker processes can import it."""

from __future__ import annotations

from run_tasks import FRAME, Reduce, ReduceConnections

from bunter.pipeline import Input


class PatientConnections(ReduceConnections, dimensions=FRAME):
    raw = Input("raw", "StructuredDataDict", dimensions=FRAME, missing="wait")


class Patient(Reduce):
    Connections = PatientConnections

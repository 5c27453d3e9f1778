"""One quantum again, in this process, with its real inputs; what it makes is kept in memory and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.errors import QuantumError
from bunter.execution.apart import apart
from bunter.execution.message import Request
from bunter.execution.needed import made_by, needed_artifacts
from bunter.execution.outlet import Outlet
from bunter.execution.place import Place
from bunter.execution.quantum_butler import QuantumButler
from bunter.execution.receipt import Output
from bunter.execution.site import Site
from bunter.execution.worker import Worker
from bunter.pipeline import PipelineGraph

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.execution.run_directory import RunDirectory
    from bunter.graph import QuantumRef

__all__ = ["Rehearsal", "rehearse_quantum"]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a quantum made when it was run again.

    Parameters
    ----------
    label : str
        Label of its task.
    data_id : mapping
        Its data ID.
    outputs : mapping of str to list
        Objects by connection.
    metadata : mapping
        What the task writes about itself.
    """

    label: str
    data_id: dict[str, Any]
    outputs: dict[str, list[Any]]
    metadata: dict[str, Any]


class _KeepingButler(QuantumButler):
    """A quantum's butler that keeps what is put, after it has seen that it could be written."""

    def put(self, obj: Any, ref: QuantumRef) -> QuantumRef:
        if ref.row in self.kept:
            raise QuantumError(f"{ref} was written twice by one quantum")
        self._place.datastore.encode(obj, self._place.dataset_type(ref.dataset_type))
        self.kept[ref.row] = obj
        self.outputs.append(Output(ref.row, ""))
        return ref

    kept: dict[int, Any]


def rehearse_quantum(directory: RunDirectory, quantum: int, *, butler: Butler | None = None) -> Rehearsal:
    """Run a quantum of a run again in this process; whatever its task raises comes out as it is.

    Parameters
    ----------
    directory : RunDirectory
        Folder of the run, or one that was staged.
    quantum : int
        Number of the quantum.
    butler : Butler, optional
        A butler of the repository; not needed for a folder that is prepared for jobs.

    Raises
    ------
    QuantumError
        If an input has not been made, or is gone.
    """
    graph, told = directory.graph(), directory.told()
    site = Site.read(directory.path) if butler is None else Site.of_run(butler, directory)
    made = made_by(told)
    with site.datastore(directory.path) as own:
        datastore = own if butler is None else apart(butler.datastore, directory.path, is_backed=True)
        place = Place(Outlet(datastore, {}), site.universe, graph, is_staged=site.is_staged)
        wanted = [place.artifact(one) for one in needed_artifacts(graph, [quantum], made)]
        lacking = [one.key for one, is_there in zip(wanted, datastore.exists_many(wanted), strict=True) if not is_there]
        if lacking:
            raise QuantumError(f"the quantum cannot be run again, as its input {lacking[0]} is gone")
        rows = {ref.row for refs in graph.quantum(quantum).inputs.values() for ref in refs}
        inputs = tuple(item for row, item in made.items() if row in rows)
        request = Request(quantum, 0, 0, inputs)
        keeping = _KeepingButler(place, 0, inputs)
        keeping.kept = {}
        worker = Worker(place, PipelineGraph.from_dict(graph.pipeline, site.universe), site.init)
        metadata = worker.rehearse(request, keeping)
    found = graph.quantum(quantum)
    outputs = {
        name: [keeping.kept[ref.row] for ref in refs if ref.row in keeping.kept]
        for name, refs in place.quantum(quantum).outputs.items()
    }
    return Rehearsal(found.label, dict(found.data_id), outputs, metadata)

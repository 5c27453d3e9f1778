"""How a run is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bunter.errors import RunError
from bunter.execution.handover import default_room
from bunter.execution.limits import agree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bunter.execution.limits import Asked, Limits
    from bunter.execution.scratch_folder import Leftovers
    from bunter.pipeline import PipelineGraph

__all__ = ["RunOptions"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is carried out.

    Parameters
    ----------
    jobs : int
        Number of quanta at a time; 1 runs them in this process.
    fail_fast : bool
        Whether the first failure stops the run.
    retries : int
        How often a quantum that failed in a way that may not happen again is tried again.
    limit_s : float, optional
        Longest time for a quantum, in seconds; needs worker processes.
    on_worker_start : callable, optional
        Called first in each worker process; must be picklable.
    limits : mapping, optional
        What quanta may take, by label of the task and ``""`` for all, as `bunter.pipeline.resources.plain_resources` gives
        it; it has the last word over what tasks and pipelines say.
    memory_budget : int, optional
        Memory for all quanta that run at a time, in bytes; by default what the machine, or the container, has.
    accepts_partial : bool
        Whether flawed outputs of tasks that raise `PartialOutputsError` count.
    only : tuple of int, optional
        The quanta that may run, by number; the others are left as they are.
    memory_of : mapping of int to int
        Memory of single quanta, in bytes.
    resources : mapping, optional
        What the pipeline says now, by label, if it may have changed since the graph was stored.
    handover : int, optional
        Memory in which each worker holds what is handed over to the next quantum, in bytes; 0 hands nothing over. By default
        up to a gibibyte.
    leftovers : str
        What becomes of files that tasks leave in their scratch folder: ``drop``, ``keep`` or ``pack``; the last two go to the
        folder ``left`` of the run.
    patience_s : float
        How long to look again for inputs that quanta wait for, in seconds.
    profiles : Path, optional
        Folder that gets a profile of each try of a quantum, for `pstats`: which calls took its time.
    """

    jobs: int = 1
    fail_fast: bool = False
    retries: int = 0
    limit_s: float | None = None
    on_worker_start: Callable[[], None] | None = None
    limits: Asked = field(default_factory=dict)
    memory_budget: int | None = None
    accepts_partial: bool = False
    only: tuple[int, ...] | None = None
    memory_of: Mapping[int, int] = field(default_factory=dict)
    resources: Asked | None = None
    handover: int | None = None
    leftovers: Leftovers = "drop"
    patience_s: float = 0.0
    profiles: Path | None = None

    @property
    def room(self) -> int:
        """Memory in which each worker holds what is handed over, in bytes."""
        return default_room(self.jobs) if self.handover is None else self.handover

    def agreed(self, pipeline: PipelineGraph) -> Limits:
        """Put together what the options, the pipeline and its tasks say."""
        general: dict[str, Any] = {"retries": self.retries} if self.retries else {}
        general |= {"timeout": self.limit_s} if self.limit_s is not None else {}
        asked = {**self.limits, "": {**general, **self.limits.get("", {})}}
        return replace(agree(pipeline, asked, self.resources), by_quantum=dict(self.memory_of))

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise RunError(f"a run needs at least one job, not {self.jobs}")

"""What jobs, staging and merging promise in every repository, whatever its registry and wherever its artifacts are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from bunter import effects
from bunter.contracts.small_camera import fill_dimensions
from bunter.execution import Job, RunDirectory, merge_run, prepare_run, run_job
from bunter.execution.bringing import stage_out
from bunter.execution.other_jobs import kin_of, told_of
from bunter.execution.selection import select_quanta
from bunter.execution.staging import stage_in
from bunter.graph import build_graph
from bunter.pipeline import Connections, Input, Output, Pipeline, PipelineTask, Struct, TaskConfig

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.execution import RunSummary

__all__ = ["JobsContract"]

_CAM = {"instrument": "Cam"}
_FRAME, _EXPOSURE = ("instrument", "exposure", "detector"), ("instrument", "exposure")
_EXPOSURES, _DETECTORS = 3, 2


class CountConnections(Connections, dimensions=_FRAME):
    """A frame in, a number out."""

    frame = Input("frame", "StructuredDataDict", dimensions=_FRAME)
    number = Output("number", "StructuredDataDict", dimensions=_FRAME)


class CountConfig(TaskConfig):
    """Which exposure cannot be counted."""

    bad: int = -1


class Count(PipelineTask[CountConfig]):
    """Counts a frame, unless it is bad."""

    Connections = CountConnections

    def run(self, frame: dict[str, int]) -> Struct:
        """Count."""
        if frame["e"] == self.config.bad and frame["d"] == 0:
            raise ValueError("a bad frame")
        return Struct(number={"n": frame["e"] + 1})


class SumConnections(Connections, dimensions=_EXPOSURE):
    """Numbers in, as many as there are, their sum out."""

    numbers = Input("number", "StructuredDataDict", dimensions=_FRAME, multiple=True, partial=True)
    total = Output("total", "StructuredDataDict", dimensions=_EXPOSURE)


class Sum(PipelineTask[TaskConfig]):
    """Adds the numbers of an exposure."""

    Connections = SumConnections

    def run(self, numbers: list[dict[str, int]]) -> Struct:
        """Add."""
        return Struct(total={"n": sum(one["n"] for one in numbers), "of": len(numbers)})


class _InterruptedError(RuntimeError):
    """What ends a merge before its time; no foreign library makes anything of it."""


class JobsContract:
    """What jobs promise. Subclass it and supply ``empty``, a writeable repository without anything in it."""

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        """Return a repository with six frames."""
        fill_dimensions(empty, exposures=_EXPOSURES, detectors=_DETECTORS)
        empty.dataset_types.register("frame", list(_FRAME), "StructuredDataDict")
        empty.collections.register("frames")
        keys = [{**_CAM, "exposure": e, "detector": d} for e in range(_EXPOSURES) for d in range(_DETECTORS)]
        empty.put_many([{"e": key["exposure"], "d": key["detector"]} for key in keys], "frame", keys, run="frames")
        return empty

    @staticmethod
    def prepared(butler: Butler, folder: Path, *, bad: int = -1) -> RunDirectory:
        """Plan the run ``jobs`` and prepare it."""
        tasks: dict[str, Any] = {"count": (f"{__name__}.Count", {"bad": bad}), "sum": (f"{__name__}.Sum", {})}
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        pipeline = Pipeline.from_tasks(tasks).resolve(butler.universe, known)
        build_graph(butler, pipeline, inputs=["frames"], output_run="jobs").write(folder / "plan.bqg")
        return prepare_run(butler, folder / "plan.bqg", output="shown")

    @staticmethod
    def job(directory: RunDirectory, name: str, attempt: int = 0, **chosen: Any) -> RunSummary:
        """Run a job."""
        return run_job(directory, Job(name, select_quanta(directory.graph(), **chosen), attempt))

    @staticmethod
    def totals(butler: Butler) -> list[tuple[int, int]]:
        """Return the sums of the exposures, and how many numbers are in each."""
        refs = butler.query_datasets("total", "shown", order_by=("exposure",))
        found = [cast("dict[str, int]", butler.get(ref)) for ref in refs]
        return [(one["n"], one["of"]) for one in found]

    def test_jobs_are_merged_as_they_come(self, butler: Butler, tmp_path: Path) -> None:
        directory = self.prepared(butler, tmp_path)
        assert self.job(directory, "a", ranges="0..3").exit_code == 0
        assert merge_run(butler, "jobs").succeeded == 4
        assert self.job(directory, "b", ranges="4..5").exit_code == 0
        assert self.job(directory, "c", labels=["sum"]).exit_code == 0
        merged = merge_run(butler, "jobs", final=True)
        assert (merged.is_complete, merged.open_jobs) == (True, 0)
        assert self.totals(butler) == [(2, 2), (4, 2), (6, 2)]
        assert merge_run(butler, "jobs").datasets == 0
        assert butler.check(deep=True).is_clean

    def test_a_job_reads_the_journals_of_its_parents_alone(self, butler: Butler, tmp_path: Path) -> None:
        directory = self.prepared(butler, tmp_path)
        for number in range(_EXPOSURES * _DETECTORS):
            self.job(directory, f"job{number}", ranges=str(number))
        parents = directory.graph().parents(7)
        kin = kin_of(directory.graph().part([7]))
        assert kin.tolist() == [*parents, 7]
        told = told_of(directory, kin)
        assert sorted(one.quantum for one in told.receipts if one.quantum >= 0) == parents
        assert self.job(directory, "d", ranges="7").exit_code == 0
        assert merge_run(butler, "jobs").succeeded == 7

    def test_who_can_do_without_goes_on_after_a_failure_in_another_job(self, butler: Butler, tmp_path: Path) -> None:
        directory = self.prepared(butler, tmp_path, bad=1)
        assert self.job(directory, "sum", labels=["sum"]).tasks["sum"].blocked == _EXPOSURES  # nothing was tried yet
        assert self.job(directory, "count", labels=["count"]).total("failed") == 1
        summary = self.job(directory, "sum", 1, labels=["sum"])
        assert (summary.exit_code, summary.tasks["sum"].deprived) == (0, 1)
        merged = merge_run(butler, "jobs", final=True)
        assert (merged.failed, merged.succeeded) == (1, 8)
        assert self.totals(butler) == [(2, 2), (2, 1), (6, 2)]
        assert butler.check(deep=True).is_clean

    def test_quanta_run_in_a_folder_that_holds_their_part_of_the_graph(self, butler: Butler, tmp_path: Path) -> None:
        directory = self.prepared(butler, tmp_path)
        far = tmp_path / "far"
        parents = directory.graph().parents(7)
        stage_in(directory, parents, far)
        assert RunDirectory(far).graph().numbers.tolist() == parents
        stage_in(directory, [*parents, 7], far)
        assert self.job(RunDirectory(far), "far").exit_code == 0
        stage_out(RunDirectory(far), directory)
        assert merge_run(butler, "jobs").succeeded == 3
        assert self.totals(butler) == [(4, 2)]
        assert butler.check(deep=True).is_clean

    def test_a_merge_that_is_interrupted_anywhere_is_completed_by_the_next(
        self, butler: Butler, tmp_path: Path
    ) -> None:
        directory = self.prepared(butler, tmp_path)
        self.job(directory, "all")
        at = 1
        while not self._interrupted(butler, at):
            at += 1 + at // 4
        assert at > 1
        merged = merge_run(butler, "jobs", final=True)
        assert merged.is_complete
        assert self.totals(butler) == [(2, 2), (4, 2), (6, 2)]
        assert butler.check(deep=True).is_clean

    @staticmethod
    def _interrupted(butler: Butler, at: int) -> bool:
        """Merge, with an interrupt at an effect; return whether it came to its end before."""
        seen = 0

        def hook(_operation: str, _path: object) -> None:
            nonlocal seen
            seen += 1
            if seen == at:
                raise _InterruptedError

        effects.set_hook(hook)
        try:
            merge_run(butler, "jobs")
        except _InterruptedError:
            return False
        finally:
            effects.set_hook(None)
        return True

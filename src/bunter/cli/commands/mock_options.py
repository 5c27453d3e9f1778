"""Options that put mocks in place of a pipeline's tasks."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.execution.mocks import Fault
    from bunter.pipeline import PipelineGraph

__all__ = ["Mocking", "faults_in", "mock_options"]

_MOCK_HELP = "Run mocks in place of the tasks: what they make are small datasets whose types begin with mock_."
_FAULT_HELP = (
    "How mocks fail: ERROR is a builtin exception, no_work, kill, exit or hang; then fraction=0.1, tries=1, or values of "
    "dimensions. Repeatable."
)


@dataclass(frozen=True, slots=True)
class Mocking:
    """What was asked of mocks.

    Parameters
    ----------
    wanted : bool
        Whether there are any.
    faults : tuple of str
        How they fail, as typed.
    wall_s : float
        How long each quantum takes, in seconds.
    marks : str
        Folder in which tries are counted.
    """

    wanted: bool
    faults: tuple[str, ...] = ()
    wall_s: float = 0.0
    marks: str = ""

    def refuse_graph(self, graph: str | None) -> None:
        """Refuse a stored graph, whose tasks are what they are."""
        if graph is not None and self.wanted:
            raise click.UsageError("a stored graph holds its tasks; --mock goes with a pipeline, -p")

    def applied(self, pipeline: PipelineGraph) -> PipelineGraph:
        """Return the pipeline, with mocks if they are wanted."""
        if not self.wanted:
            if self.faults or self.wall_s or self.marks:
                raise click.UsageError("--mock-fault, --mock-seconds and --mock-marks go with --mock")
            return pipeline
        from bunter.execution.mocks import mock_pipeline

        return mock_pipeline(
            pipeline,
            faults=faults_in(self.faults),
            marks=self.marks,
            wall_s=self.wall_s,
            pace=1.0 if self.wall_s else 0.0,
        )


def mock_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options and pass them as ``mocking``."""

    @functools.wraps(command)
    def with_mocks(
        *args: Any, mock: bool, mock_faults: tuple[str, ...], mock_wall_s: float, mock_marks: str | None, **kwargs: Any
    ) -> Any:
        return command(*args, mocking=Mocking(mock, mock_faults, mock_wall_s, mock_marks or ""), **kwargs)

    wrapped: Callable[..., Any] = with_mocks
    wrapped = click.option(
        "--mock-marks", type=click.Path(exists=True, file_okay=False), help="Folder for faults with tries=."
    )(wrapped)
    wrapped = click.option(
        "--mock-seconds", "mock_wall_s", type=click.FloatRange(min=0), default=0.0, help="How long each mock takes."
    )(wrapped)
    wrapped = click.option(
        "--mock-fault", "mock_faults", multiple=True, metavar="LABEL=ERROR[,KEY=VALUE]...", help=_FAULT_HELP
    )(wrapped)
    return click.option("--mock", is_flag=True, help=_MOCK_HELP)(wrapped)


def faults_in(told: tuple[str, ...]) -> dict[str, list[Fault]]:
    """Read faults such as ``isr=RuntimeError,fraction=0.1,detector=3``, by label of the task."""
    from pydantic import ValidationError

    from bunter.cli.arguments import data_id_of
    from bunter.execution.mocks import Fault

    found: dict[str, list[Fault]] = {}
    for text in told:
        label, _, rest = text.partition("=")
        error, *more = rest.split(",")
        if not label or not error or any("=" not in word for word in more):
            raise click.UsageError(f"{text!r} is no fault; write one as isr=RuntimeError,fraction=0.1,detector=3")
        values: dict[str, Any] = dict(data_id_of(more))
        kept = {name: values.pop(name) for name in ("fraction", "tries") if name in values}
        try:
            found.setdefault(label, []).append(Fault(error=error, where=values, **kept))
        except ValidationError as exc:
            raise click.UsageError(f"{text!r} is no fault: {exc.errors()[0]['msg']}") from exc
    return found

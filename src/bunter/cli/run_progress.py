"""How far a run is, on standard error while it runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bunter.cli.telemetry import watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import click

    from bunter.cli.output import Emit
    from bunter.execution import FailedQuantum, State, Watcher

__all__ = ["shown"]


@contextmanager
def shown(context: click.Context, emit: Emit) -> Iterator[Watcher]:
    """Yield who shows how a run gets on, and tells a collector where one is asked for."""
    with _Bars(emit, draws=context.obj["progress"]) as bars, watched(context, bars) as watcher:
        yield watcher


class _Bars:
    """A bar per task on standard error, and a line for each failure."""

    def __init__(self, emit: Emit, *, draws: bool) -> None:
        self._emit, self._draws = emit, draws
        self._bars: Any = None
        self._of_label: dict[str, Any] = {}

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def begun(self, run: str, totals: Mapping[str, tuple[int, int]]) -> None:
        """Draw the bars."""
        self._emit.note(f"run {run}: {sum(total - earlier for total, earlier in totals.values()):,} quanta to do")
        if not self._draws:
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=Console(stderr=True))
        for label, (total, earlier) in totals.items():
            self._of_label[label] = self._bars.add_task(label, total=total, completed=earlier)
        self._bars.start()

    def ended(self, label: str, state: State) -> None:
        """Move a bar."""
        del state
        if self._bars is not None:
            self._bars.advance(self._of_label[label])

    def failed(self, failure: FailedQuantum, *, again: bool) -> None:
        """Print a failure."""
        line = f"{failure}{'; trying again' if again else ''}"
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._emit.note(line)

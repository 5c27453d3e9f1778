"""The guided tour: simulate a night, then type what a user would type."""

from __future__ import annotations

import os
import re
import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from bunter.demo.steps import FIRST_LOOK, SCIENCE, Step, steps
from bunter.effects import monotonic
from bunter.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bunter.demo.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Tour:
    """One demonstration.

    Parameters
    ----------
    workspace : Workspace
        Where it happens.
    jobs : int
        Quanta that run at a time.
    until : str
        Milestone after which to stop.
    """

    workspace: Workspace
    jobs: int = 2
    until: str = "report"

    def go(self) -> int:
        """Do everything that has not been done yet; return the exit code of the first command that fails, or 0.

        Raises
        ------
        ConfigurationError
            If the folder holds something else.
        MissingExtraError
            If the extra ``demo`` is not installed.
        """
        begin = monotonic()
        check_extra()
        self.workspace.check()
        # The workers share the cores already; threads below them would only wait for each other.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        for step in steps(self.workspace, jobs=self.jobs, until=self.until):
            if code := self._take(step):
                click.echo(f"\n`bunter demo {self.workspace.root}` goes on from here when that is mended.", err=True)
                return code
            if step.words[0] == "create":
                self._simulate()
        self._conclude(monotonic() - begin)
        return 0

    def _take(self, step: Step) -> int:
        from bunter.cli.program import run

        click.secho(f"\n# {step.why}", dim=True)
        click.secho(f"$ {copyable(('bunter', *step.words))}", bold=True)
        if self._is_done(step):
            click.echo("(is there)")
            return 0
        return run(step.words)

    def _is_done(self, step: Step) -> bool:
        if not step.once:
            return False
        if step.once == "repository":
            return self.workspace.has_repository
        from bunter.butler import Butler

        with Butler(self.workspace.root, writeable=False) as butler:
            return step.once in butler.collections.query(step.once)

    def _simulate(self) -> None:
        self.workspace.begin()
        click.secho("\n# A night of DemoCam: 4 detectors, bands g and r, bias and flat frames, two fields.", dim=True)
        begin = monotonic()
        with _bar("simulating") as progress:
            frames = self.workspace.simulate(progress)
        click.echo(f"{frames} frames in {self.workspace.incoming} ({monotonic() - begin:.1f} s)")

    def _conclude(self, seconds: float) -> None:
        click.echo()
        if self.until == "isr":
            self._show_first_look()
        if self.until in {"science", "report"}:
            self._show_outcome()
        click.echo(f"took     {seconds:.0f} s; all of it is in {self.workspace.root}/")
        click.echo("\nTry next:")
        for line in self._next():
            click.secho(f"  {line}", bold=True)

    def _show_outcome(self) -> None:
        """Say how well it went."""
        from bunter.butler import Butler
        from bunter.demo.outcome import outcome

        with Butler(self.workspace.root, writeable=False) as butler:
            for line in outcome(butler, self.workspace).lines():
                click.echo(line)

    def _show_first_look(self) -> None:
        from bunter.butler import Butler

        with Butler(self.workspace.root, writeable=False) as butler:
            ref = next(iter(butler.query_datasets("post_isr", FIRST_LOOK)))
            image = butler.get(ref)
        click.echo(f"made     {ref}\n         {image.shape[1]} x {image.shape[0]} pixels in {image.unit}")

    def _next(self) -> list[str]:
        repo = shlex.quote(str(self.workspace.root))
        if self.until not in {"science", "report"}:
            return [
                f"bunter query-collections {repo}",
                f"bunter query-datasets {repo} raw --limit 5",
                f"bunter demo {repo}",
            ]
        get = f"Butler({str(self.workspace.root)!r}).get('objects', tract=0, patch=3)"
        return [
            f"bunter query-datasets {repo} coadd --collections {SCIENCE} --where \"band = 'r'\"",
            "bunter pipeline show bunter.demo:pipelines/science.yaml --values isr",
            f'python -c "from bunter import Butler; print({get})"',
        ]


def check_extra(modules: Iterable[str] = ("ccdproc", "photutils", "PIL", "scipy")) -> None:
    """See that what the tasks compute with is installed.

    Raises
    ------
    MissingExtraError
        If something is not.
    """
    if missing := [name for name in modules if find_spec(name) is None]:
        raise MissingExtraError(f"the demonstration needs {', '.join(missing)}; `pip install 'bunter[demo]'` brings it")


def copyable(words: Iterable[str]) -> str:
    """Join words to a line for a shell, in double quotes where single ones would have to be escaped."""
    plain = re.compile(r"[\w\s=.,()'<>&|*+:/-]*")
    return " ".join(f'"{word}"' if "'" in word and plain.fullmatch(word) else shlex.quote(word) for word in words)


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """Draw a progress bar on standard error, if somebody looks at it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)

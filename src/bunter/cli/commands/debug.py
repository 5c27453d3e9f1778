"""One quantum under the magnifying glass: run it again in the debugger, or pack it to be run elsewhere."""

from __future__ import annotations

import sys
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.commands.jobs import values_of
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bunter.butler import Butler
    from bunter.cli.output import Emit
    from bunter.execution import RunDirectory

__all__ = ["capsule", "debug"]

_SLOWEST = 15


@click.command(
    epilog="\b\nExample: bunter debug demo demo/science isr exposure=2025092000012 detector=3 --no-pdb --cpu-profile isr.pstats"
)
@click.argument("place", metavar="REPO|FOLDER")
@click.argument("words", nargs=-1, metavar="[RUN] [QUANTUM [KEY=VALUE]...]")
@click.option("--pdb/--no-pdb", "wants_pdb", default=None, help="Stop where it fails; by default on a terminal.")
@click.option(
    "--cpu-profile",
    "profile",
    type=click.Path(),
    metavar="FILE",
    help="Measure the call, write it into this file, print what took longest.",
)
@output_options
def debug(*, place: str, words: tuple[str, ...], wants_pdb: bool | None, profile: str | None, emit: Emit) -> int:
    """Run one quantum of a RUN again in this process and write nothing; where it fails, the debugger stops.

    QUANTUM is a number, or a task with values of its dimensions; without it, the first failure of the run is meant. For a
    capsule or a folder made by `stage in`, no RUN is given.
    """
    from bunter.execution.rehearsal import rehearse_quantum

    with _opened(place) as butler:
        directory, words = _directory(place, butler, words)
        quantum = _quantum(directory, words)
        emit.note(f"quantum {quantum}: {directory.graph().quantum(quantum)}")
        try:
            with _profiled(profile):
                found = rehearse_quantum(directory, quantum, butler=butler)
        except Exception as error:  # noqa: BLE001 - whatever a task raises is what is wanted
            return _post_mortem(error, sys.stdin.isatty() if wants_pdb is None else wants_pdb)
    made = {name: [type(one).__name__ for one in objects] for name, objects in found.outputs.items()}
    shown = ", ".join(f"{name}: {' '.join(kinds) or 'nothing'}" for name, kinds in made.items())
    values = {"quantum": quantum, "label": found.label, "data_id": found.data_id, "outputs": made}
    emit.record(values | {"metadata": found.metadata}, f"it succeeded and made {shown}; nothing was written")
    return 0


@click.command(
    epilog="\b\nExample: bunter capsule demo demo/science isr exposure=2025092000012 detector=3 --to isr.zip"
)
@click.argument("repo")
@click.argument("run")
@click.argument("words", nargs=-1, metavar="[QUANTUM [KEY=VALUE]...]")
@click.option(
    "--to", "target", type=click.Path(), required=True, help="New folder, or new file whose name ends in .zip."
)
@click.option("-n", "--dry-run", is_flag=True, help="Only say which quantum would be packed.")
@output_options
def capsule(*, repo: str, run: str, words: tuple[str, ...], target: str, dry_run: bool, emit: Emit) -> None:
    """Pack a quantum of a RUN with all that it reads; by default the first failure.

    `bunter run-quanta` and `bunter debug` take the folder or the zip file, on any machine with the same packages.
    """
    from bunter.butler import Butler
    from bunter.execution.capsule import pack_capsule

    with Butler(repo, writeable=False) as butler:
        directory, words = _directory(repo, butler, (run, *words))
        quantum = _quantum(directory, words)
        name = str(directory.graph().quantum(quantum))
        found = {"quantum": quantum, "name": name, "capsule": target}
        if dry_run:
            emit.record(found, f"would pack quantum {quantum}, {name}")
            return
        pack_capsule(butler, directory, quantum, Path(target))
    emit.record(found, f"packed quantum {quantum}, {name}, into {target}")


def _opened(place: str) -> AbstractContextManager[Butler | None]:
    from bunter.butler import Butler

    return nullcontext(None) if _is_folder(place) else Butler(place, writeable=False)


def _is_folder(place: str) -> bool:
    """Whether quanta can be run in a place without a repository."""
    from bunter.execution.capsule import is_capsule

    return Path(place, "slice.json").is_file() or is_capsule(Path(place))


def _directory(place: str, butler: Butler | None, words: tuple[str, ...]) -> tuple[RunDirectory, tuple[str, ...]]:
    from bunter.execution import RunDirectory
    from bunter.execution.capsule import is_capsule, open_capsule
    from bunter.execution.told_run import find_run

    if butler is None:
        path = Path(place)
        return RunDirectory(open_capsule(path) if is_capsule(path) else path), words
    if not words:
        raise click.UsageError("say which run is meant: `bunter debug REPO RUN`")
    return find_run(butler, words[0]), words[1:]


def _quantum(directory: RunDirectory, words: tuple[str, ...]) -> int:
    from bunter.execution.selection import find_quantum
    from bunter.execution.staging import staged_quanta

    if words:
        return find_quantum(directory.graph(), words[0], values_of(words[1:]))
    failures = sorted(receipt.quantum for receipt in directory.told().failures)
    if not failures and _is_folder(str(directory.path)):
        failures = list(staged_quanta(directory.path))
    if not failures:
        raise click.UsageError("nothing of this run has failed; say which quantum is meant, as `isr exposure=12`")
    return failures[0]


def _profiled(path: str | None) -> AbstractContextManager[Any]:
    """Measure what is called meanwhile."""
    from bunter.execution.profiling import profiled

    return nullcontext() if path is None else profiled(Path(path), shown=_SLOWEST)


def _post_mortem(error: Exception, wants_pdb: bool) -> int:
    """Show where it failed, first the frames of the task."""
    click.echo("".join(traceback.format_exception(error)), err=True)
    if wants_pdb:
        import pdb  # noqa: T100 - what the command is for

        pdb.post_mortem(error.__traceback__)
    return 1

"""What the quanta of a run have said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from bunter.cli.commands.jobs import values_of
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.execution.run_logs import QuantumSaid

__all__ = ["logs"]

_LEVELS = ("DEBUG", "VERBOSE", "INFO", "WARNING", "ERROR", "CRITICAL")


@click.command(
    epilog="\b\nExample: bunter logs demo demo/science isr exposure=2025092000012 detector=3"
    "\n\nWith --json each record is a JSON line that says which quantum it comes from, to be shipped to any collector of logs."
)
@click.argument("repo")
@click.argument("run")
@click.argument("words", nargs=-1, metavar="[TASK|NUMBER [KEY=VALUE]...]")
@click.option("--follow", is_flag=True, help="Go on with what is said as the run goes, until it ends.")
@click.option("--level", type=click.Choice(_LEVELS), default="DEBUG", show_default=True, help="Least level shown.")
@click.option("--metadata", is_flag=True, help="Show what task and executor noted about each quantum instead.")
@output_options
def logs(*, repo: str, run: str, words: tuple[str, ...], follow: bool, level: str, metadata: bool, emit: Emit) -> None:
    """Show the logs of quanta of a RUN, or of the newest run of a chain: of one, of a task, or of all."""
    from bunter.butler import Butler
    from bunter.execution.run_logs import follow_logs, read_logs
    from bunter.execution.selection import select_quanta
    from bunter.execution.told_run import find_run

    with Butler(repo, writeable=False) as butler:
        directory = find_run(butler, run)
        is_number = bool(words) and words[0].isdigit()
        quanta = select_quanta(
            directory.graph(),
            ranges=words[0] if is_number else "",
            labels=() if is_number or not words else words[:1],
            values=values_of(words[1:]),
        )
        shown = frozenset(_LEVELS[_LEVELS.index(level) :])

        def tell(said: QuantumSaid) -> None:
            _show_metadata(said, emit) if metadata else _show(said, shown, emit)

        if follow:
            follow_logs(directory, butler.datastore, quanta, tell)
            return
        for said in read_logs(directory, butler.datastore, quanta):
            tell(said)


def _show(said: QuantumSaid, shown: frozenset[str], emit: Emit) -> None:
    from bunter.execution.quantum_log import log_text

    if emit.style != "text":
        for line in said.lines():
            if line["level"] in shown:
                click.echo(json.dumps(line, default=str))
        return
    keys = ", ".join(f"{name}: {value!r}" for name, value in said.data_id.items())
    text = log_text(record for record in said.records if record["level"] in shown) + said.text
    click.echo(f"-- {said.quantum} {said.label}@{{{keys}}} {said.state}")
    if text:
        click.echo(text.rstrip("\n"))


def _show_metadata(said: QuantumSaid, emit: Emit) -> None:
    if said.metadata is not None:
        about = {"quantum": said.quantum, "label": said.label}
        emit.record({**about, **said.metadata.get("quantum", {}), "task": said.metadata.get("task", {})})

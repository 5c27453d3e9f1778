"""Plan a run: build a quantum graph, show it, ask why a quantum is there or not."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.commands.planning_options import planning_options
from bunter.cli.output import output_options
from bunter.values import counted, sized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.butler import Butler
    from bunter.cli.commands.planning_options import Planning
    from bunter.cli.output import Emit
    from bunter.execution import Forecast
    from bunter.graph import QuantumGraph

__all__ = ["qgraph"]

_ROLES = ("targets", "needed", "companions", "candidates")
_EPILOG = '\b\nExample: bunter qgraph -b demo -p bunter.demo:pipelines/science.yaml#isr -i DemoCam/raw/all,DemoCam/calib --output-run u/me/1 -d "detector = 0" -q plan.bqg'


@click.group(invoke_without_command=True, epilog=_EPILOG)
@click.option("-b", "--butler", "repo", metavar="REPO", help="The repository.")
@click.option("-p", "--pipeline", "location", metavar="PIPELINE", help="A pipeline file, or file#label.")
@click.option("-q", "--save-qgraph", "file", type=click.Path(), help="Write the graph into this new file.")
@click.option("--output-run", default="", help="The run that will get the outputs.")
@planning_options
@click.option("-n", "--dry-run", is_flag=True, help="Only count; write nothing.")
@output_options
@click.pass_context
def qgraph(
    context: click.Context,
    *,
    repo: str | None,
    location: str | None,
    file: str | None,
    output_run: str,
    planning: Planning,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Plan a run: build the quantum graph of a pipeline, count its quanta, and write it into a file."""
    if context.invoked_subcommand is not None:
        return
    if repo is None or location is None:
        raise click.UsageError("give -b REPO and -p PIPELINE to build a graph, or one of the commands show and why")
    if not dry_run and not (file and output_run):
        raise click.UsageError("give -q FILE and --output-run RUN, or --dry-run to count only")
    if file and not dry_run and Path(file).exists():
        raise click.UsageError(f"{file} is there already; remove it or choose another name")
    from bunter.butler import Butler
    from bunter.execution import find_precedents
    from bunter.graph import build_graph

    with Butler(repo, writeable=False) as butler:
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        graph = build_graph(
            butler,
            planning.pipeline(location, butler.universe, known),
            output_run=output_run or "dry-run",
            precedents=find_precedents(butler, planning.skipped) if planning.skipped else (),
            command=shlex.join(sys.argv),
            **planning.terms(butler.universe),
        )
        foretold = _forecast(butler, graph) if dry_run else None
    if foretold is None:
        _show(graph, emit)
    else:
        _show_forecast(graph, foretold, emit)
    if file and not dry_run:
        size = graph.write(file)
        emit.note(f"wrote {file}: {counted(len(graph), 'quantum', 'quanta')}, {sized(size)}")


def _show(graph: QuantumGraph, emit: Emit) -> None:
    """Print counts per task; to people also where quanta went."""
    told = graph.explanation
    rows = []
    for label, count in graph.counts.items():
        task = told.tasks.get(label)
        parts = (task.targets, task.needed, task.companions, task.candidates) if task else (None,) * 4
        rows.append((label, count, *parts))
    emit.rows(("task", "quanta", "targets", "needed", "companions", "candidates"), rows)
    if emit.style == "text":
        for line in told.lines():
            emit.note(line)
        for one in graph.header.decisions:
            what = f"{one['for']} from {one['use']}" if "use" in one else f"no {one['veto']}"
            emit.note(f"decided by {one['author']}: {what} where {one['where']}; applied {one['hits']} times")


def _forecast(butler: Butler, graph: QuantumGraph) -> Forecast:
    from bunter.execution import forecast_run

    return forecast_run(butler, graph)


def _show_forecast(graph: QuantumGraph, foretold: Forecast, emit: Emit) -> None:
    """Print what the run will have to do; where tasks have run before, also what that will probably take."""
    from bunter.execution.charts import duration

    plain = emit.style != "text"
    size = (lambda count: count) if plain else (lambda count: "-" if count is None else sized(int(count)))
    seconds = (lambda value: value) if plain else (lambda value: "-" if value is None else duration(value))
    rows = [
        (t.label, t.quanta, t.inputs, t.outputs, size(t.input_bytes), size(t.output_bytes), seconds(t.cpu_s),
         seconds(t.wall_s), size(t.peak_memory), t.runs)
        for t in foretold.tasks
    ]  # fmt: skip
    names: tuple[str, ...] = (
        "task",
        "quanta",
        "inputs",
        "outputs",
        "input_bytes",
        "output_bytes",
        "cpu",
        "wall",
        "peak_memory",
        "runs",
    )
    if plain:
        told = graph.explanation.tasks
        names = (*names, *_ROLES)
        rows = [(*row, *(getattr(told[row[0]], role) for role in _ROLES)) for row in rows]
    emit.rows(names, rows)
    if not plain:
        for line in graph.explanation.lines():
            emit.note(line)
        total = foretold.total("cpu_s")
        known = f", about {duration(total)} of CPU" if total is not None else "; some tasks have never run here"
        emit.note(f"{counted(len(graph), 'quantum', 'quanta')}{known}; nothing was written")


@qgraph.command(epilog="\b\nExample: bunter qgraph show plan.bqg --task isr --where exposure=2025092000012")
@click.argument("file", type=click.Path())
@click.option("--task", "label", help="List the quanta of this task.")
@click.option("--where", "values", multiple=True, metavar="KEY=VALUE", help="Only quanta with this value. Repeatable.")
@click.option("--edges", is_flag=True, help="List pairs of quanta of which the second reads what the first writes.")
@click.option("--quantum", "number", type=click.IntRange(min=0), help="Show all of the quantum of this number.")
@click.option(
    "--parquet",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the quanta of the task to a new Parquet file.",
)
@output_options
def show(
    *,
    file: str,
    label: str | None,
    values: tuple[str, ...],
    edges: bool,
    number: int | None,
    parquet: str | None,
    emit: Emit,
) -> None:
    """Show what is in a graph FILE.

    It may be in a storage service; of one quantum, no more is fetched than it takes.
    """
    from bunter.graph import GraphFile, QuantumGraph

    if parquet is not None and label is None:
        raise click.UsageError("--parquet needs --task: the quanta of one task are one table")
    if number is not None:
        from bunter.graph.listing import described

        emit.record(described(GraphFile(file).quantum(number)))
        return
    graph = QuantumGraph.read(file)
    if edges:
        parents, children = graph.quantum_edges()
        emit.rows(("parent", "child"), zip(parents.tolist(), children.tolist(), strict=True))
    elif label is not None:
        _list(graph, label, _data_id(values), parquet, emit)
    else:
        _show(graph, emit)
        emit.note(
            f"for run {graph.header.output_run}, from {', '.join(graph.header.inputs)}; where {graph.header.where or 'all'}"
        )


def _list(graph: QuantumGraph, label: str, data_id: dict[str, object], parquet: str | None, emit: Emit) -> None:
    from bunter.graph.listing import quanta_columns

    _check_keys(graph, label, data_id)
    columns = quanta_columns(graph, label, data_id)
    if parquet is None:
        emit.rows(list(columns), zip(*(column.tolist() for column in columns.values()), strict=True))
        return
    _write_parquet(columns, parquet)
    emit.record({"file": parquet, "rows": len(columns["row"])}, f"{len(columns['row'])} quanta in {parquet}")


def _write_parquet(columns: Mapping[str, Any], path: str) -> None:
    import pyarrow.parquet as pq

    from bunter import effects
    from bunter.errors import KeyTakenError
    from bunter.values import pyarrow

    if effects.stat(path) is not None:
        raise KeyTakenError(f"{path} is there already; remove it, or choose another name")
    pa = pyarrow()
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), buffer)
    effects.write_new(path, buffer.getvalue().to_pybytes(), sync=False)


@qgraph.command(
    short_help="Say why quanta are in a graph or not.",
    epilog="\b\nExample: bunter qgraph why plan.bqg isr exposure=2025092000012 detector=3",
)
@click.argument("file", type=click.Path())
@click.argument("task")
@click.argument("values", nargs=-1, metavar="KEY=VALUE...")
@output_options
def why(*, file: str, task: str, values: tuple[str, ...], emit: Emit) -> None:
    """Say why quanta of TASK with these values are in a graph FILE, or why not."""
    from bunter.graph import QuantumGraph

    graph = QuantumGraph.read(file)
    data_id = _data_id(values)
    _check_keys(graph, task, data_id)
    answer = graph.why(task, data_id)
    emit.record({"task": task, "data_id": data_id, "planned": graph.find(task, data_id), "why": answer}, answer)


def _check_keys(graph: QuantumGraph, label: str, data_id: dict[str, object]) -> None:
    """Refuse names that the task's data IDs do not have; they would select nothing or everything."""
    from bunter.errors import near

    known = list(graph.table(label).keys.codes)
    for name in data_id:
        if name not in known:
            hint = near(name, known) or f"; it has {', '.join(known)}"
            raise click.UsageError(f"task {label!r} has no dimension {name!r}{hint}")


def _data_id(values: tuple[str, ...]) -> dict[str, object]:
    found: dict[str, object] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{text!r} is not KEY=VALUE, such as exposure=12")
        found[name] = int(value) if value.lstrip("-").isdigit() else value
    return found

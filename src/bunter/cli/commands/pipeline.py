"""Commands about pipelines: show, check, draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.cli.output import Emit
    from bunter.dataset import DatasetType
    from bunter.dimensions import Universe
    from bunter.errors import PipelineError
    from bunter.pipeline import Pipeline

__all__ = ["pipeline", "pipeline_options", "read_pipeline"]


def pipeline_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that change a pipeline: values, files of values, selection, trust."""
    return _set_option("-c", "--config")(_rest_of_options(command))


def _set_option(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        *names, "overrides", multiple=True, metavar="LABEL:FIELD=VALUE", help="Set a value. Repeatable."
    )


def _rest_of_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "-C", "--config-file", "files", multiple=True, metavar="LABEL:FILE", help="Set the values of a YAML file."
    ),
    click.option("--select-tasks", "select", metavar="EXPR", help="Use a part, such as '<= warp & ~S:plots'."),
    click.option("--trust", multiple=True, metavar="PACKAGE", help="Package whose tasks may be imported. Repeatable."),
)


def read_pipeline(
    location: str, overrides: tuple[str, ...] = (), files: tuple[str, ...] = (), select: str | None = None
) -> Pipeline:
    """Read a pipeline file and apply what the options say; files of values before single ones."""
    from bunter.errors import PipelineError
    from bunter.pipeline import Pipeline

    found = Pipeline.from_file(location)
    for file in files:
        label, colon, name = file.partition(":")
        if not colon:
            raise PipelineError(f"{file!r} is not LABEL:FILE")
        found = found.configure_from(label, name)
    found = found.configure(*overrides)
    return found.select(select) if select else found


def _kinds_of(repo: str | None) -> tuple[Universe | None, dict[str, DatasetType] | None]:
    """Return the dimensions and dataset types of a repository, if one is given."""
    if repo is None:
        return None, None
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        return butler.universe, {kind.name: kind for kind in butler.dataset_types.query()}


def _tell(problems: list[PipelineError], emit: Emit) -> NoReturn:
    """Say what is wrong with a pipeline, and end with failure."""
    from bunter.errors import PipelineError

    if emit.style == "json":
        places = [{"file": one.file, "line": one.line, "message": one.args[0]} for one in problems]
        emit.record({"valid": False, "problems": places})
        raise click.exceptions.Exit(1)
    first, *others = problems
    raise PipelineError(str(first.args[0]), file=first.file, line=first.line, others=tuple(others))


@click.group(epilog="\b\nExample: bunter pipeline check bunter.demo:pipelines/science.yaml -b demo")
def pipeline() -> None:
    """Show, check or draw a pipeline."""


@pipeline.command(
    short_help="List the tasks, or show details of them.",
    epilog="\b\nExample: bunter pipeline show bunter.demo:pipelines/science.yaml --values isr",
)
@click.argument("location", metavar="PIPELINE")
@_set_option("-c")
@_rest_of_options
@click.option("--values", "label", metavar="LABEL", help="Show the configuration of a task, and who set each value.")
@click.option(
    "--config", "all_values", is_flag=True, help="Show the configurations of all tasks, and who set each value."
)
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the pipeline as one file, its imports merged.")
@click.option("--schema", "schema_of", metavar="LABEL", help="Print the JSON schema of a task's configuration.")
@click.option("--subsets", is_flag=True, help="List the subsets and steps.")
@output_options
def show(
    *,
    location: str,
    overrides: tuple[str, ...],
    files: tuple[str, ...],
    select: str | None,
    trust: tuple[str, ...],
    label: str | None,
    all_values: bool,
    schema_of: str | None,
    subsets: bool,
    as_yaml: bool,
    emit: Emit,
) -> None:
    """List the tasks of PIPELINE in the order in which they run, or details of it.

    PIPELINE is a file, or package:file; '#' chooses a part, as in drp.yaml#isr..warp,plots. Only --config and --schema
    import a task.
    """
    found = read_pipeline(location, overrides, files, select)
    if label is not None or all_values:
        _show_values(found, label, trust, emit)
    elif as_yaml:
        click.echo(found.to_text(), nl=False)
    elif schema_of is not None:
        _print_schema(found, schema_of, trust)
    elif subsets:
        steps = {step.label: ", ".join(step.dimensions) for step in found.steps}
        emit.rows(
            ("subset", "tasks", "step over", "description"),
            [(s.name, ", ".join(s.labels), steps.get(s.name), s.description) for s in found.subsets.values()],
        )
    else:
        emit.rows(("label", "class", "dimensions", "reads", "writes"), _task_rows(found))


def _show_values(found: Pipeline, label: str | None, trust: tuple[str, ...], emit: Emit) -> None:
    """Show the configuration of one task, or of all with their labels in front."""
    rows = [
        (*([] if label else [one]), name, value, source)
        for one in ([label] if label else found.tasks)
        for name, (value, source) in found.values_of(one, trust=trust or None).items()
    ]
    emit.rows((*([] if label else ["label"]), "field", "value", "source"), rows)


def _print_schema(found: Pipeline, label: str, trust: tuple[str, ...]) -> None:
    import json

    from bunter.pipeline import config_schema

    click.echo(json.dumps(config_schema(found.task_class(label, trust=trust or None).Config), indent=2))


def _task_rows(found: Pipeline) -> list[tuple[str, ...]]:
    return [
        (
            label,
            found.tasks[label].class_name,
            ", ".join(task.dimensions),
            ", ".join(task.reads) if task.known else "not readable without importing it",
            ", ".join(task.writes),
        )
        for label, task in found.outline().items()
    ]


@pipeline.command(
    short_help="Find everything that is wrong.",
    epilog="\b\nExample: bunter pipeline check bunter.demo:pipelines/science.yaml -b demo -c isr:cosmic_ray_sigma=6",
)
@click.argument("location", metavar="PIPELINE")
@pipeline_options
@click.option("-b", "--butler", "repo", metavar="REPO", help="Check against the dataset types of a repository, too.")
@output_options
def check(
    *,
    location: str,
    overrides: tuple[str, ...],
    files: tuple[str, ...],
    select: str | None,
    trust: tuple[str, ...],
    repo: str | None,
    emit: Emit,
) -> None:
    """Check PIPELINE: classes, configurations, contracts, connections, order, dataset types, subsets and steps.

    All that is wrong is told, a line each with its place.
    """
    from bunter.values import counted

    found = read_pipeline(location, overrides, files, select)
    universe, known = _kinds_of(repo)
    if problems := found.check(universe, known, trust=trust or None):
        _tell(problems, emit)
    graph = found.resolve(universe, known, trust=trust or None)
    made = [name for name in graph.dataset_types if graph.producer_of(name) is not None]
    emit.record(
        {"valid": True, "tasks": list(graph.labels), "inputs": list(graph.overall_inputs), "makes": made},
        f"{location} is valid: {counted(len(graph), 'task')}, {', '.join(graph.labels)};"
        f" it reads {', '.join(graph.overall_inputs) or 'nothing'}",
    )


@pipeline.command(epilog="\b\nExample: bunter pipeline draw bunter.demo:pipelines/science.yaml -o drp.svg")
@click.argument("location", metavar="PIPELINE")
@click.option(
    "--style", type=click.Choice(["text", "svg", "mermaid", "html"]), help="By default what the file's name says."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to a file.")
@click.option("--select-tasks", "select", metavar="EXPR", help="Draw a part, such as '<= warp & ~S:plots'.")
@output_options
def draw(*, location: str, style: str | None, output: str | None, select: str | None, emit: Emit) -> None:
    """Draw PIPELINE: tasks and the dataset types between them. The tasks are read, never imported."""
    from pathlib import Path

    found = read_pipeline(location, select=select)
    endings = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".html": "html", ".htm": "html"}
    style = style or endings.get(Path(output).suffix if output else "", "text")
    drawing = found.draw(style)
    if output is not None:
        Path(output).write_text(drawing, encoding="utf-8")
        emit.record({"drawing": output, "style": style}, f"drew {location} in {output}")
    elif emit.style == "json":
        emit.record({"style": style, "drawing": drawing})
    else:
        click.echo(drawing, nl=False)

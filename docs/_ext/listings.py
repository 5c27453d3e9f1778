"""Reference lists that are made from the code itself, so that they cannot go stale.

A page says where its list goes by ``<!-- listing: cli -->``.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_PLACE = re.compile(r"<!-- listing: (\w+) -->")
_ROOMS = (
    "butler",
    "query",
    "dimensions",
    "dataset",
    "values",
    "geometry",
    "storage_class",
    "pipeline",
    "graph",
    "ingest",
)


def filled(source: str) -> str:
    """Return the source of a page with its lists."""
    return _PLACE.sub(lambda place: LISTINGS[place.group(1)](), source)


def setup(app: Any) -> dict[str, bool]:
    """Fill the lists as Sphinx reads the pages."""

    def fill(_: Any, __: str, content: list[str]) -> None:
        content[0] = filled(content[0])

    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def cli() -> str:
    """Every command with its help, arguments and options."""
    from bunter.cli.commands import COMMANDS

    topics: dict[str, list[str]] = {}
    for name, entry in COMMANDS.items():
        topics.setdefault(entry.topic, []).append(_command(name, entry))
    return "\n\n".join(f"## {topic}\n\n" + "\n\n".join(sections) for topic, sections in topics.items())


def _command(name: str, entry: Any) -> str:
    import click

    module, attribute = entry.where.split(":")
    try:
        command = getattr(importlib.import_module(f"bunter.cli.commands.{module}"), attribute)
    except ImportError:
        return f"### {name}\n\n{entry.help}"
    if isinstance(command, click.Group):
        own = _signature(name, command) if command.invoke_without_command else _prose(command)
        parts = [f"### {name}", own]
        parts += [_signature(f"{name} {sub}", each) for sub, each in command.commands.items()]
        return "\n\n".join(parts)
    return f"### {name}\n\n{_signature(name, command)}"


def _signature(name: str, command: Any) -> str:
    import click

    context = click.Context(command, info_name=f"bunter {name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    rows = [
        (f"`{', '.join([*option.opts, *option.secondary_opts])}`", option.help or "")
        for option in command.params
        if isinstance(option, click.Option)
    ]
    parts = [f"```text\n{usage}\n```", _prose(command)]
    if rows:
        parts.append(table(("Option", "Meaning"), rows))
    if command.epilog:
        example = command.epilog.replace("\b\nExample: ", "")
        parts.append(f"```text\n{example}\n```")
    return "\n\n".join(part for part in parts if part)


def _prose(command: Any) -> str:
    text = inspect.cleandoc(command.help or "").partition("\f")[0]
    return re.sub(r"\b([A-Z_]{4,}[A-Z])\b", r"`\1`", text)


def global_options() -> str:
    """List the options before the command."""
    from bunter.cli.program import cli as group

    rows = [(f"`{', '.join([*option.opts, *option.secondary_opts])}`", option.help or "") for option in group.params]
    return table(("Option", "Meaning"), rows)


def errors() -> str:
    """Every error class: its parents, and what it means."""
    from bunter import errors as module

    rows = [
        (f"`{name}`", ", ".join(f"`{base.__name__}`" for base in cls.__bases__), _summary(cls))
        for name, cls in vars(module).items()
        if inspect.isclass(cls) and issubclass(cls, module.ButlerError)
    ]
    return table(("Error", "Is a", "Meaning"), rows)


def configuration() -> str:
    """Every setting of a repository's configuration."""
    from bunter.butler.config import RepositoryConfig

    rows = [(f"`{name}`", f"`{default!r}`", text) for name, default, text in settings(RepositoryConfig)]
    return table(("Setting", "Default", "Meaning"), rows)


def settings(model: Any, prefix: str = "") -> Iterator[tuple[str, object, str]]:
    """Yield dotted name, default and description of each field of a pydantic model."""
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.get_default(call_default_factory=True), field.description or ""


def dimensions() -> str:
    """List the elements of the default universe."""
    from bunter.dimensions import Universe

    rows = []
    for element in Universe.default().elements.values():
        keys = [column.name for column in (*([element.key] if element.key else []), *element.alternate_keys)]
        extent = [name for name, family in (("region", element.spatial), ("timespan", element.temporal)) if family]
        fields = [f"`{column.name}`" for column in element.metadata] + [f"`{name}`" for name in extent]
        rows.append(
            (
                f"`{element.name}`",
                ", ".join(f"`{key}`" for key in keys),
                ", ".join(element.requires),
                ", ".join(element.implies),
                ", ".join(fields),
            )
        )
    return table(("Element", "Keys", "Requires", "Implies", "Fields"), rows)


def storage_classes() -> str:
    """Every storage class with its Python type and components."""
    from bunter.storage_class import storage_classes as known

    rows = [
        (f"`{name}`", f"`{each.python_type}`", ", ".join(f"`{part}`" for part in each.components))
        for name, each in sorted(known().items())
    ]
    return table(("Storage class", "Python type", "Components"), rows)


def formats() -> str:
    """List the file formats."""
    from bunter.datastore import format_names, format_of

    rows = []
    for name in format_names():
        each = format_of(name)
        types = ", ".join(f"`{kind.replace(':', '.').removeprefix('builtins.')}`" for kind in each.python_types)
        extension = f"`{each.extension}`" if each.extension else ""
        rows.append((f"`{name}`", each.version, extension, getattr(each, "needs", ("", ""))[1], types))
    return table(("Format", "Version", "Extension", "Needs", "Writes"), rows)


def recipes() -> str:
    """List the recipes of formats."""
    from bunter.datastore import format_names, format_of

    rows = [
        (f"`{name}:{recipe}`", meaning)
        for name in format_names()
        for recipe, meaning in getattr(format_of(name), "recipes", {}).items()
    ]
    return table(("Recipe", "Meaning"), rows)


def header_fields() -> str:
    """List what is read from the header of a raw frame."""
    from bunter.ingest.model import FIELDS, NEEDED

    rows = [(f"`{name}`", kind, "yes" if name in (*NEEDED, "detector") else "") for name, kind in FIELDS.items()]
    return table(("Field", "Kind", "Needed"), rows)


def python() -> str:
    """Public names of each room."""
    return "\n\n".join(f"## bunter.{room}\n\n{_room(room)}" for room in _ROOMS)


def _room(room: str) -> str:
    module = importlib.import_module(f"bunter.{room}")
    head = (module.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    rows = [(f"`{name}`", _summary(getattr(module, name))) for name in module.__all__]
    return f"{head}\n\n{table(('Name', 'What it is'), rows)}"


def butler() -> str:
    """Methods of the Butler."""
    from bunter import Butler

    rows = []
    for name, member in vars(Butler).items():
        if not name.startswith("_"):
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            rows.append((f"`{name}`", _summary(function)))
    return table(("Name", "What it does"), rows)


def _summary(thing: object) -> str:
    home = getattr(thing, "__module__", None) or ""
    if home and not home.startswith("bunter"):
        return f"of {home.partition('.')[0]}"
    text = inspect.getdoc(thing) if callable(thing) or inspect.isclass(thing) else ""
    return (text or "").split("\n\n")[0].replace("\n", " ")


def _views() -> list[tuple[str, str, str]]:
    from uuid import uuid4

    from bunter import Butler

    with Butler.create(f"memory://{uuid4()}") as butler:
        butler.dataset_types.register("raw", ["instrument", "exposure", "detector"], "Raw")
        return [(f"`{name}`", holds, columns) for name, holds, columns in butler.sql_views()]


def fixed_views() -> str:
    """List the views that every repository has."""
    from bunter.registry.views import FIXED_VIEWS

    return table(("View", "Holds", "Columns"), [row for row in _views() if row[0].strip("`") in FIXED_VIEWS])


def made_views() -> str:
    """List the views of elements, types and groups in a small repository."""
    from bunter.registry.views import FIXED_VIEWS

    return table(("View", "Holds", "Columns"), [row for row in _views() if row[0].strip("`") not in FIXED_VIEWS])


LISTINGS: dict[str, Callable[[], str]] = {
    each.__name__: each
    for each in (
        cli, global_options, errors, configuration, dimensions, storage_classes, formats, recipes, header_fields, python, butler,
        fixed_views, made_views,
    )
}  # fmt: skip

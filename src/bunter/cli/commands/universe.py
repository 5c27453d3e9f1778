"""Commands about universes: what a repository's dimensions are, whether a definition is sound, what differs, upgrades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.dimensions import Element, Universe

__all__ = ["universe", "upgrade"]


@click.group("universe", epilog="\b\nExample: bunter universe show demo")
def universe() -> None:
    """Show, check and compare universes: the dimensions of a repository."""


@universe.command(
    "show",
    short_help="List the elements of a universe, or show one.",
    epilog="\b\nExample: bunter universe show demo exposure",
)
@click.argument("source")
@click.argument("element", required=False)
@click.option("--mermaid", is_flag=True, help="Draw it, as a flow chart in the language of Mermaid.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the definition, with all that it extends.")
@output_options
def show(*, source: str, element: str | None, mermaid: bool, as_yaml: bool, emit: Emit) -> None:
    """List the elements of SOURCE (a repository, a file or a name), or the columns of one ELEMENT."""
    found = _universe(source)
    if as_yaml:
        import yaml

        click.echo(yaml.safe_dump(found.to_dict(), sort_keys=False, allow_unicode=True), nl=False)
    elif mermaid:
        from bunter.dimensions.drawing import mermaid as drawn

        click.echo(drawn(found))
    elif element is not None:
        _show_element(found[element], emit)
    else:
        emit.heading(f"{found.namespace}, version {found.version}")
        names = ("element", "keys", "requires", "implies", "columns", "has", "packers")
        emit.rows(names, [_row(each, found) for each in found.elements.values()])


def _row(element: Element, universe: Universe) -> tuple[object, ...]:
    keys = [column.name for column in (element.key, *element.alternate_keys) if column is not None]
    facts = {
        "regions": element.spatial, "timespans": element.temporal, "governor": element.governor,
        "no records": not element.has_table,
    }  # fmt: skip
    packers = [name for name, recipe in universe.packers.items() if element.name in recipe.per]
    has = [name for name, true in facts.items() if true]
    return element.name, keys, list(element.requires), list(element.implies), len(element.metadata), has, packers


def _show_element(element: Element, emit: Emit) -> None:
    emit.heading(f"{element.name}: {element.doc}")
    rows = [
        (
            element.key.name if element.key is not None and column.name == element.name else column.name,
            column.kind,
            column.length,
            column.nullable,
            column.doc,
        )
        for column in element.columns
    ]
    emit.rows(("column", "type", "length", "may be unknown", "description"), rows)


@universe.command(
    "check", short_help="Check the definition of a universe.", epilog="\b\nExample: bunter universe check default"
)
@click.argument("source")
@output_options
def check(*, source: str, emit: Emit) -> None:
    """Check the definition in SOURCE; what is wrong is told with file and line."""
    found = _universe(source)
    emit.record(
        {
            "valid": True, "namespace": found.namespace, "version": found.version,
            "dimensions": len(found.dimensions), "combinations": len(found.combinations),
        },
        f"{found.namespace} version {found.version} is sound: {len(found.dimensions)} dimensions and "
        f"{len(found.combinations)} combinations",
    )  # fmt: skip


@universe.command("diff", short_help="Compare two universes.", epilog="\b\nExample: bunter universe diff demo default")
@click.argument("old")
@click.argument("new")
@output_options
def diff(*, old: str, new: str, emit: Emit) -> None:
    """Say what NEW has otherwise than OLD, and whether a repository over OLD can take it on."""
    from bunter.dimensions.difference import universe_differences

    before = _universe(old)
    found = universe_differences(before, _universe(new, before))
    if not found:
        emit.note("no differences")
        return
    emit.rows(
        ("what", "element", "name", "possible", "sentence"),
        [(each.kind, each.element, each.name, "yes" if each.additive else "no", each.sentence) for each in found],
    )


@click.command("upgrade", epilog="\b\nExample: bunter upgrade demo --dry-run")
@click.argument("repo")
@click.option("--dimensions", help="The universe it shall have: a YAML file, which may say 'extends: repository'.")
@click.option(
    "--fill",
    multiple=True,
    metavar="ELEMENT.COLUMN=VALUE",
    help="Value of a new column for the records that are there; {name} stands for another column. Repeatable.",
)
@click.option("--history", is_flag=True, help="List the upgrades that were made, and change nothing.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done and change nothing.")
@output_options
def upgrade(
    *, repo: str, dimensions: str | None, fill: tuple[str, ...], history: bool, dry_run: bool, emit: Emit
) -> None:
    """Bring REPO to the format of this Bunter and, with --dimensions, to a universe with more in it.

    Everything happens in one transaction; processes that have REPO open notice. What would take anything away is refused.
    """
    if history:
        _print_history(repo, emit)
        return
    from bunter.butler.upgrading import upgrade_repository

    done = upgrade_repository(repo, dimensions=dimensions, fill=dict(map(_filled, fill)), dry_run=dry_run)
    for name in done.fills:
        emit.note(f"if there are {name.partition('.')[0]} records, they need a value: --fill {name}=VALUE")
    if emit.style == "text":
        for sentence in done.sentences:
            click.echo(f"{'would do' if dry_run else 'done'}: {sentence}")
    emit.record(
        {"repository": repo, "steps": done.sentences, "needed": list(done.fills), "dry_run": dry_run},
        "nothing was changed" if dry_run else f"{repo} is up to date",
    )


def _filled(text: str) -> tuple[str, str]:
    name, equal, value = text.partition("=")
    if not equal or "." not in name:
        raise click.UsageError(f"--fill takes ELEMENT.COLUMN=VALUE, not {text!r}")
    return name, value


def _print_history(repo: str, emit: Emit) -> None:
    from bunter.butler import Butler
    from bunter.butler.upgrading import upgrade_history
    from bunter.values import format_instant

    with Butler(repo, writeable=False) as butler:
        rows = upgrade_history(butler.repository).to_pylist()
    if not rows:
        emit.note(f"{repo} is as it was created")
        return
    emit.rows(
        ("change", "time", "user", "kind", "to", "what"),
        [
            (
                row["change"],
                format_instant(row["time"]),
                row["user"],
                row["kind"],
                row["title"],
                "; ".join(row["detail"]),
            )
            for row in rows
        ],
    )


def _universe(source: str, repository: Universe | None = None) -> Universe:
    """Read the universe of a repository, of a file, or of a name."""
    from bunter.dimensions import Universe
    from bunter.dimensions.sources import NAMES

    path = Path(source)
    if (source in NAMES and not path.exists()) or (path.is_file() and path.name != "bunter.yaml"):
        return Universe.load(source, repository=None if repository is None else repository.to_dict())
    from bunter.butler import Butler

    with Butler(source, writeable=False) as butler:
        return butler.universe

"""What datasets were made of, and what was made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bunter.cli.commands.annotations import dataset_of
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.dataset.stamp import Stamp
    from bunter.execution import Lineage

__all__ = ["lineage", "why"]

_EPILOG = """\b\nExamples: bunter lineage demo coadd tract=0 patch=3 band=r --depth 2
          bunter lineage demo raw exposure=2025092000012 detector=0 --down --style svg --output lineage.svg"""


@click.command("lineage", epilog=_EPILOG)
@click.argument("repo")
@click.argument("dataset_type", required=False)
@click.argument("data_id", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--id", "identity", help="Id of the dataset, instead of type and data ID.")
@click.option("-c", "--collections", multiple=True, help="Where to look for the dataset. Repeatable.")
@click.option("--down", is_flag=True, help="What was made of it, instead of what it was made of.")
@click.option("--depth", type=click.IntRange(min=1), help="Most quanta between it and the others.")
@click.option(
    "--style",
    type=click.Choice(["tree", "svg", "mermaid", "prov"]),
    default="tree",
    show_default=True,
    help="Lines of text, a drawing, or PROV-JSON.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write into this new file.")
@output_options
def lineage(
    *,
    repo: str,
    dataset_type: str | None,
    data_id: tuple[str, ...],
    identity: str | None,
    collections: tuple[str, ...],
    down: bool,
    depth: int | None,
    style: str,
    output: str | None,
    emit: Emit,
) -> None:
    """Say what a dataset of REPO was made of, through all runs, or what was made of it.

    A FITS file that a run has written says which dataset it is: give it in place of type and data ID, or alone, in place of
    REPO, where it lies in the folder of the repository. Elsewhere the file alone tells what its stamp says.
    """
    from bunter.butler import Butler
    from bunter.execution import find_lineage

    if output and Path(output).exists():
        raise click.UsageError(f"{output} is there already; remove it or choose another name")
    if dataset_type is None and identity is None and Path(repo).is_file():
        repo, dataset_type = repository_of(repo), repo
    stamp = stamp_of(dataset_type)
    if stamp is not None and not repo:
        emit.record(stamp.to_dict())
        emit.note("this is what its stamp says; `bunter lineage REPO FILE` looks it up in a repository")
        return
    if stamp is not None:
        dataset_type, identity = None, str(stamp.id)
    with Butler(repo, writeable=False) as butler:
        ref = dataset_of(butler, dataset_type, data_id, identity, collections)
        found = find_lineage(butler, ref, down=down, depth=depth)
    text = _drawn(found, style)
    if output:
        Path(output).write_text(text, encoding="utf-8")
        emit.note(f"wrote {output}: {len(found.datasets)} datasets, {len(found.quanta)} quanta")
    elif style == "tree":
        emit.record(found.to_dict(), text)
    else:
        click.echo(text)


def stamp_of(path: str | None) -> Stamp | None:
    """Return the stamp of a FITS file; None where the word names no file."""
    from bunter.datastore.formats.fits_stamp import read_stamp

    return read_stamp(path) if path is not None and Path(path).is_file() else None


def repository_of(path: str) -> str:
    """Return the folder of the repository that a file lies in, empty if it lies in none."""
    from bunter.butler.config import CONFIG_NAME

    folders = Path(path).absolute().parents
    return next((str(folder) for folder in folders if (folder / CONFIG_NAME).is_file()), "")


def _drawn(found: Lineage, style: str) -> str:
    from bunter.execution.lineage_drawing import drawing_of, prov_of, tree_of

    if style == "tree":
        return tree_of(found)
    if style == "prov":
        return json.dumps(prov_of(found), indent=1)
    return drawing_of(found, style)


@click.command("why", epilog="\b\nExample: bunter why demo coadd tract=0 patch=3 band=r")
@click.argument("repo")
@click.argument("dataset_type", required=False)
@click.argument("data_id", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--id", "identity", help="Id of the dataset, instead of type and data ID.")
@click.option("-c", "--collections", multiple=True, help="Where to look for the dataset. Repeatable.")
@output_options
def why(
    *,
    repo: str,
    dataset_type: str | None,
    data_id: tuple[str, ...],
    identity: str | None,
    collections: tuple[str, ...],
    emit: Emit,
) -> None:
    """Say why a dataset of REPO was made anew: what differs from the last time that its quantum ran."""
    from bunter.butler import Butler
    from bunter.execution import why_made

    with Butler(repo, writeable=False) as butler:
        found = why_made(butler, dataset_of(butler, dataset_type, data_id, identity, collections))
    plain = {
        "quantum": found.work.key,
        "before": found.before.key if found.before else None,
        "is_same": found.is_same,
        "version": found.version,
        "config": found.config,
        "inputs": found.inputs,
    }
    emit.record(plain, "\n".join(found.lines()))

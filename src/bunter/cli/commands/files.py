"""Commands about the files of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import as_of_option, data_id_of, dry_run_option, names_of
from bunter.cli.output import output_options
from bunter.cli.progress import bytes_told
from bunter.cli.selecting import choosing_options
from bunter.values import counted, sized

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bunter.cli.output import Emit
    from bunter.cli.selecting import Chosen
    from bunter.dataset.id_mode import IdMode

__all__ = ["get_uri", "ingest_files", "retrieve_artifacts"]

TRANSFERS = ("auto", "copy", "move", "link", "hardlink", "symlink", "relsymlink", "direct")

_collections = click.option("-c", "--collections", multiple=True, help="Where to find them. Repeatable.")


@click.command(
    "ingest-files", epilog="\b\nExample: bunter ingest-files demo flat DemoCam/flats flats.csv --transfer copy"
)
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("run")
@click.argument("table", type=click.Path(exists=True, dir_okay=False))
@click.option("-t", "--transfer", type=click.Choice(TRANSFERS), default="auto", help="How the files come in.")
@click.option("--data-id", "common", multiple=True, metavar="KEY=VALUE", help="Same for all files. Repeatable.")
@click.option("--prefix", type=click.Path(), default="", help="Folder that relative file names are below.")
@click.option("--format", "file_format", help="Short name of the format; by default from the file's suffix.")
@click.option(
    "--id-generation-mode",
    "id_mode",
    type=click.Choice(["unique", "dataid_type", "dataid_type_run"]),
    default="unique",
    show_default=True,
    help="New ids, or ids derived from type and data ID (and run).",
)
@click.option("--header", is_flag=True, help="Keep the header cards of FITS files, to be asked for.")
@click.option(
    "--skip-existing", is_flag=True, help="Leave out files whose data ID has a dataset in RUN; else they are an error."
)
@dry_run_option
@output_options
def ingest_files(
    *,
    repo: str,
    dataset_type: str,
    run: str,
    table: str,
    transfer: str,
    common: tuple[str, ...],
    prefix: str,
    file_format: str | None,
    id_mode: IdMode,
    header: bool,
    skip_existing: bool,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Ingest the files named in the first column of TABLE; its other columns are data-ID keys.

    TABLE is .csv, .tsv, .ecsv, .fits, .parquet, .json (a list of objects), .jsonl or .yaml, by its ending.
    """
    from bunter.butler import Butler, FileTable

    shared = dict(pair.partition("=")[::2] for pair in common)
    with Butler(repo, writeable=None if dry_run else True) as butler:
        files = FileTable(
            butler, table, dataset_type, run, shared=shared, prefix=prefix, file_format=file_format, id_mode=id_mode
        )
        files.check()
        with butler.within_activity("ingest-files", kind="ingest", table=table, transfer=transfer):
            done = butler.ingest_many(
                files, transfer=transfer, header=header, skip_existing=skip_existing, make_runs=True, dry_run=dry_run
            )
    there = f"; {done.known} {'was' if done.known == 1 else 'were'} there already" if done.known else ""
    said = f"{'would ingest' if dry_run else 'ingested'} {counted(done.files, 'file')} into {run}{there}"
    emit.record({"run": run, "files": done.files, "known": done.known}, said)


@click.command(
    "retrieve-artifacts", epilog="\b\nExample: bunter retrieve-artifacts demo out -d coadd --where \"band = 'r'\""
)
@click.argument("repo")
@click.argument("destination", type=click.Path())
@choosing_options()
@click.option("--find-first", is_flag=True, help="Of several datasets of a data ID only the first one found.")
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(["auto", "copy", "hardlink", "link", "symlink", "relsymlink"]),
    default="auto",
    help="How files get there.",
)
@click.option("--template", help="Names of the files, such as {dataset_type}/{visit}_{detector}.")
@click.option("--preserve-path", is_flag=True, help="Keep the folders that the files have in their store.")
@click.option("--zip", "as_zip", is_flag=True, help="Write the zip file DESTINATION, which opens as a repository, too.")
@click.option("--no-manifest", is_flag=True, help="Only the files; the folder then does not open as a repository.")
@dry_run_option
@as_of_option
@output_options
def retrieve_artifacts(
    *,
    repo: str,
    destination: str,
    chosen: Chosen,
    find_first: bool,
    transfer: str,
    template: str | None,
    preserve_path: bool,
    as_zip: bool,
    no_manifest: bool,
    dry_run: bool,
    as_of: str | None,
    emit: Emit,
) -> None:
    """Copy the files of datasets to the folder DESTINATION, in parallel; the same command again completes.

    A file is compared with its digest as it is copied, and one that is there with the same content is taken as done. The
    folder opens as a repository with all that was ever retrieved into it, and `bunter import` takes it into another one.
    """
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        refs = chosen.packed(butler, find_first=find_first or None)
        if as_zip:
            manifest = butler.bundle(
                destination, refs=refs, collections=chosen.within, dry_run=dry_run, progress=bytes_told()
            )
            files: Sequence[str | Path] = [destination]
            size = manifest.size
        else:
            retrieval = butler.transfers.retrieval(
                refs,
                destination,
                template=template,
                preserve_path=preserve_path,
                manifest=not no_manifest,
                collections=chosen.within,
            )
            size = retrieval.plan.size
            files = () if dry_run else retrieval.write(transfer=transfer, progress=bytes_told())
    if dry_run:
        emit.record(
            {"datasets": len(refs), "size": size},
            f"would copy the files of {len(refs)} datasets ({sized(size)}) to {destination}",
        )
    else:
        emit.rows(("file",), ((str(path),) for path in files))


@click.command("get-uri", epilog="\b\nExample: bunter get-uri demo coadd tract=0 patch=3 band=r")
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("data_id", nargs=-1, metavar="[KEY=VALUE]...")
@_collections
@as_of_option
@output_options
def get_uri(
    *,
    repo: str,
    dataset_type: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    as_of: str | None,
    emit: Emit,
) -> None:
    """Say where the file of one dataset is, or its files if its components are kept apart."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        values, where = data_id_of(data_id), names_of(collections) or None
        ref = None if "." in dataset_type else butler.find_dataset(dataset_type, values, collections=where)
        uris = [] if ref is None else butler.get_uris([ref])[0]
        if len(uris) > 1:
            emit.rows(("component", "uri"), [(uri.stored.component, str(uri)) for uri in uris])
            return
        uri = butler.get_uri(dataset_type, values, collections=where)
    emit.record({"uri": str(uri)}, str(uri))

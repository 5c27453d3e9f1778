"""Commands that move datasets between repositories and folders."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import dry_run_option, names_of
from bunter.cli.output import output_options
from bunter.cli.progress import bytes_told
from bunter.cli.selecting import choosing_options, tell_nothing, tell_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bunter.butler.transfers import TransferReport
    from bunter.butler.transfers.dump_manifest import DumpManifest
    from bunter.cli.output import Emit
    from bunter.cli.selecting import Chosen

__all__ = ["bundle", "dump", "export", "import_export", "ingest_zip", "load", "sync", "transfer_datasets"]

TRANSFERS = ("auto", "copy", "move", "link", "hardlink", "symlink", "relsymlink", "direct")
OUTWARD = ("auto", "copy", "hardlink", "link", "symlink", "relsymlink", "direct", "none")


def _taking(*ways: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        return _with_terms(command, ways)

    return add


def _with_terms(command: Callable[..., Any], ways: Sequence[str]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--keep-records", is_flag=True, help="Keep dimension records that differ; else they are conflicts."
        ),
        click.option("--no-verify", is_flag=True, help="Do not read and compare what is only linked."),
        click.option("-t", "--transfer", type=click.Choice(ways), default="auto", help="How artifacts come in."),
    ):
        command = option(command)
    return command


def _tell(reports: Sequence[TransferReport], emit: Emit) -> None:
    """Print what came, or would come; exit with 1 if anything stands in the way of what would."""
    for report in reports:
        emit.record(report.as_row(), str(report))
        if not (report.datasets or report.known or report.removed or report.conflicts):
            tell_nothing(report.source, emit)
        if emit.style == "text":
            for each in report.conflicts:
                emit.note(f"  {each.kind}: {each.sentence}")
    if any(report.conflicts for report in reports):
        click.get_current_context().exit(1)


@contextmanager
def _refusal_told(emit: Emit) -> Iterator[None]:
    """Print conflicts as a result where a program reads, beside the sentence for people."""
    from bunter.errors import TransferConflictError

    try:
        yield
    except TransferConflictError as refused:
        if emit.style != "text" and refused.facts:
            emit.record(refused.facts)
        raise


@click.command(
    "transfer-datasets",
    epilog="\b\nExample: bunter create copy && bunter transfer-datasets demo copy -d coadd",
)
@click.argument("source")
@click.argument("target")
@choosing_options()
@_taking(*(way for way in TRANSFERS if way != "move"))  # whose registered files these are needs them
@click.option("--find-first", is_flag=True, help="Of several datasets of a data ID only the first one found.")
@click.option("--only-stored", is_flag=True, help="Leave out datasets without artifacts.")
@dry_run_option
@output_options
def transfer_datasets(
    *,
    source: str,
    target: str,
    chosen: Chosen,
    transfer: str,
    keep_records: bool,
    no_verify: bool,
    find_first: bool,
    only_stored: bool,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Bring datasets of SOURCE to TARGET, with dimension records, types, collections, and all kept beside them.

    Ids stay the same. Conflicts are listed before anything moves. The same command again completes what was cut short.
    """
    from bunter.butler import Butler

    with (
        Butler(source, writeable=False) as origin,
        Butler(target, writeable=not dry_run) as butler,
        _refusal_told(emit),
    ):
        butler.transfers.refuse_itself(origin.transfers)
        parcel = origin.transfers.parcel(selection=chosen.selection(origin, find_first=find_first))
        report = butler.transfers.take(
            parcel,
            transfer=transfer,
            dry_run=dry_run,
            keep_records=keep_records,
            only_stored=only_stored,
            verify=not no_verify,
            progress=bytes_told(),
        )
    _tell([report], emit)


@click.command("sync", epilog="\b\nExample: bunter sync demo copy -d coadd --dry-run")
@click.argument("first")
@click.argument("second")
@choosing_options(limited=False, by_table=False)
@click.option("--one-way", is_flag=True, help="Only from FIRST to SECOND.")
@click.option("--restore", is_flag=True, help="Bring back what was removed on purpose on one side.")
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(("auto", "copy", "link", "hardlink")),
    default="auto",
    help="How artifacts come in.",
)
@click.option("--keep-records", is_flag=True, help="Keep dimension records that differ; else they are conflicts.")
@dry_run_option
@output_options
def sync(
    *,
    first: str,
    second: str,
    chosen: Chosen,
    one_way: bool,
    restore: bool,
    transfer: str,
    keep_records: bool,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Make two repositories hold the same datasets: the union of both, by id.

    Conflicts of both directions are listed before anything moves. After an outage the same command goes on. What was
    removed on one side stays removed there.
    """
    from bunter.butler import Butler
    from bunter.butler.transfers.syncing import synchronise

    writeable = not dry_run
    with (
        Butler(first, writeable=False if one_way else writeable) as one,
        Butler(second, writeable=writeable) as other,
        _refusal_told(emit),
    ):
        reports = synchronise(
            one,
            other,
            names_of(chosen.dataset_types),
            chosen.within,
            where=chosen.where,
            both=not one_way,
            restore=restore,
            transfer=transfer,
            keep_records=keep_records,
            dry_run=dry_run,
            progress=bytes_told(),
        )
    _tell(reports, emit)


@click.command("export", epilog="\b\nExample: bunter export demo exported -d coadd --where \"band = 'r'\"")
@click.argument("repo")
@click.argument("folder", type=click.Path(file_okay=False))
@choosing_options()
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(OUTWARD),
    default="auto",
    help="How artifacts get there; none leaves them out.",
)
@dry_run_option
@output_options
def export(
    *,
    repo: str,
    folder: str,
    chosen: Chosen,
    transfer: str,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Write datasets of REPO to FOLDER, for `bunter import`: tables, artifacts, and a manifest with digests."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        manifest = butler.export(
            folder,
            selection=chosen.selection(butler),
            transfer=None if transfer == "none" else transfer,
            dry_run=dry_run,
            progress=bytes_told(),
        )
    tell_written(manifest, {"folder": folder}, ("would export", "exported"), emit, dry_run=dry_run)


@click.command("import", epilog="\b\nExample: bunter import demo exported --dry-run")
@click.argument("repo")
@click.argument("path", type=click.Path(exists=True))
@_taking(*TRANSFERS)
@click.option(
    "--allow-outside",
    is_flag=True,
    help="Take files that the export names outside of its folder, by absolute path or link.",
)
@dry_run_option
@output_options
def import_export(
    *,
    repo: str,
    path: str,
    transfer: str,
    keep_records: bool,
    no_verify: bool,
    allow_outside: bool,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Take in the export at PATH, a folder or a zip file; ids stay the same.

    Conflicts are listed before anything moves. The same command again completes what was cut short.
    """
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run) as butler, _refusal_told(emit):
        report = butler.import_(
            path,
            transfer=transfer,
            keep_records=keep_records,
            verify=not no_verify,
            allow_outside=allow_outside,
            dry_run=dry_run,
            progress=bytes_told(),
        )
    _tell([report], emit)


@click.command("dump", epilog="\b\nExample: bunter dump demo dumped")
@click.argument("repo")
@click.argument("folder", type=click.Path(file_okay=False))
@click.option("--without-artifacts", is_flag=True, help="Only the tables of the registry.")
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(("auto", "copy", "hardlink", "link", "symlink", "relsymlink")),
    default="auto",
    help="How artifacts get there.",
)
@dry_run_option
@output_options
def dump(*, repo: str, folder: str, without_artifacts: bool, transfer: str, dry_run: bool, emit: Emit) -> None:
    """Write everything that is in REPO to FOLDER: each table as a Parquet file, and the artifacts.

    `bunter load` makes the same repository again, with any database and store. The same command again completes what was
    cut short.
    """
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        manifest = butler.dump(
            folder, artifacts=not without_artifacts, transfer=transfer, dry_run=dry_run, progress=bytes_told()
        )
    _tell_dump(manifest, "would dump" if dry_run else "dumped", f"from {repo} to {folder}", emit, dry_run=dry_run)


@click.command("load", epilog="\b\nExample: bunter load dumped again")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("repo")
@click.option("--database", help="Where the registry is to be, as for create; a SQLite file in the folder by default.")
@click.option("--seed-config", type=click.Path(exists=True, dir_okay=False), help="A partial configuration file.")
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(("auto", "copy", "link", "hardlink")),
    default="auto",
    help="How artifacts come in.",
)
@dry_run_option
@output_options
def load(
    *,
    folder: str,
    repo: str,
    database: str | None,
    seed_config: str | None,
    transfer: str,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Make the repository REPO out of FOLDER, which `bunter dump` wrote: same ids, histories and numbers of changes."""
    from bunter.butler.transfers.loading import load_dump

    manifest = load_dump(
        folder,
        repo,
        database=database,
        seed_config=seed_config,
        transfer=transfer,
        dry_run=dry_run,
        progress=bytes_told(),
    )
    _tell_dump(manifest, "would load" if dry_run else "loaded", f"from {folder} to {repo}", emit, dry_run=dry_run)


def _tell_dump(manifest: DumpManifest, verb: str, way: str, emit: Emit, *, dry_run: bool) -> None:
    from bunter.values import counted, sized

    emit.record(
        {
            "tables": len(manifest.tables),
            "rows": manifest.rows,
            "artifacts": manifest.artifacts,
            "size": manifest.size,
            "dry_run": dry_run,
        },
        f"{verb} {counted(manifest.rows, 'row')} of {counted(len(manifest.tables), 'table')} and "
        f"{counted(manifest.artifacts, 'artifact')} ({sized(manifest.size)}) {way}",
    )


@click.command(
    "bundle", epilog="\b\nExample: bunter bundle demo coadds.zip -d coadd --title 'One night' --licence CC-BY-4.0"
)
@click.argument("repo")
@click.argument("path", type=click.Path())
@choosing_options()
@click.option("--title", default="", help="What it is called.")
@click.option("--licence", default="", help="Under which terms it may be used.")
@click.option("--citation", default="", help="How to cite it.")
@click.option("--description", default="", help="A few sentences for its README.")
@dry_run_option
@output_options
def bundle(
    *,
    repo: str,
    path: str,
    chosen: Chosen,
    title: str,
    licence: str,
    citation: str,
    description: str,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Write datasets of REPO to PATH, a folder or a .zip file, to be published; it opens as a repository."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        manifest = butler.bundle(
            path,
            selection=chosen.selection(butler),
            title=title,
            licence=licence,
            citation=citation,
            description=description,
            dry_run=dry_run,
            progress=bytes_told(),
        )
    tell_written(manifest, {"path": path}, ("would bundle", "bundled"), emit, dry_run=dry_run)


@click.command("ingest-zip", epilog="\b\nExample: bunter ingest-zip demo coadds.zip --dry-run")
@click.argument("repo")
@click.argument("path", type=click.Path(exists=True, dir_okay=False))
@click.option("-t", "--transfer", type=click.Choice(TRANSFERS), default="auto", help="How the file comes in.")
@click.option("--keep-records", is_flag=True, help="Keep dimension records that differ; else they are conflicts.")
@dry_run_option
@output_options
def ingest_zip(*, repo: str, path: str, transfer: str, keep_records: bool, dry_run: bool, emit: Emit) -> None:
    """Take in the zip file PATH that `bunter bundle` or `retrieve-artifacts --zip` wrote; members are read in place.

    Zip files that a Rubin repository wrote (index V1) come in just so.
    """
    from bunter.butler import Butler
    from bunter.interop.rubin_zip import ingest_rubin_zip, is_rubin_zip

    with Butler(repo, writeable=not dry_run) as butler, _refusal_told(emit):
        if is_rubin_zip(path):
            found = ingest_rubin_zip(butler, path, transfer=transfer, dry_run=dry_run)
            emit.record(found.as_row(), str(found))
            return
        report = butler.ingest_zip(
            path, transfer=transfer, keep_records=keep_records, dry_run=dry_run, progress=bytes_told()
        )
    _tell([report], emit)

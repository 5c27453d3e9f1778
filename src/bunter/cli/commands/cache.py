"""The command about the cache of artifacts from afar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit
    from bunter.datastore.cache import ArtifactCache
    from bunter.datastore.cache_entries import Entry
    from bunter.datastore.config import CacheConfig

__all__ = ["cache"]


@click.command("cache", epilog="\b\nExamples: bunter cache show demo\n          bunter cache clear demo --dry-run")
@click.argument("action", type=click.Choice(["show", "trim", "clear"]))
@click.argument("repo")
@click.option("--files", "each", is_flag=True, help="With show: list every file.")
@dry_run_option
@output_options
def cache(*, action: str, repo: str, each: bool, dry_run: bool, emit: Emit) -> None:
    """Show the cache that REPO uses, trim it to its limits, or clear it.

    The cache is a folder of this machine, set by datastore.cache.root, in which artifacts of remote stores are kept. It may
    be removed at any time: what is needed is fetched again. datastore.cache.cacheable says which dataset types or storage
    classes are kept: {default: false, calexp: true}.
    """
    from bunter.butler import configuration_of
    from bunter.datastore.cache import ArtifactCache

    config = configuration_of(repo).model.datastore.cache
    if config.root is None:
        emit.record({"root": None}, f"{repo} has no cache; set datastore.cache.root in its bunter.yaml or the site's")
        return
    kept = ArtifactCache(config)
    if action == "show":
        _show(kept, config, each=each, emit=emit)
        return
    going = _would_go(kept, action) if dry_run else kept.clear() if action == "clear" else kept.trim()
    size = sum(entry.size for entry in going)
    said = "would remove" if dry_run else "removed"
    emit.record(
        {"root": str(kept.root), "removed": len(going), "bytes": size, "dry_run": dry_run},
        f"{said} {len(going)} files, {size} bytes, from {kept.root}",
    )


def _would_go(kept: ArtifactCache, action: str) -> list[Entry]:
    from bunter import effects
    from bunter.datastore.cache_entries import surplus

    entries = kept.entries()
    return entries if action == "clear" else surplus(entries, kept.config, effects.now_ns())


def _show(kept: ArtifactCache, config: CacheConfig, *, each: bool, emit: Emit) -> None:
    from bunter.datastore.cache_entries import totals

    entries = kept.entries()
    if each:
        rows = [(entry.name, entry.size, entry.used_ns) for entry in sorted(entries, key=lambda entry: entry.used_ns)]
        emit.rows(("file", "size", "used_ns"), rows)
        return
    found = totals(entries)
    emit.record(
        {
            "root": str(kept.root),
            "files": found.files,
            "bytes": found.size,
            "datasets": found.datasets,
            **{name: limit for name, limit in config.model_dump().items() if name != "root"},
        }
    )

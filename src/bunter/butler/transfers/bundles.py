"""Bundles: datasets to be published, with a licence, a citation, and a page that says what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.butler.transfers.archives import write_archive
from bunter.butler.transfers.exports import Export
from bunter.datastore.local_place import local_place
from bunter.values import counted, sized

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bunter.butler.transfers.manifest import Manifest
    from bunter.butler.transfers.parcel import Parcel
    from bunter.datastore.carriage import Progress

__all__ = ["write_bundle"]


def write_bundle(
    parcel: Parcel,
    path: str | Path,
    *,
    title: str = "",
    licence: str = "",
    citation: str = "",
    description: str = "",
    dry_run: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Manifest:
    """Write a bundle: an export with copies of all artifacts, and texts for readers.

    Parameters
    ----------
    parcel : Parcel
        What to publish.
    path : str or Path
        A zip file if it ends in ``.zip``, else a folder.
    title, licence, citation, description : str
        What readers should know; they go into the manifest, README.md, and the files LICENSE and CITATION.
    dry_run : bool
        Whether only to count.
    progress : callable, optional
        Is told how far it has come.
    """
    path = local_place(path, "a bundle")
    said = {"title": title, "licence": licence, "citation": citation, "description": description}
    about = {key: value for key, value in said.items() if value}
    counts = Export(parcel, path.parent / f".{path.name}.none", about=about).survey()
    if dry_run:
        return counts
    texts = _texts(counts, path.name)
    if path.suffix == ".zip":
        return write_archive(parcel, path, about=about, texts=texts, progress=progress)
    manifest = Export(parcel, path, transfer="copy", about=about, progress=progress).write()
    for name, text in texts.items():
        if effects.stat(path / name) is None:
            effects.write_new(path / name, text.encode(), sync=True)
    effects.sync_dir(path)
    return manifest


def _texts(manifest: Manifest, name: str) -> dict[str, str]:
    about = manifest.about
    kinds = "\n".join(
        f"- {kind.name}: {kind.storage_class}, {', '.join(kind.dimensions.required)}" for kind in manifest.dataset_types
    )
    parts = [
        f"# {about.get('title') or name}",
        about.get("description", ""),
        f"{counted(manifest.datasets, 'dataset')} in {counted(manifest.artifacts, 'file')}, {sized(manifest.size)}:",
        kinds,
        f"Licence: {about['licence']}" if "licence" in about else "",
        f"Please cite: {about['citation']}" if "citation" in about else "",
        (
            f'`pip install bunter`, then `from bunter import Butler` and `Butler("{name}")` open it; `bunter import REPO {name}` '
            "takes it into a repository. The files are below `files`, the tables are Parquet, and `bunter-export.json` lists "
            "both with digests."
        ),
    ]
    texts = {"README.md": "\n\n".join(part for part in parts if part) + "\n"}
    if "licence" in about:
        texts["LICENSE"] = about["licence"] + "\n"
    if "citation" in about:
        texts["CITATION"] = about["citation"] + "\n"
    return texts

"""Worlds: the same repository in both systems."""

from __future__ import annotations

import logging
import pathlib
import resource
import tempfile
import warnings
from dataclasses import dataclass
from typing import Any

import lsst.daf.butler as theirs
from lsst.daf.butler.tests import registry_data

from bunter.butler import Butler
from bunter.interop import import_rubin

MEMORY_BYTES = 3 * 2**30
DATA = pathlib.Path(registry_data.__file__).parent


@dataclass
class World:
    """One repository twice.

    Attributes
    ----------
    ours : bunter.butler.Butler
        In Bunter.
    theirs : lsst.daf.butler.Butler
        In the reference system.
    """

    name: str
    ours: Butler
    theirs: Any


def world(name: str, exports: list[pathlib.Path], folder: pathlib.Path, database: str | None = None) -> World:
    """Load export files into both."""
    # Cross products can be larger than the machine: better a MemoryError than the neighbours' end.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    root = folder / name / "theirs"
    logging.getLogger("lsst").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.Butler.makeRepo(str(root))
        butler = theirs.Butler.from_config(str(root), writeable=True)
        for export in exports:
            butler.import_(filename=str(export), without_datastore=True)
    _make_interruptible(butler)
    bunter = Butler.create(folder / name / "ours", database=database)
    for export in exports:
        import_rubin(bunter, export)
    return World(name, bunter, butler)


def _make_interruptible(butler: Any) -> None:
    """Let SQLite look at signals now and then, so that `asking.at_most` can stop it."""
    from sqlalchemy import event

    engine = butler._registry._db._engine
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.set_progress_handler(lambda: 0, 100_000))


def packaged(*names: str) -> list[pathlib.Path]:
    """Export files that come with the reference system."""
    return [DATA / f"{name}.yaml" for name in names]


PACKAGED = {
    "base": ("base", "datasets", "spatial"),
    "hsc-rc2": ("hsc-rc2-subset-v0",),
    "lsstcam": ("lsstcam-subset",),
    "ci-hsc": ("ci_hsc-subset", "ci_hsc-subset-skymap"),
}


def made_up(folder: pathlib.Path, seed: int = 1) -> list[pathlib.Path]:
    """Write the export file of a made-up survey."""
    import skies

    path = folder / f"survey-{seed}.yaml"
    path.write_text(skies.survey(seed))
    return [path]


def scratch() -> pathlib.Path:
    """Return a folder that is removed with the process."""
    return pathlib.Path(tempfile.mkdtemp(prefix="oracle-"))

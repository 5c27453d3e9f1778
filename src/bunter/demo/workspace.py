"""The folder of a demonstration: a repository, the frames that go in, and the truth that does not."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from astropy.table import Table

    from bunter.demo.simulation import Night, Plan


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything of one demonstration is.

    Parameters
    ----------
    root : pathlib.Path
        Root of the repository; the rest is beside its data.
    seed : int
        Of the simulation.
    plan : Plan, optional
        Of the night; the whole one by default.
    """

    root: Path
    seed: int
    plan: Plan | None = None

    @property
    def incoming(self) -> Path:
        """Raw frames, as the camera leaves them."""
        return self.root / "incoming"

    @property
    def catalogue(self) -> Path:
        """Reference catalogue."""
        return self.root / "inputs" / "refcat.ecsv"

    @property
    def skymap(self) -> Path:
        """Description of the sky map."""
        return self.root / "inputs" / "skymap.yaml"

    @property
    def report(self) -> Path:
        """Report on the science run."""
        return self.root / "report.html"

    @property
    def _truth(self) -> Path:
        return self.root / "inputs" / "truth.fits"

    @property
    def _conditions(self) -> Path:
        return self.root / "inputs" / "conditions.fits"

    @property
    def _note(self) -> Path:
        return self.root / "inputs" / "demo.json"

    def check(self) -> None:
        """Refuse a folder that holds something else.

        Raises
        ------
        ConfigurationError
            If it is neither empty nor a demonstration with the same seed.
        """
        if self._note.is_file():
            made = json.loads(self._note.read_text())["seed"]
            if made != self.seed:
                raise ConfigurationError(f"{self.root} was made with --seed {made}; give that, or another folder")
        elif self.root.exists() and any(self.root.iterdir()) and not self._is_new_repository():
            raise ConfigurationError(f"{self.root} holds something else; `bunter demo FOLDER` with another one")

    def _is_new_repository(self) -> bool:
        """Whether somebody made the repository and nothing more."""
        from bunter.butler import Butler

        if not self.has_repository:
            return False
        with Butler(self.root, writeable=False) as butler:
            return not butler.collections.query("*")

    def begin(self) -> None:
        """Claim the folder."""
        self._note.parent.mkdir(parents=True, exist_ok=True)
        self._note.write_text(json.dumps({"seed": self.seed}))

    @property
    def has_repository(self) -> bool:
        """Whether the repository has been made."""
        return (self.root / "bunter.yaml").is_file()

    def simulate(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Write what is missing of the night; return the number of frames.

        Parameters
        ----------
        progress : callable, optional
            Called with the number of frames done and the number of all.
        """
        from bunter.demo.simulation import Night, write_night

        night = Night.simulate(self.seed, self.plan)
        self._write_tables(night)
        return len(write_night(night, self.incoming, progress))

    def _write_tables(self, night: Night) -> None:
        night.truth.write(self._truth, overwrite=True)
        night.conditions().write(self._conditions, overwrite=True)
        night.reference.write(self.catalogue, overwrite=True)
        with as_file(files("bunter.demo") / "pipelines" / "skymap.yaml") as source:
            shutil.copyfile(source, self.skymap)

    def truth(self) -> Table:
        """Read the true stars and galaxies."""
        from astropy.table import Table

        return Table.read(self._truth)

    def conditions(self) -> Table:
        """Read the true zero points and pointings, one row per exposure and detector."""
        from astropy.table import Table

        return Table.read(self._conditions)

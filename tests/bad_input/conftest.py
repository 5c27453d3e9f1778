"""A repository with twelve small bias frames of DemoCam, and the command line in a process of its own."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from bunter import Butler
from bunter_command import bunter

PACKAGES = Path(__file__).parent / "packages"


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    output: str
    errors: str


class Repository:
    """A repository and the commands that a user types at it."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "repo"
        self.incoming = folder / "incoming"

    def bunter(self, *words):
        """Run one command in the folder above the repository."""
        done = bunter(*words, folder=self.folder, PYTHONPATH=str(PACKAGES), COLUMNS="200")
        return Done(done.returncode, done.stdout, done.stderr)

    def works(self, *words):
        """Run a command that must succeed."""
        done = self.bunter(*words)
        assert done.code == 0, (words, done.errors, done.output)
        return done

    def count(self, dataset_type):
        """Number of datasets of a type; 0 where the type is not known."""
        with Butler(self.root, writeable=False) as butler:
            known = {kind.name for kind in butler.dataset_types.query()}
            return butler.query_datasets(dataset_type).count() if dataset_type in known else 0

    def assert_clean(self):
        """`bunter check` finds nothing wrong."""
        done = self.bunter("check", "repo")
        assert done.code == 0, (done.errors, done.output)

    def pipeline(self, text):
        """Write a pipeline file and return its name."""
        (self.folder / "pipe.yaml").write_text(text)
        return "pipe.yaml"


def write_frames(folder, exposures=3):
    """Write small frames with the headers of simulated ones."""
    from bunter.demo.simulation import Plan
    from bunter.demo.simulation.camera import DETECTORS
    from bunter.demo.simulation.headers import raw_header
    from bunter.demo.simulation.schedule import schedule

    folder.mkdir(parents=True)
    for exposure in schedule(Plan(biases=exposures, flats=0, dithers=0), seed=1):
        for detector in DETECTORS:
            image = np.full((64, 64), 100 + detector.id, dtype=np.uint16)
            header = fits.Header({card.keyword: card.value for card in raw_header(exposure, detector).cards})
            fits.PrimaryHDU(image, header).writeto(folder / f"{exposure.obs_id}_{detector.name}.fits")


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A repository that knows DemoCam, and frames in the incoming folder; tests copy it."""
    made = Repository(tmp_path_factory.mktemp("bare"))
    write_frames(made.incoming)
    made.works("create", "repo")
    made.works("register-instrument", "repo", "DemoCam")
    return made


@pytest.fixture(scope="session")
def seed(bare, tmp_path_factory):
    """The same with the frames ingested; tests copy it."""
    made = copy_of(bare, tmp_path_factory.mktemp("seed") / "work")
    made.works("ingest-raws", "repo", "incoming", "--transfer", "copy")
    return made


def copy_of(made, folder):
    """A repository of the same content in another folder."""
    shutil.copytree(made.folder, folder)
    return Repository(folder)


@pytest.fixture
def repository(seed, tmp_path):
    """A repository with twelve raw frames."""
    return copy_of(seed, tmp_path / "work")


@pytest.fixture
def empty(bare, tmp_path):
    """A repository that knows DemoCam and has no frames; they wait in the incoming folder."""
    return copy_of(bare, tmp_path / "work")

"""The commands of the demonstration, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bunter.demo.workspace import Workspace

MILESTONES: Final = ("simulate", "ingest", "calibrations", "isr", "science", "report")
"""Where a demonstration may stop. With ``isr`` it runs that task on two exposures, in the same process."""

CALIBRATIONS: Final = "demo/calibrations"
CALIB: Final = "DemoCam/calib"
SCIENCE: Final = "demo/science"
FIRST_LOOK: Final = "demo/isr"
RAWS: Final = "DemoCam/raw/all"


@dataclass(frozen=True, slots=True)
class Step:
    """One command.

    Parameters
    ----------
    milestone : str
        Of `MILESTONES`.
    words : tuple of str
        What follows ``bunter`` on the command line.
    why : str
        One sentence to say before it.
    once : str
        What is there when it has been done and must not be done again: ``repository``, a collection, or nothing.
    """

    milestone: str
    words: tuple[str, ...]
    why: str
    once: str = ""


def steps(workspace: Workspace, *, jobs: int, until: str) -> list[Step]:
    """Commands up to a milestone.

    Parameters
    ----------
    workspace : Workspace
        Where.
    jobs : int
        Quanta that run at a time.
    until : str
        Of `MILESTONES`; ``isr`` is on the way to that end only.
    """
    last = MILESTONES.index(until)
    return [
        step
        for step in _all_steps(workspace, jobs)
        if MILESTONES.index(step.milestone) <= last and (step.milestone != "isr" or until == "isr")
    ]


def _all_steps(workspace: Workspace, jobs: int) -> list[Step]:
    return [*_ingest_steps(workspace), *_calibration_steps(workspace, jobs), *_science_steps(workspace, jobs)]


def _ingest_steps(workspace: Workspace) -> list[Step]:
    repo = str(workspace.root)
    return [
        Step("simulate", ("create", repo), "An empty repository: a folder with a SQLite database.", "repository"),
        Step("ingest", ("register-instrument", repo, "DemoCam"), "The camera's detectors and filters."),
        Step("ingest", ("ingest-raws", repo, str(workspace.incoming)), "The night's frames."),
        Step("ingest", ("define-visits", repo, "DemoCam"), "Where on the sky each exposure looks."),
        Step("ingest", ("register-skymap", repo, str(workspace.skymap)), "Tract and patches for the coadds."),
        Step("ingest", ("ingest-refcat", repo, str(workspace.catalogue)), "Stars of known place and brightness."),
    ]


def _calibration_steps(workspace: Workspace, jobs: int) -> list[Step]:
    repo = str(workspace.root)
    run = _run(repo, "calibrations", (RAWS,), CALIBRATIONS, "instrument = 'DemoCam'", jobs)
    validity = ("--begin-date", "2025-09-20", "--end-date", "2025-09-22")
    certify = ("certify-calibrations", repo, CALIBRATIONS, CALIB, "bias", "flat", *validity)
    return [
        Step("calibrations", run, "Bias and flat frames, combined."),
        Step("calibrations", certify, "From when to when these calibrations are good.", CALIB),
    ]


def _science_steps(workspace: Workspace, jobs: int) -> list[Step]:
    repo, inputs = str(workspace.root), (RAWS, CALIB, "refcats", "skymaps")
    look = "instrument = 'DemoCam' AND exposure.seq_num IN (12, 15)"
    everything = "instrument = 'DemoCam' AND skymap = 'demo'"
    return [
        Step("isr", _run(repo, "science#isr", inputs, FIRST_LOOK, look, 1), "The first task, on two exposures."),
        Step(
            "science",
            _run(repo, "science", inputs, SCIENCE, everything, jobs),
            "From raw frames to coadds and objects.",
        ),
        Step("report", ("report", repo, SCIENCE, "--output", str(workspace.report)), "What happened, as one page."),
    ]


def _run(  # noqa: PLR0917 - the options of one command
    repo: str, pipeline: str, inputs: tuple[str, ...], output: str, where: str, jobs: int
) -> tuple[str, ...]:
    name, _, label = pipeline.partition("#")
    file = f"bunter.demo:pipelines/{name}.yaml" + (f"#{label}" if label else "")
    return ("run", "-b", repo, "-p", file, "-i", ",".join(inputs), "-o", output, "-d", where, "-j", str(jobs))

"""Jobs, staging and merges that are killed at their effects, and the same calls that complete them."""

from __future__ import annotations

import shutil

import pytest
from small_survey import CAM, make_repository
from test_jobs import plan

from bunter import effects
from bunter.butler import Butler
from bunter.execution import Job, RunDirectory, merge_run, prepare_run, run_job
from bunter.execution.bringing import stage_out
from bunter.execution.selection import select_quanta
from bunter.execution.staging import stage_in
from killing import in_child

STEPS = 6


def survives(deed, kill_at):
    """Do something in a process of its own that is killed at a step; return whether it came to its end."""

    def dying():
        effects._watch.steps, effects._watch.kill_at = 0, kill_at
        deed()

    return not in_child(dying)[0]


class Campaign:
    """A run in two jobs, one of them in a staged folder."""

    def __init__(self, root):
        self.root, self.part = root, root / "part"

    @property
    def directory(self):
        return RunDirectory(next(one for one in (self.root / "repo" / ".runs").iterdir() if one.name == "jobs"))

    def quanta(self, *labels):
        return select_quanta(self.directory.graph(), labels=labels)

    def stage_in(self):
        stage_in(self.directory, self.quanta("reduce"), self.part)

    def far(self, attempt=0):
        run_job(RunDirectory(self.part), Job("far", self.quanta("reduce"), attempt))

    def stage_out(self):
        stage_out(RunDirectory(self.part), self.directory)

    def near(self, attempt=0):
        run_job(self.directory, Job("near", self.quanta("gather", "night"), attempt))

    def merge(self):
        with Butler(self.root / "repo", writeable=True) as butler:
            merge_run(butler, "jobs")


DEEDS = ("stage_in", "far", "stage_out", "near", "merge")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("campaign")
    with make_repository(root / "repo", exposures=2) as butler:
        plan(butler, root / "plan.bqg")
        prepare_run(butler, root / "plan.bqg")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
def test_what_was_killed_is_completed_by_doing_it_again(template, tmp_path, deed):
    killed_at_steps(template, tmp_path, deed, lambda step: step + max(step // STEPS, 1))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_merge_that_was_killed_at_any_step_is_completed_by_another(template, tmp_path):
    killed_at_steps(template, tmp_path, "merge", lambda step: step + 1)


def killed_at_steps(template, tmp_path, deed, following):
    kill_at, is_killed = 1, True
    while is_killed:
        shutil.copytree(template, tmp_path / str(kill_at), symlinks=True)
        campaign = Campaign(tmp_path / str(kill_at))
        for before in DEEDS[: DEEDS.index(deed)]:
            getattr(campaign, before)()
        is_killed = not survives(getattr(campaign, deed), kill_at)
        again = {"attempt": 1} if deed in {"far", "near"} else {}
        getattr(campaign, deed)(**again)
        for after in DEEDS[DEEDS.index(deed) + 1 :]:
            getattr(campaign, after)()
        with Butler(campaign.root / "repo", writeable=True) as butler:
            assert butler.get("night", CAM, collections="jobs") == {"total": 20}
            report = butler.check(deep=True)
            assert report.is_clean, (kill_at, report)
        shutil.rmtree(campaign.root)
        kill_at = following(kill_at)
    print(f"{deed} was killed at steps up to {kill_at}")  # noqa: T201 - for whoever looks how much was tried

"""Jobs, staging and merges that are killed at their effects, and the same calls that complete them."""

from __future__ import annotations

import shutil

import pytest
from small_survey import CAM, make_repository
from test_jobs import plan

from bunter.butler import Butler
from bunter.effect_watch import watch
from bunter.execution import Job, RunDirectory, merge_run, prepare_run, run_job
from bunter.execution.bringing import stage_out
from bunter.execution.selection import select_quanta
from bunter.execution.staging import stage_in
from killing import in_child

STEPS = 6


def survives(deed, kill_at):
    """Do something in a process of its own that is killed at a step; return whether it came to its end."""

    def dying():
        watch.steps, watch.kill_at = 0, kill_at
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


def some_steps(deed, place, first=1):
    """Kill a deed at some of its steps, each in a copy of its own; yield the copies."""
    kill_at, is_killed = first, True
    while is_killed:
        copy = place(kill_at)
        is_killed = not survives(lambda copy=copy: deed(copy), kill_at)
        yield copy
        kill_at += max(kill_at // STEPS, 1)


@pytest.mark.slow
def test_a_preparation_that_was_killed_is_completed_by_doing_it_again(tmp_path):
    with make_repository(tmp_path / "template" / "repo", exposures=2) as butler:
        plan(butler, tmp_path / "template" / "plan.bqg")

    def copied(step):
        shutil.copytree(tmp_path / "template", tmp_path / str(step), symlinks=True)
        return tmp_path / str(step)

    def prepare(place):
        with Butler(place / "repo", writeable=True) as butler:
            prepare_run(butler, place / "plan.bqg")

    for place in some_steps(prepare, copied):
        prepare(place)
        campaign = Campaign(place)
        for deed in DEEDS:
            getattr(campaign, deed)()
        with Butler(place / "repo", writeable=True) as butler:
            assert butler.get("night", CAM, collections="jobs") == {"total": 20}
            assert butler.check(deep=True).is_clean
        shutil.rmtree(place)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["case.zip", "case"])
def test_a_capsule_that_was_killed_is_not_there_or_whole_and_packed_by_the_same_call(template, tmp_path, name):
    from bunter.execution.capsule import open_capsule, pack_capsule
    from bunter.execution.rehearsal import rehearse_quantum

    shutil.copytree(template, tmp_path / "one", symlinks=True)
    campaign = Campaign(tmp_path / "one")
    quantum = campaign.quanta("reduce")[0]

    def folder(step):
        (tmp_path / str(step)).mkdir()
        return tmp_path / str(step)

    def pack(place):
        with Butler(tmp_path / "one" / "repo", writeable=False) as butler:
            pack_capsule(butler, campaign.directory, quantum, place / name)

    for place in some_steps(pack, folder):
        if not (place / name).exists():
            pack(place)
        whole = open_capsule(place / name) if name.endswith(".zip") else place / name
        assert rehearse_quantum(RunDirectory(whole), quantum).outputs
        assert {path.name for path in place.iterdir()} <= {name, "case", f".{name}.packing"}


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

"""SIGKILL within a rerun, a retry, and a run that replaces another: what is left is sound, and the same command completes it."""

import random
import shutil
import sys
from pathlib import Path

import pytest

from killing import killed

sys.path.insert(0, str(Path(__file__).parents[1] / "execution"))
from small_survey import make_repository, pipeline

from bunter import Butler
from bunter.execution import RunOptions, Wish, plan_rerun, plan_retry, run_pipeline
from bunter.execution.run_directory import RunDirectory

CAM = {"instrument": "Cam"}
FIRST = Wish(("raw",), output="out")
SECOND = Wish(("raw",), output="out", replace_run=True, prune_replaced="purge")


def run(butler, wish, **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    return run_pipeline(butler, pipeline(**config).resolve(butler.universe, known), wish, options=RunOptions())


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("template") / "repo"
    with make_repository(root, exposures=3, detectors=1) as butler:
        assert run(butler, FIRST).status == "succeeded"
    return root


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A run one of whose quanta failed, and would not fail again."""
    base = tmp_path_factory.mktemp("failed")
    with make_repository(base / "repo", exposures=3, detectors=1) as butler:
        assert run(butler, FIRST, faults={"1": "raise?"}, marks=str(base)).status == "failed"
    return base / "repo"


def retry(root):
    """Run what failed again, and what waited for it."""
    with Butler(root, writeable=True) as butler:
        return plan_retry(butler, "out").carry_out(butler, options=RunOptions())


def rerun(root):
    """Run the first frame again, and what follows from it."""
    with Butler(root, writeable=True) as butler:
        return plan_rerun(butler, "out", [0]).carry_out(butler, options=RunOptions())


def replace(root):
    """Let another run take the place of the first, and remove that."""
    with Butler(root, writeable=True) as butler:
        return run(butler, SECOND)


def sound(root):
    """All that is registered can be read, once for each data ID."""
    with Butler(root, writeable=True) as butler:
        butler.repository.recover()
        for kind in ("reduced", "gathered", "night"):
            refs = list(butler.query_datasets(kind, "out", find_first=False))
            assert len({(ref.run, ref.data_id) for ref in refs}) == len(refs)
            for ref in refs:
                butler.get(ref)


def complete(root):
    """The results are those of an undisturbed run, and nothing else is there."""
    with Butler(root, writeable=True) as butler:
        assert butler.get("night", CAM, collections="out") == {"total": 30}
        counts = [
            butler.query_datasets(name, "out", find_first=False).count() for name in ("reduced", "gathered", "night")
        ]
        assert counts == [3, 3, 1]
        assert len(butler.collections.query("out/*")) == 1
        assert RunDirectory.of(butler.root, butler.collections.info("out").children[0]).is_finished
        report = butler.check(deep=True)
        assert report.is_clean, report


def campaign(template, tmp_path, deed, again, *, kills_in_all):
    """Kill a deed at random steps, give it again, and see that all is as it would have been; count the deaths."""
    draw, deaths = random.Random(7), 0
    for number in range(kills_in_all):
        root = tmp_path / f"kill{number}"
        shutil.copytree(template, root)
        deaths += killed(lambda root=root: deed(root), draw.randint(1, 150))
        sound(root)
        again(root)
        complete(root)
        shutil.rmtree(root)
    return deaths


def resume(root):
    """Give the command of the first run again."""
    with Butler(root, writeable=True) as butler:
        assert run(butler, FIRST).status in {"succeeded", "nothing to do"}


@pytest.mark.slow
def test_a_rerun_that_is_killed_is_completed_by_the_command_of_its_run(template, tmp_path):
    assert campaign(template, tmp_path, rerun, resume, kills_in_all=12) >= 6


@pytest.mark.slow
def test_a_rerun_that_is_killed_can_be_given_again(template, tmp_path):
    def again(root):
        assert rerun(root).status == "succeeded"

    assert campaign(template, tmp_path, rerun, again, kills_in_all=6) >= 3


@pytest.mark.slow
def test_a_run_that_replaces_another_and_is_killed_is_completed_and_prunes(template, tmp_path):
    def again(root):
        assert replace(root).status in {"succeeded", "nothing to do"}

    assert campaign(template, tmp_path, replace, again, kills_in_all=12) >= 6


@pytest.mark.slow
def test_a_retry_that_is_killed_can_be_given_again(failed, tmp_path):
    def again(root):
        assert retry(root).status in {"succeeded", "nothing to do"}

    assert campaign(failed, tmp_path, retry, again, kills_in_all=8) >= 3

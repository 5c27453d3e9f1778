"""SIGKILL before each effect of removals that are kept, of undoing, of sweeping, of bringing lost files back."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from bunter import Butler
from bunter.butler.mending import mend
from bunter.values import Principal
from killing import at_every_step


def _module(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


deeds = _module("deeds")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return deeds.make_template(tmp_path_factory.mktemp("template"))


_REMOVALS = (
    "prune, kept",
    "prune, in lots",
    "prune, kept, in lots",
    "remove-runs",
    "remove-runs, kept",
    "remove-runs, in lots",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*_REMOVALS, "undo", "undo, in lots", "gc"])
def test_a_kill_before_any_effect_leaves_all_or_nothing(name, template, tmp_path):
    def verify(place, *, died):
        deeds.verify(name, place, died=died)

    assert at_every_step(template, tmp_path, deeds.DEEDS[name].act, verify) >= 1


@pytest.mark.slow
def test_a_kill_while_lost_files_are_brought_back_is_mended_by_doing_it_again(template, tmp_path):
    def act(place):
        with Butler(place / "full", writeable=True) as butler, Butler(place / "copy", writeable=False) as copy:
            for one in mend(butler, copy, butler.check(deep=True), Principal.current()):
                assert one.trouble == ""

    whole = tmp_path / "whole"
    shutil.copytree(template, whole)
    shutil.copytree(whole / "full", whole / "copy")
    lost, damaged, *_ = sorted((whole / "full/data/run1").rglob("*.json"))
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b" ")

    def verify(place, *, died):
        with Butler(place / "full", writeable=True) as butler:
            butler.repository.recover()
            assert all(finding.problem in {"missing", "damaged"} for finding in butler.check(deep=True).findings)
        act(place)
        assert deeds.exposures(place / "full") == tuple(range(deeds.COUNT))

    assert at_every_step(whole, tmp_path, act, verify) > 5

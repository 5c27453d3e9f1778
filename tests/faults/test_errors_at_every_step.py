"""An error of the system at each effect of every deed: one sentence, nothing torn, nothing left, and done by doing it again."""

import errno
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from bunter import effects
from bunter.errors import ButlerError


def _module(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


deeds = _module("deeds")

MAKING = {
    "write_new",
    "copy_new",
    "link",
    "symlink",
    "mkdirs",
    "append",
    "open_append",
    "sync_file",
    "sync_dir",
    "sync_file_system",
}
CHANGING = MAKING | {"unlink", "rename", "rmdir"}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return deeds.make_template(tmp_path_factory.mktemp("template"))


class Trouble:
    """Raises an error at one effect that changes something, or at all of some kinds from then on."""

    def __init__(self, step, number, *, lasting=frozenset()):
        self.step, self.number, self.lasting = step, number, lasting
        self.seen = self.raised = 0

    def __call__(self, operation, path):
        if operation not in CHANGING:
            return
        self.seen += 1
        if self.seen == self.step or (self.seen > self.step and operation in self.lasting):
            self.raised += 1
            raise OSError(self.number, os.strerror(self.number), path)


def troubled(act, place, trouble):
    """Carry a deed out with troubles; return whether it said that it failed."""
    effects.set_hook(trouble)
    try:
        act(place)
    except (OSError, ButlerError):
        return True
    finally:
        effects.set_hook(None)
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number", "lasting"),
    [
        ("put_many", errno.ENOSPC, MAKING),
        ("ingest move", errno.ENOSPC, MAKING),
        ("ingest move", errno.EACCES, set()),
        ("remove-runs, kept", errno.ENOSPC, MAKING),
        ("prune", errno.EACCES, set()),
        ("undo", errno.ENOSPC, MAKING),
        ("gc", errno.EACCES, set()),
    ],
)
def test_an_error_at_any_effect_loses_nothing(name, number, lasting, template, tmp_path):
    step = 0
    while True:
        step += 1
        place = tmp_path / f"step{step}"
        shutil.copytree(template, place)
        trouble = Trouble(step, number, lasting=lasting)
        failed = troubled(deeds.DEEDS[name].act, place, trouble)
        deeds.verify(name, place, died=failed or trouble.raised > 0)
        shutil.rmtree(place)
        if not trouble.raised:
            assert not failed
            break


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [name for name in deeds.DEEDS if name not in {"put", "transfer", "import"}])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("lasting", [set(), MAKING], ids=["once", "lasting"])
def test_any_error_at_any_effect_loses_nothing(name, number, lasting, template, tmp_path):
    test_an_error_at_any_effect_loses_nothing(name, number, lasting, template, tmp_path)

"""Processes that die by SIGKILL: just before one of their effects, or after a while."""

from __future__ import annotations

import os
import shutil
import signal
import time

from bunter import Butler, effects

CHANGING = {
    "write_new",
    "copy_new",
    "link",
    "symlink",
    "unlink",
    "rename",
    "rmdir",
    "mkdirs",
    "append",
    "open_append",
    "sync_dir",
    "sync_file",
    "sync_file_system",
    "checkpoint",
}


def die_at(step, counts=CHANGING.__contains__):
    """Kill this process just before effect number ``step`` of those whose operation counts."""
    seen = 0

    def hook(operation, _path):
        nonlocal seen
        seen += counts(operation)
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)

    effects.set_hook(hook)


def any_effect(_operation):
    """Count reads as well."""
    return True


def in_child(action, *arguments, kill_after_s=None):
    """Carry something out in a forked child, killed after a while; return whether it died, and how long it lived."""
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            action(*arguments)
        except BaseException as exc:  # noqa: BLE001 - the child must end here, whatever happens
            os.write(2, f"{exc!r}\n".encode())
            os._exit(3)
        os._exit(0)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"the child failed with status {status}"
    return status != 0, time.monotonic() - begun


def killed(action, step, counts=CHANGING.__contains__):
    """Run ``action`` in a child that dies at ``step``; say whether it died before it was done."""

    def dying():
        die_at(step, counts)
        action()

    return in_child(dying)[0]


def at_every_step(template, tmp_path, action, verify):
    """Kill ``action`` at step 1, 2, ... on a fresh copy each, until it gets through; return how many steps it has."""
    step = 0
    while True:
        step += 1
        place = tmp_path / f"step{step}"
        shutil.copytree(template, place)
        died = killed(lambda place=place: action(place), step)
        verify(place, died=died)
        shutil.rmtree(place)
        if not died:
            return step - 1


def sound(root):
    """Recover by opening for writing, and see that all that is registered is there and nothing else."""
    with Butler(root, writeable=True) as butler:
        butler.repository.recover()
        refs = list(butler.query_datasets("thing", "*", find_first=False))
        values = [butler.get(ref) for ref in refs]
        report = butler.check(deep=True)
        assert report.is_clean, report
        butler.repository.datastore.close()
    leavings = [
        path for path in root.rglob("*") if ".stage" in path.parts and path.is_file() and path.suffix != ".lock"
    ]
    assert leavings == []
    return refs, values

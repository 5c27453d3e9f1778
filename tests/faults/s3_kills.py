"""Kills a write to a repository in S3 at one effect after another, or at random moments; run by `test_object_stores.py`.

Each attempt is a forked child of a process that has not used the store, since obstore's threads do not survive a fork.
Prints one line of JSON for each step: whether it died, what was there after recovery, and after doing it again.
"""

# ruff: noqa: T201, PLW0603 - a script that counts in one place and prints what it saw
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from bunter import Butler, FileDataset, effects
from bunter.contracts.repository import fill_dimensions
from bunter.dataset import DatasetRef
from bunter.values import new_id

READING = {"read", "stat", "listdir", "walk", "flock", "now", "monotonic", "sleep"}
READING |= {"store_get", "store_head", "store_list", "store_sign"}


def key(number):
    return {"instrument": "Cam", "exposure": number, "detector": 0}


def create(root, place):
    with Butler.create(root, database=str(place / "registry.sqlite3")) as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
    for number in range(3):
        (place / f"f{number}.json").write_text(f'{{"n": {number}}}')


def put(root, place):
    with Butler(root, run="run1") as butler:
        butler.put({"n": 0}, "thing", key(0))
    (place / "acknowledged").touch()


def put_many(root, place):
    with Butler(root, run="run1") as butler:
        butler.put_many([{"n": n} for n in range(3)], "thing", [key(n) for n in range(3)])
    (place / "acknowledged").touch()


def ingest(root, place, transfer):
    with Butler(root) as butler:
        kind = butler.dataset_types.get("thing")
        ids = [butler.standardize(key(n), kind.dimensions.required) for n in range(3)]
        refs = [DatasetRef(new_id(), kind, data_id, "run1") for data_id in ids]
        files = [FileDataset(str(place / f"f{n}.json"), [ref]) for n, ref in enumerate(refs)]
        butler.ingest(*files, transfer=transfer)
    (place / "acknowledged").touch()


def remove(root, place):
    put_many(root, place)
    (place / "acknowledged").unlink()
    begin_dying()
    with Butler(root) as butler:
        butler.remove_datasets(butler.query_datasets("thing", where="exposure IN (0, 1)"))
    (place / "acknowledged").touch()


ACTS = {
    "put": put,
    "put_many": put_many,
    "copy": lambda root, place: ingest(root, place, "copy"),
    "move": lambda root, place: ingest(root, place, "move"),
    "remove": remove,
}
_step, _seen = 0, 0


def hook(operation, path):
    global _seen
    _seen += operation not in READING
    if _seen == _step:
        os.kill(os.getpid(), signal.SIGKILL)


def begin_dying():
    if _step:
        effects.set_hook(hook)


def attempt(root, place, name):
    create(root, place)
    if name != "remove":
        begin_dying()
    ACTS[name](root, place)


def look(root, place, name):
    """See what is there, recover, see that nothing is missing or left over, do it again."""
    with Butler(root, writeable=True) as butler:
        refs = list(butler.query_datasets("thing", "*", find_first=False))
        values = [butler.get(ref)["n"] for ref in refs]
        butler.repository.recover()
        report = butler.check(deep=True)
        sources = sorted(path.name for path in place.glob("*.json"))
    if name in {"put", "put_many"} or (name in {"copy", "move"} and not refs):
        ACTS[name](root, place)
    elif name == "remove":
        with Butler(root) as butler:
            butler.remove_datasets(butler.query_datasets("thing", where="exposure IN (0, 1)"))
    with Butler(root) as butler:
        again = sorted(butler.get(ref)["n"] for ref in butler.query_datasets("thing", "*", find_first=False))
        clean = butler.check(deep=True).is_clean
    findings = [f"{finding.problem} {finding.key}" for finding in report.findings]
    print(json.dumps([sorted(values), findings, sources, again, clean]), flush=True)


def in_child(act, *arguments):
    """Carry out something in a forked child; return how it ended."""
    child = os.fork()
    if child == 0:
        try:
            act(*arguments)
        except BaseException as exc:  # noqa: BLE001 - the child must end here, whatever happens
            print(repr(exc), file=sys.stderr, flush=True)
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"a child failed with status {status}"
    return status == signal.SIGKILL


def campaign(name, address, folder):
    global _step
    while True:
        _step += 1
        place = folder / f"step{_step}"
        place.mkdir()
        died = in_child(attempt, f"{address}/step{_step}", place, name)
        print(json.dumps([died, (place / "acknowledged").exists()]), flush=True)
        _kept, _step = _step, 0
        in_child(look, f"{address}/step{_kept}", place, name)
        _step = _kept
        if not died:
            return


def prepare(root, place, name):
    create(root, place)
    if name == "remove":
        put_many(root, place)
        (place / "acknowledged").unlink()


def only_remove(root, place):
    with Butler(root) as butler:
        butler.remove_datasets(butler.query_datasets("thing", where="exposure IN (0, 1)"))
    (place / "acknowledged").touch()


def killed_after(seconds, act, *arguments):
    """Carry out something in a forked child that is killed after a while; return whether it died, and how long it lived."""
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            act(*arguments)
        except BaseException as exc:  # noqa: BLE001 - the child must end here, whatever happens
            print(repr(exc), file=sys.stderr, flush=True)
            os._exit(3)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"a child failed with status {status}"
    return status != 0, time.monotonic() - begun


def random_campaign(name, address, folder, rounds, seed):
    act = only_remove if name == "remove" else ACTS[name]
    moments, took = random.Random(f"{seed} {name}"), None
    for number in range(rounds + 1):
        place, root = folder / f"round{number}", f"{address}/round{number}"
        place.mkdir()
        assert not in_child(prepare, root, place, name)
        died, lived = killed_after(None if took is None else moments.uniform(0, took), act, root, place)
        took = lived if took is None or not died else took * 0.98
        print(json.dumps([died, (place / "acknowledged").exists()]), flush=True)
        in_child(look, root, place, name)


if __name__ == "__main__":
    if len(sys.argv) > 4:
        random_campaign(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        campaign(sys.argv[1], sys.argv[2], Path(sys.argv[3]))

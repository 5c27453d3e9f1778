"""Kills what is done to a repository in S3 at one effect after another, or at random moments; run by `test_object_stores.py`.

Each deed is done in a forked child of a process that has not used the store, since obstore's threads do not survive a fork.
Prints one line of JSON for each kill: whether it died, what was there after recovery, and after doing it again. The registry
is a SQLite file, or a schema of its own on the server whose address the environment has as ``BUNTER_FAULTS_DATABASE``.
"""

# ruff: noqa: T201 - a script that prints what it saw
from __future__ import annotations

import json
import os
import random
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from bunter import Butler, FileDataset, effects
from bunter.butler import file_lots, files
from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef
from bunter.datastore.check import Problem
from bunter.values import Durability, new_id
from killing import in_child

if TYPE_CHECKING:
    from collections.abc import Callable

READING = {"read", "stat", "listdir", "walk", "flock", "now", "monotonic", "sleep"}
READING |= {"store_get", "store_head", "store_list", "store_sign"}
ALL = (0, 1, 2)


def key(number):
    return {"instrument": "Cam", "exposure": number, "detector": 0}


def describe(butler):
    fill_dimensions(butler)
    butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
    butler.collections.register("run1")


def prepare_sources(folder):
    """Make a repository in a folder, and its export."""
    with Butler.create(folder / "source") as butler:
        describe(butler)
        put_all(butler)
        butler.export(folder / "exported")


def put_all(butler):
    return butler.put_many([{"n": n} for n in ALL], "thing", [key(n) for n in ALL], run="run1")


# What is there before a deed


def bare(root, place):
    server = os.environ.get("BUNTER_FAULTS_DATABASE")
    schema = f"{place.parent.name}_{place.name}".replace("-", "_").lower()
    Butler.create(root, database=f"{server}&schema={schema}" if server else str(place / "registry.sqlite3")).close()


def empty(root, place):
    bare(root, place)
    with Butler(root) as butler:
        describe(butler)
    for number in ALL:
        (place / f"f{number}.json").write_text(f'{{"n": {number}}}')


def full(root, place):
    empty(root, place)
    with Butler(root) as butler:
        put_all(butler)


def removed(root, place):
    full(root, place)
    with Butler(root) as butler:
        butler.remove_runs("run1", keep_days=9)


def littered(root, place):
    """Orphans, and files of a removal whose time is over."""
    full(root, place)
    with Butler(root) as butler:
        store = butler.datastore.stores["main"]
        owner = store.own()
        left = [store.stage(owner, f"run1/thing/left-{c * 13}.json", b"{}") for c in "abc"]
        store.publish(left, Durability.full)
        store.settle(left)
        store.disown(owner)
        butler.remove_datasets(butler.query_datasets("thing", "run1", where="exposure < 2"), keep_days=1e-9)


# Deeds


def put(root, place):
    with Butler(root, run="run1") as butler:
        butler.put({"n": 0}, "thing", key(0))


def put_many(root, place):
    with Butler(root) as butler:
        put_all(butler)


def ingest(transfer, root, place):
    with Butler(root) as butler:
        kind = butler.dataset_types.get("thing")
        if butler.query_datasets("thing", "run1").count():
            return
        ids = [butler.standardize(key(n), kind.dimensions.required) for n in ALL]
        refs = [DatasetRef(new_id(), kind, data_id, "run1") for data_id in ids]
        given = [FileDataset(str(place / f"f{n}.json"), [ref]) for n, ref in enumerate(refs)]
        butler.ingest(*given, transfer=transfer)


def ingest_in_lots(transfer, root, place):
    files.LOT_FILES, file_lots._IN_MEMORY = 2, 0  # this process ends with the deed
    ingest(transfer, root, place)


def transfer(root, place):
    with Butler(place.parent / "source", writeable=False) as source, Butler(root) as butler:
        butler.transfers.take(source.transfers.parcel(), transfer="copy")


def import_(root, place):
    with Butler(root) as butler:
        butler.import_(place.parent / "exported", transfer="copy")


def prune(keep_days, root, place):
    with Butler(root) as butler:
        butler.remove_datasets(butler.query_datasets("thing", where="exposure < 2"), keep_days=keep_days)


def remove_runs(keep_days, root, place):
    with Butler(root) as butler:
        if butler.collections.query("run1"):
            butler.remove_runs("run1", keep_days=keep_days)


def undo(root, place):
    with Butler(root) as butler:
        if butler.removal.undoable():
            butler.undo()


def gc(root, place):
    with Butler(root) as butler:
        butler.gc(older_than_s=0)


class Deed(NamedTuple):
    """What is there before, what is done, and what is there afterwards."""

    before: Callable
    act: Callable
    had: tuple[int, ...] = ()
    done: tuple[int, ...] = ALL


DEEDS = {
    "put": Deed(empty, put, done=(0,)),
    "put_many": Deed(empty, put_many),
    "copy": Deed(empty, partial(ingest, "copy")),
    "move": Deed(empty, partial(ingest, "move")),
    "copy in lots": Deed(empty, partial(ingest_in_lots, "copy")),
    "move in lots": Deed(empty, partial(ingest_in_lots, "move")),
    "transfer": Deed(bare, transfer),
    "import": Deed(bare, import_),
    "prune": Deed(full, partial(prune, 0), ALL, (2,)),
    "prune, kept": Deed(full, partial(prune, 9), ALL, (2,)),
    "remove-runs": Deed(full, partial(remove_runs, 0), ALL, ()),
    "remove-runs, kept": Deed(full, partial(remove_runs, 9), ALL, ()),
    "undo": Deed(removed, undo),
    "gc": Deed(littered, gc, (2,), (2,)),
}


def die_at(step):
    """Kill this process just before its effect number ``step`` that changes something."""
    seen = 0

    def hook(operation, path):
        nonlocal seen
        seen += operation not in READING
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)

    effects.set_hook(hook)


def attempt(name, root, place, step=0):
    if step:
        die_at(step)
    DEEDS[name].act(root, place)
    (place / "acknowledged").touch()


def numbers(butler):
    if "thing" not in butler.dataset_types:
        return []
    return sorted(butler.get(ref)["n"] for ref in butler.query_datasets("thing", "*", find_first=False))


def look(name, root, place):
    """See what is there, recover, see that nothing is missing or left over, do it again."""
    deed = DEEDS[name]
    with Butler(root, writeable=True) as butler:
        values = numbers(butler)
        butler.repository.recover()
        report = butler.check(deep=True)
    sources = sorted(path.name for path in place.glob("f*.json"))
    deed.act(root, place)
    with Butler(root) as butler:
        again, clean = numbers(butler), butler.check(deep=True).is_clean
        if name.endswith("kept"):
            butler.undo()
            clean = clean and numbers(butler) == list(deed.had) and butler.check(deep=True).is_clean
        left = butler.gc(older_than_s=0, dry_run=True).rows
    litter = {Problem.ORPHAN, Problem.TRASH} if name == "gc" else set()
    findings = [f"{found.problem} {found.key}" for found in report.findings if found.problem not in litter]
    told = {"values": values, "findings": findings, "sources": sources, "again": again, "clean": clean and not left}
    told |= {"had": deed.had, "done": deed.done, "acknowledged": (place / "acknowledged").exists()}
    print(json.dumps(told), flush=True)


def round_of(name, address, place, *, step=0, kill_after_s=None):
    """Do a deed that is killed, and look; return whether it died, and how long it lived."""
    root = f"{address}/{place.name}"
    place.mkdir()
    in_child(DEEDS[name].before, root, place)
    died, lived = in_child(attempt, name, root, place, step, kill_after_s=kill_after_s)
    print(json.dumps(died), flush=True)
    in_child(look, name, root, place)
    return died, lived


def campaign(name, address, folder, stride):
    """Kill a deed at every step, or at every so many, from a first one that differs from deed to deed."""
    step, died = 1 + (len(name) % 2 if stride > 1 else 0) - stride, True
    while died:
        step += stride
        died, _ = round_of(name, address, folder / f"step{step}", step=step)


def random_campaign(name, address, folder, rounds, seed):
    moments, took = random.Random(f"{seed} {name}"), None
    for number in range(rounds + 1):
        after = None if took is None else moments.uniform(0, took)
        died, lived = round_of(name, address, folder / f"round{number}", kill_after_s=after)
        took = lived if took is None or not died else took * 0.98


if __name__ == "__main__":
    deed, address, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    in_child(prepare_sources, folder)
    if len(sys.argv) > 5:
        random_campaign(deed, address, folder, int(sys.argv[4]), int(sys.argv[5]))
    else:
        campaign(deed, address, folder, int(sys.argv[4]))

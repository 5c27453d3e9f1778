"""Memory and CPU that removing many small datasets takes, and taking that back, each step in a process of its own.

    python removal_memory.py [--counts 100000,300000] [--scratch DIR] [--limit MB] [--growth BYTES] [STEP ...]

Prints the lines of `transfer_memory.py`. Each step works on a copy of one repository, whose files are further links to the same.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH207

from __future__ import annotations

import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
sys.path.insert(0, HERE)
import transfer_memory  # noqa: E402

transfer_memory.__file__ = __file__  # what it runs again in processes of their own


def copy(place: str, out: str):
    """Return a repository of the same files, with a database of its own."""
    from bunter import Butler

    subprocess.run(["cp", "-al", f"{place}/src", out], check=True)
    for path in glob.glob(f"{out}/**/*.sqlite*", recursive=True):
        subprocess.run(["cp", "--remove-destination", path.replace(out, f"{place}/src", 1), path], check=True)
    return Butler(out, writeable=True)


def opened(place: str):
    from bunter import Butler

    return Butler(place, writeable=True)


def raws(butler):
    return butler.query_datasets("raw", "raw/all")


def remove(place: str, out: str, **how) -> None:
    butler = copy(place, out)
    butler.remove_datasets(raws(butler), **how)


def remove_listed(place: str, out: str) -> None:
    butler = copy(place, out)
    butler.remove_datasets(list(raws(butler)))


def remove_unlinked(place: str, out: str) -> None:
    butler = copy(place, out)
    butler.collections.register("chain", "CHAINED")
    butler.collections.redefine_chain("chain", ["raw/all"])
    butler.remove_runs(["raw/all"], unlink_from_chains=True)


def associate(place: str, out: str) -> None:
    butler = copy(place, out)
    butler.collections.register("all", "TAGGED")
    butler.collections.associate("all", raws(butler))


def disassociate(place: str, out: str) -> None:
    butler = copy(place, out)
    butler.collections.disassociate("some", butler.query_datasets("raw", "some"))


def command(*words: str) -> None:
    from bunter.cli import main

    sys.argv[1:] = words
    try:
        main()
    except SystemExit as exc:
        if exc.code:
            raise


def prune_command(place: str, out: str) -> None:
    copy(place, out).close()
    command("prune-datasets", out, "raw/all", "-d", "raw", "--no-confirm")


def remove_command(place: str, out: str) -> None:
    copy(place, out).close()
    command("remove-runs", out, "raw/all", "--no-confirm")


transfer_memory.ACTS = {
    "copy": copy,
    "prune": remove,
    "prune-command": prune_command,
    "prune-listed": remove_listed,
    "unstore": lambda place, out: remove(place, out, purge=False),
    "prune-kept": lambda place, out: remove(place, out, keep_days=1.0),
    "undo": lambda place, _: opened(f"{place}/prune-kept").undo(),
    "gc": lambda place, _: opened(f"{place}/prune-kept").gc(),
    "remove-runs": lambda place, out: copy(place, out).remove_runs(["raw/all"]),
    "remove-runs-command": remove_command,
    "remove-runs-unlink": remove_unlinked,
    "remove-runs-kept": lambda place, out: copy(place, out).remove_runs(["raw/all"], keep_days=1.0),
    "trash-empty-kept": lambda place, _: command("trash", "empty", f"{place}/remove-runs-kept", "--kept"),
    "associate": associate,
    "disassociate": disassociate,
}
transfer_memory.USED_UP = {name: (name,) for name in transfer_memory.ACTS if not name.endswith("-kept")} | {
    "gc": ("prune-kept",),
    "trash-empty-kept": ("remove-runs-kept",),
}

if __name__ == "__main__":
    transfer_memory.main()

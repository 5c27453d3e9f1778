"""Runs a pipeline while a small file system fills up under it; run in a mount namespace by a test.

Where the file system is: ``repo`` under everything, ``runs`` under the folders of runs only, ``scratch`` under temporary files.
"""

# ruff: noqa: T201 - a script that prints what it saw
import json
import os
import subprocess
import sys
from pathlib import Path

from bunter import Butler
from bunter.errors import DatabaseUnavailableError

TASKS = Path(__file__).parents[1] / "execution"
sys.path.insert(0, str(TASKS))
from small_survey import make_repository  # noqa: E402

BUNTER = [sys.executable, "-c", "from bunter.cli import main; main()", "--no-progress"]
EXPOSURES, DETECTORS = 6, 2
PIPELINE = """
description: three tasks in a row
tasks:
  one: {class: handover_tasks.One, config: {side: 60, keep: forever, handover: false, spill: SPILL}}
  two: {class: handover_tasks.Two, config: {side: 60, keep: forever, handover: false}}
  three: {class: handover_tasks.Three}
"""


def fill(path: Path, left: int) -> None:
    """Write a file that leaves so many bytes free."""
    free = os.statvfs(path.parent)
    with path.open("wb") as file:
        file.write(b"0" * max(free.f_bavail * free.f_frsize - left, 0))


def mount(folder: Path) -> None:
    """Put a small file system there."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], check=True)


def run(root: Path, jobs: int, scratch: Path) -> subprocess.CompletedProcess:
    """Give the command that begins the run, and goes on with it."""
    command = [
        *BUNTER,
        "run",
        "-b",
        str(root),
        "-p",
        str(root.parent.parent / "pipeline.yaml"),
        "-i",
        "raw",
        "-o",
        "out",
    ]
    command += ["-d", "instrument = 'Cam'", "-j", str(jobs), "--json"]
    path = os.pathsep.join([str(TASKS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(scratch)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=400)


def sums(root: Path) -> dict:
    """Read all results that are registered, and everything else that is; none while the registry has no space even for readers."""
    try:
        return readable(root)
    except DatabaseUnavailableError:
        return {}


def readable(root: Path) -> dict:
    """Read what is registered."""
    with Butler(root, writeable=False) as butler:
        if not butler.collections.query("out"):
            return {}
        for name in ("first", "second"):
            for ref in butler.query_datasets(name, "out"):
                butler.get(ref)
        refs = list(butler.query_datasets("third", "out"))
        return {(ref.data_id["exposure"], ref.data_id["detector"]): butler.get(ref)["sum"] for ref in refs}


def main(disk: Path, where: str, left: int, jobs: int) -> None:
    root, scratch = disk / "all" / "repo", disk / "scratch"
    (disk / "all").mkdir()
    scratch.mkdir()
    (disk / "pipeline.yaml").write_text(PIPELINE.replace("SPILL", "500000" if where == "scratch" else "0"))
    if where == "repo":
        mount(disk / "all")
    make_repository(root, EXPOSURES, DETECTORS).close()
    if where == "runs":
        mount(root / ".runs")
    if where == "scratch":
        mount(scratch)
    filler = {"repo": disk / "all", "runs": root / ".runs", "scratch": scratch}[where] / ".filler"
    fill(filler, left)
    right = {(e, d): 2.0 * 60 * 60 * (e + 1) for e in range(EXPOSURES) for d in range(DETECTORS)}
    first = run(root, jobs, scratch)
    print("code", first.returncode, "Traceback" in first.stderr)
    print("said", " / ".join([*first.stderr.splitlines(), *first.stdout.splitlines()])[-1500:])
    before = sums(root)
    print("registered", all(right[key] == value for key, value in before.items()), len(before))
    if first.stdout.strip().startswith("{"):
        told = json.loads(first.stdout)
        print("summary", told["tasks"]["three"]["succeeded"] == len(before), told["status"])
    filler.unlink()
    second = run(root, jobs, scratch)
    print("again", second.returncode, " / ".join(second.stderr.splitlines())[-600:])
    print("right", sums(root) == right)
    with Butler(root, writeable=True) as butler:
        print("clean", butler.check(deep=True))
    left_over = [path.name for path in scratch.iterdir() if path.name.startswith("bunter-scratch-")]
    print("scratch", left_over)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

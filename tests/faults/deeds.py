"""Deeds that are interrupted: what each needs, does, and must have done when it was carried out to its end."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from bunter import Butler, FileDataset
from bunter.contracts.small_camera import fill_dimensions, put_thing
from bunter.dataset import DatasetRef
from bunter.values import new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 6
WHOLE = [{"e": n, "d": 0} for n in range(COUNT)]


def key(number):
    return {"instrument": "Cam", "exposure": number, "detector": 0}


def make_template(base: Path) -> Path:
    """Make an empty repository, a full one, files, an export and a dump."""
    with Butler.create(base / "empty") as butler:
        fill_dimensions(butler, exposures=COUNT)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
    shutil.copytree(base / "empty", base / "full")
    with Butler(base / "full") as butler:
        refs = [put_thing(butler, n, 0, run="run1") for n in range(COUNT)]
        butler.collections.register("tag", "TAGGED")
        butler.collections.associate("tag", refs[:2])
        butler.collections.redefine_chain("chain", ["run1"])
        butler.export(base / "exported")
        butler.dump(base / "dumped")
    shutil.copytree(base / "full", base / "removed")
    with Butler(base / "removed") as butler:
        butler.remove_runs("run1", unlink_from_chains=True, keep_days=9)
    shutil.copytree(base / "full", base / "littered")
    with Butler(base / "littered") as butler:
        butler.remove_datasets(butler.query_datasets("thing", "run1", where="exposure < 2"), keep_days=9)
    for number in range(3):
        (base / f"littered/data/run1/thing/left-{'abc'[number] * 13}.json").write_text("x")
    (base / "in").mkdir()
    for number in range(COUNT):
        (base / "in" / f"f{number}.json").write_text(f'{{"e": {number}, "d": 0}}')
    return base


def put(place):
    with Butler(place / "empty", run="run1") as butler:
        for number in range(COUNT):
            butler.put(WHOLE[number], "thing", key(number))


def put_many(place):
    with Butler(place / "empty", run="run1") as butler:
        butler.put_many(WHOLE, "thing", [key(n) for n in range(COUNT)])


def ingest(transfer):
    def act(place):
        with Butler(place / "empty") as butler:
            kind = butler.dataset_types.get("thing")
            there = {ref.data_id["exposure"] for ref in butler.query_datasets("thing", "run1")}
            files = [
                FileDataset(
                    str(place / "in" / f"f{n}.json"),
                    [DatasetRef(new_id(), kind, butler.standardize(key(n), kind.dimensions.required), "run1")],
                )
                for n in range(COUNT)
                if n not in there
            ]
            if files:
                butler.ingest(*files, transfer=transfer)

    return act


def transfer(place):
    with Butler(place / "full", writeable=False) as source, Butler(place / "empty") as butler:
        butler.transfers.take(source.transfers.parcel(), transfer="copy")


def import_(place):
    with Butler(place / "empty") as butler:
        butler.import_(place / "exported", transfer="copy")


def load(place):
    if (place / "loaded/bunter.yaml").exists() and not (place / "loaded/.bunter-load").exists():
        return
    Butler.load(place / "dumped", place / "loaded").close()


def prune(keep_days):
    def act(place):
        with Butler(place / "full") as butler:
            butler.remove_datasets(butler.query_datasets("thing", "run1", where="exposure < 3"), keep_days=keep_days)

    return act


def remove_runs(keep_days):
    def act(place):
        with Butler(place / "full") as butler:
            if butler.collections.query("run1"):
                butler.remove_runs("run1", unlink_from_chains=True, keep_days=keep_days)

    return act


def undo(place):
    with Butler(place / "removed") as butler:
        if butler.removal.undoable():
            butler.undo()


def gc(place):
    with Butler(place / "littered") as butler:
        butler.gc(older_than_s=0)


class Deed(NamedTuple):
    """Something that is interrupted: the deed, the repository it changes, and the exposures there when it is done."""

    act: Callable[[Path], None]
    root: str
    done: tuple[int, ...] = tuple(range(COUNT))
    before: tuple[int, ...] = ()
    partly: bool = False
    """Whether some of it may be there after an interruption."""


_FULL = tuple(range(COUNT))
DEEDS = {
    "put": Deed(put, "empty", partly=True),
    "put_many": Deed(put_many, "empty"),
    "ingest copy": Deed(ingest("copy"), "empty"),
    "ingest move": Deed(ingest("move"), "empty"),
    "transfer": Deed(transfer, "empty", partly=True),
    "import": Deed(import_, "empty", partly=True),
    "load": Deed(load, "loaded"),
    "prune": Deed(prune(0), "full", (3, 4, 5), _FULL),
    "prune, kept": Deed(prune(9), "full", (3, 4, 5), _FULL),
    "remove-runs": Deed(remove_runs(0), "full", (), _FULL),
    "remove-runs, kept": Deed(remove_runs(9), "full", (), _FULL),
    "undo": Deed(undo, "removed", _FULL, ()),
    "gc": Deed(gc, "littered", (2, 3, 4, 5), (2, 3, 4, 5)),
}


def exposures(root: Path) -> tuple[int, ...]:
    """Recover by opening for writing; see that what is registered is whole, and nothing is left over; return what is there."""
    with Butler(root, writeable=True) as butler:
        butler.repository.recover()
        butler.gc(older_than_s=0)
        refs = list(butler.query_datasets("thing", "*", find_first=False)) if "thing" in butler.dataset_types else []
        values = [butler.get(ref) for ref in refs]
        assert all(value in WHOLE for value in values)
        report = butler.check(deep=True)
        assert report.is_clean, report
        found = {str(finding) for finding in report.findings}
        assert found == set()
        kept = sum(removed.artifacts for removed in butler.removal.undoable())
        files = [
            path
            for path in (root / "data").rglob("*.json")
            if not path.relative_to(root / "data").parts[0].startswith(".")
        ]
        assert len(files) == len(refs) + kept, "no file is left over"
    staged = [path for path in root.rglob("*") if ".stage" in path.parts and path.is_file() and path.suffix != ".lock"]
    assert staged == []
    return tuple(sorted(value["e"] for value in values))


def verify(name: str, place: Path, *, died: bool) -> None:
    """See that an interrupted deed is done in whole or not at all, lost no original, and is completed by doing it again."""
    deed = DEEDS[name]
    root = place / deed.root
    if (root / "bunter.yaml").exists() and not (root / ".bunter-load").exists():
        there = exposures(root)
        allowed = deed.partly or there in (deed.before, deed.done)
        assert allowed, f"{there} is neither {deed.before} nor {deed.done}"
        assert died or there == deed.done
        if name == "ingest move":
            originals = len(list((place / "in").iterdir()))
            assert originals == COUNT or there == deed.done, "no original is lost by a move"
    deed.act(place)
    assert exposures(root) == deed.done
    if name in {"undo", "load"}:
        with Butler(root) as butler:
            assert butler.query_datasets("thing", "tag").count() == 2
            assert butler.query_datasets("thing", "chain").count() == COUNT
    if name.endswith("kept"):
        with Butler(root) as butler:
            assert sum(removed.artifacts for removed in butler.removal.undoable()) == COUNT - len(deed.done)
            butler.undo()
        assert exposures(root) == _FULL

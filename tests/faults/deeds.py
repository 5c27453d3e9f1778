"""Deeds that are interrupted: what each needs, does, and must have done when it was carried out to its end."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bunter import Butler, FileDataset
from bunter.butler import file_lots, files, trash
from bunter.butler.mending import mend
from bunter.butler.transfers.syncing import synchronise
from bunter.contracts.small_camera import fill_dimensions, put_thing
from bunter.dataset import DatasetRef
from bunter.datastore import kept_records, links
from bunter.datastore.check import Problem, quarantine
from bunter.datastore.key import is_direct
from bunter.values import Principal, new_id, packed_ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 6
EXACT = {"templates": {"thing": "exact:{run:/}/{instrument}_{exposure:?}_{detector}"}}
WHOLE = [{"e": n, "d": 0} for n in range(COUNT)]


def key(number):
    return {"instrument": "Cam", "exposure": number, "detector": 0}


def make_template(base: Path) -> Path:
    """Make an empty repository, full ones, damaged ones, files, an export, a bundle and a dump."""
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
        butler.bundle(base / "bundle.zip")
    shutil.copytree(base / "full", base / "damaged")
    lost, damaged, *_ = sorted((base / "damaged/data/run1").rglob("*.json"))
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b" ")
    damaged.with_name(f"left-{'a' * 13}.json").write_text("x")
    with Butler.create(base / "exact", datastore=EXACT) as butler:
        fill_dimensions(butler, exposures=COUNT)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
    shutil.copytree(base / "exact", base / "exact full")
    with Butler(base / "exact full", run="run1") as butler:
        butler.put_many(WHOLE, "thing", [key(n) for n in range(COUNT)])
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
            given = [
                FileDataset(
                    str(place / "in" / f"f{n}.json"),
                    [DatasetRef(new_id(), kind, butler.standardize(key(n), kind.dimensions.required), "run1")],
                )
                for n in range(COUNT)
                if n not in there
            ]
            if given:
                butler.ingest(*given, transfer=transfer)

    return act


def ingest_in_lots(transfer):
    """Ingest two files a lot, which are all written down."""

    def act(place):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "LOT_FILES", 2)
            patch.setattr(file_lots, "_IN_MEMORY", 0)
            patch.setattr(links, "_FEW", 1)
            ingest(transfer)(place)

    return act


def transfer(place):
    with Butler(place / "full", writeable=False) as source, Butler(place / "empty") as butler:
        butler.transfers.take(source.transfers.parcel(), transfer="copy")


def sync(place):
    with Butler(place / "full") as one, Butler(place / "empty") as other:
        synchronise(one, other)


def import_(transfer):
    def act(place):
        with Butler(place / "empty") as butler:
            butler.import_(place / "exported", transfer=transfer)

    return act


def ingest_zip(transfer):
    def act(place):
        if (place / "bundle.zip").exists():
            with Butler(place / "empty") as butler:
                butler.ingest_zip(place / "bundle.zip", transfer=transfer)

    return act


def put_exact(place):
    with Butler(place / "exact", run="run1") as butler:
        butler.put_many(WHOLE, "thing", [key(n) for n in range(COUNT)])


def replace_exact(place):
    """Remove some, and put them again under the same names."""
    with Butler(place / "exact full", run="run1") as butler:
        butler.remove_datasets(butler.query_datasets("thing", "run1", where="exposure < 3"))
        butler.put_many(WHOLE[:3], "thing", [key(n) for n in range(3)])


def retrieve(place):
    with Butler(place / "full", writeable=False) as butler:
        butler.retrieve_artifacts(butler.query_datasets("thing", "run1"), place / "files")


def export(place):
    with Butler(place / "full", writeable=False) as butler:
        butler.export(place / "out")


def bundle(place):
    if not (place / "new.zip").exists():
        with Butler(place / "full", writeable=False) as butler:
            butler.bundle(place / "new.zip")


def repair(place):
    """Do what ``bunter check --repair --from`` does."""
    with Butler(place / "damaged") as butler, Butler(place / "full", writeable=False) as copy:
        report = butler.check(deep=True)
        troubles = [one.trouble for one in mend(butler, copy, report, Principal.current()) if one.trouble]
        if troubles:
            raise OSError(troubles[0])
        quarantine(butler.datastore, report, older_than_s=0)


def load(place):
    if (place / "loaded/bunter.yaml").exists() and not (place / "loaded/.bunter-load").exists():
        return
    Butler.load(place / "dumped", place / "loaded").close()


def prune(keep_days):
    def act(place):
        with Butler(place / "full") as butler:
            butler.remove_datasets(butler.query_datasets("thing", "run1", where="exposure < 3"), keep_days=keep_days)

    return act


def in_lots(act):
    """Let datasets be removed two by two, and their files as well."""

    def do(place):
        with pytest.MonkeyPatch.context() as patch:
            for module in (packed_ids, trash, kept_records):
                patch.setattr(module, "LOT_IDS", 2)
            act(place)

    return do


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


# What else must be there when a deed is done


def members_are_there(root):
    with Butler(root) as butler:
        assert butler.query_datasets("thing", "tag").count() == 2
        assert butler.query_datasets("thing", "chain").count() == COUNT


def files_are_there(root):
    with Butler(root.parent / "files") as butler:
        assert butler.check(deep=True).is_clean
    files = (root.parent / "files").glob("thing*.json")
    assert sorted(path.read_bytes() for path in files) == sorted(
        path.read_bytes() for path in (root / "data/run1").rglob("*.json")
    )


def export_is_whole(root):
    with Butler(root.parent / "empty") as butler:
        butler.import_(root.parent / "out")
    assert exposures(root.parent / "empty") == tuple(range(COUNT))


def bundle_is_whole(root):
    with Butler(root.parent / "new.zip") as butler:
        assert butler.check(deep=True).is_clean
        assert butler.query_datasets("thing", "run1").count() == COUNT


def removal_can_be_undone(root):
    with Butler(root) as butler:
        assert sum(removed.artifacts for removed in butler.removal.undoable()) > 0
        butler.undo()
    assert exposures(root) == tuple(range(COUNT))


def originals_are_gone(root):
    assert not (root.parent / "bundle.zip").exists()


class Deed(NamedTuple):
    """Something that is interrupted: the deed, the repository it changes, and the exposures there when it is done."""

    act: Callable[[Path], None]
    root: str
    done: tuple[int, ...] = tuple(range(COUNT))
    before: tuple[int, ...] = ()
    partly: bool = False
    """Whether some of it may be there after an interruption."""
    after: Callable[[Path], None] = lambda root: None
    """Sees what else must be there when it is done."""
    wrong: frozenset[Problem] = frozenset()
    """What a check may find before it is done."""


_FULL = tuple(range(COUNT))
DEEDS = {
    "put": Deed(put, "empty", partly=True),
    "put_many": Deed(put_many, "empty"),
    "put, exact names": Deed(put_exact, "exact"),
    "put again, exact names": Deed(replace_exact, "exact full", _FULL, _FULL, partly=True),
    "ingest copy": Deed(ingest("copy"), "empty"),
    "ingest move": Deed(ingest("move"), "empty"),
    "ingest hardlink": Deed(ingest("hardlink"), "empty"),
    "ingest copy, in lots": Deed(ingest_in_lots("copy"), "empty"),
    "ingest move, in lots": Deed(ingest_in_lots("move"), "empty"),
    "ingest hardlink, in lots": Deed(ingest_in_lots("hardlink"), "empty"),
    "ingest direct, in lots": Deed(ingest_in_lots("direct"), "empty"),
    "ingest-zip": Deed(ingest_zip("copy"), "empty"),
    "ingest-zip move": Deed(ingest_zip("move"), "empty", after=originals_are_gone),
    "transfer": Deed(transfer, "empty", partly=True),
    "sync": Deed(sync, "empty", partly=True),
    "import": Deed(import_("copy"), "empty", partly=True),
    "import move": Deed(import_("move"), "empty", partly=True),
    "load": Deed(load, "loaded", after=members_are_there),
    "retrieve": Deed(retrieve, "full", _FULL, _FULL, after=files_are_there),
    "export": Deed(export, "full", _FULL, _FULL, after=export_is_whole),
    "bundle": Deed(bundle, "full", _FULL, _FULL, after=bundle_is_whole),
    "prune": Deed(prune(0), "full", (3, 4, 5), _FULL),
    "prune, kept": Deed(prune(9), "full", (3, 4, 5), _FULL, after=removal_can_be_undone),
    "remove-runs": Deed(remove_runs(0), "full", (), _FULL),
    "remove-runs, kept": Deed(remove_runs(9), "full", (), _FULL, after=removal_can_be_undone),
    "prune, in lots": Deed(in_lots(prune(0)), "full", (3, 4, 5), _FULL),
    "prune, kept, in lots": Deed(in_lots(prune(9)), "full", (3, 4, 5), _FULL, after=removal_can_be_undone),
    "remove-runs, in lots": Deed(in_lots(remove_runs(0)), "full", (), _FULL),
    "undo, in lots": Deed(in_lots(undo), "removed", _FULL, (), after=members_are_there),
    "undo": Deed(undo, "removed", _FULL, (), after=members_are_there),
    "gc": Deed(gc, "littered", (2, 3, 4, 5), (2, 3, 4, 5)),
    "check --repair": Deed(repair, "damaged", partly=True, wrong=frozenset({Problem.MISSING, Problem.DAMAGED})),
}


def exposures(root: Path, wrong: frozenset[Problem] = frozenset()) -> tuple[int, ...]:
    """Recover by opening for writing; see that what is registered is whole, and nothing is left over; return what is there."""
    with Butler(root, writeable=True) as butler:
        butler.repository.recover()
        butler.gc(older_than_s=0)
        report = butler.check(deep=True)
        assert {finding.problem for finding in report.findings} <= wrong, report.findings
        ill = {one for finding in report.findings for one in finding.datasets}
        refs = list(butler.query_datasets("thing", "*", find_first=False)) if "thing" in butler.dataset_types else []
        values = [butler.get(ref) for ref in refs if ref.id not in ill]
        assert all(value in WHOLE for value in values)
        kept = sum(removed.artifacts for removed in butler.removal.undoable())
        located = butler.repository.locate(Principal.current(), [ref.id.bytes for ref in refs])
        recorded = {item.key for found in located for item in found if not is_direct(item.key)}
        missing = len(report.of(Problem.MISSING))
        assert len(artifacts(root)) == len(recorded) + kept - missing, "no file is left over"
    staged = [path for path in root.rglob("*") if ".stage" in path.parts and path.is_file() and path.suffix != ".lock"]
    assert staged == []
    return tuple(sorted(value["e"] for value in values))


def artifacts(root: Path) -> list[Path]:
    """List the files in a store that are no secret of its own."""
    data = root / "data"
    found = [path for path in data.rglob("*") if path.is_file()]
    return [path for path in found if not path.relative_to(data).parts[0].startswith(".")]


def originals(name: str, place: Path) -> int:
    """Count what a deed that moves has not moved yet."""
    folder = {"import move": "exported/files"}.get(name, "in")
    return len(list((place / folder).rglob("*.json")))


def verify(name: str, place: Path, *, died: bool) -> None:
    """See that an interrupted deed is done in whole or not at all, lost no original, and is completed by doing it again."""
    deed = DEEDS[name]
    root = place / deed.root
    if (root / "bunter.yaml").exists() and not (root / ".bunter-load").exists():
        there = exposures(root, deed.wrong)
        allowed = deed.partly or there in (deed.before, deed.done)
        assert allowed, f"{there} is neither {deed.before} nor {deed.done}"
        assert died or there == deed.done
        if name in {"ingest move", "ingest move, in lots", "import move"}:
            assert originals(name, place) + len(there) >= COUNT, "no original is lost by a move"
        if name == "ingest-zip move":
            assert (place / "bundle.zip").exists() or there == deed.done, "no original is lost by a move"
    deed.act(place)
    assert exposures(root) == deed.done
    deed.after(root)

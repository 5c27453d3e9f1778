"""Pipeline files say the same in both systems, imports merged; and a file that Bunter wrote says the same to the other."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import strategies as st

theirs = pytest.importorskip(
    "lsst.pipe.base.pipelineIR", reason="the reference system is not installed; `make oracle` installs it"
)

from campaign import campaign

from bunter.errors import PipelineError
from bunter.pipeline import Pipeline
from bunter.pipeline.written import yaml_of

pytestmark = pytest.mark.oracle

LABELS = ["isr", "measure", "calibrate", "warp", "coadd", "plots"]
CLASSES = ["survey.tasks.Isr", "survey.tasks.Measure", "other.Coadd"]
SUBSETS = ["step1", "step2-visits", "every"]
VALUES = st.sampled_from([1, 2.5, True, None, "text", "parameters.scale", [1, 2], ["a"], {"g": 1.0}, "5 sigma"])


@st.composite
def configs(draw):
    block = st.dictionaries(st.sampled_from(["a", "b.c", "connections.x", "d"]), VALUES, min_size=1, max_size=3)
    return draw(st.one_of(block, st.lists(block, min_size=1, max_size=3)))


@st.composite
def tasks(draw):
    name = draw(st.sampled_from(CLASSES))
    return draw(st.one_of(st.just(name), configs().map(lambda config: {"class": name, "config": config})))


@st.composite
def ingredients(draw):
    """A pipeline file without imports, now and then with steps and contracts."""
    labels = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=5, unique=True))
    file = {"description": "some", "tasks": {label: draw(tasks()) for label in labels}}
    cut = draw(st.integers(0, len(labels)))
    parts = {"step1": labels[:cut], "step2-visits": labels[cut:]} | ({"every": labels} if draw(st.booleans()) else {})
    parts = {name: own for name, own in parts.items() if own and draw(st.integers(0, 4))}
    if parts:
        described = st.sampled_from(["", "What it is."])
        file["subsets"] = {
            name: {"subset": own, "description": text} if (text := draw(described)) else own
            for name, own in parts.items()
        }
    if draw(st.booleans()) and {*parts} >= ({"step1"} if cut else set()) | (
        {"step2-visits"} if cut < len(labels) else set()
    ):
        file["steps"] = [{"label": name, "dimensions": draw(st.sampled_from([[], ["visit"], ["visit", "detector"]]))}
                         for name in ("step1", "step2-visits") if name in parts]  # fmt: skip
    if draw(st.booleans()):
        file["parameters"] = {"scale": draw(st.integers(1, 9))}
    if draw(st.booleans()):
        file["contracts"] = [{"contract": f"{draw(st.sampled_from(labels))}.a == 1", "msg": "no"}]
    if draw(st.integers(0, 3)) == 0:
        file["instrument"] = "cam.Cam"
    return file


@st.composite
def recipes(draw):
    """A pipeline file that imports another, and that file."""
    inner = draw(ingredients())
    names = [*inner["tasks"], *inner.get("subsets", {})]
    options = {}
    if draw(st.booleans()):
        options[draw(st.sampled_from(["include", "exclude"]))] = draw(
            st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)
        )
    for key, values in (
        ("importContracts", [True, False]),
        ("importSteps", [True, False]),
        ("labeledSubsetModifyMode", ["DROP", "EDIT"]),
    ):
        if draw(st.integers(0, 2)) == 0:
            options[key] = draw(st.sampled_from(values))
    outer = {"description": "outer", "imports": [{"location": "inner.yaml", **options}]}
    if own := draw(st.dictionaries(st.sampled_from(LABELS), tasks(), max_size=2)):
        outer["tasks"] = own
    if draw(st.booleans()):
        outer["parameters"] = {"scale": 77}
    return outer, inner


def flat(blocks):
    """Return what a configuration is told in order, the last value of each field."""
    return {
        key: value for block in ([blocks] if isinstance(blocks, dict) else blocks or []) for key, value in block.items()
    }


def said(plain):
    """Return what a pipeline says, in a form that both systems' plain data have."""
    whole = {label: one if isinstance(one, dict) else {"class": one} for label, one in plain["tasks"].items()}
    subsets = {
        name: one if isinstance(one, dict) else {"subset": one} for name, one in plain.get("subsets", {}).items()
    }
    return {
        "description": plain.get("description", ""),
        "instrument": plain.get("instrument"),
        "parameters": dict(plain.get("parameters", {})),
        "tasks": {label: (one["class"], flat(one.get("config"))) for label, one in whole.items()},
        "subsets": {name: (sorted(one["subset"]), one.get("description") or "") for name, one in subsets.items()},
        "steps": [(one["label"], sorted(one["dimensions"])) for one in plain.get("steps", ())],
        "contracts": sorted(one["contract"] if isinstance(one, dict) else one for one in plain.get("contracts", ())),
    }  # fmt: skip


def in_theirs(path):
    try:
        found = theirs.PipelineIR.from_uri(str(path))
        steps = [{"label": one.label, "dimensions": one.dimensions} for one in found.steps]
        return said(found.to_primitives() | {"steps": steps})  # which its plain data leave out
    except Exception as error:
        return f"refused: {type(error).__name__}: {error}"


def in_ours(path):
    try:
        return said(Pipeline.from_file(path).to_dict())
    except PipelineError as error:
        return f"refused: {error}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pipelines")


def test_pipeline_files_say_the_same_in_both_systems(folder):
    def check(files):
        outer, inner = files
        outer["imports"][0]["location"] = str(folder / "inner.yaml")
        (folder / "outer.yaml").write_text(yaml.safe_dump(outer, sort_keys=False))
        (folder / "inner.yaml").write_text(yaml.safe_dump(inner, sort_keys=False))
        one, other = in_ours(folder / "outer.yaml"), in_theirs(folder / "outer.yaml")
        if isinstance(one, str) or isinstance(other, str):
            assert isinstance(one, str) == isinstance(other, str), f"{one}\n{other}\n{outer}\n{inner}"
            return "refused by both"
        assert one == other, f"{outer}\n{inner}"
        return "said alike by both"

    campaign(recipes(), check)


def test_a_pipeline_that_bunter_writes_says_the_same_to_the_other(folder):
    def check(file):
        (folder / "one.yaml").write_text(yaml_of(file))
        (folder / "two.yaml").write_text(Pipeline.from_file(folder / "one.yaml").to_text())
        said_by_them = in_theirs(folder / "two.yaml")
        assert said_by_them == in_theirs(folder / "one.yaml")
        assert not isinstance(said_by_them, str)
        return "read back by the other"

    campaign(ingredients(), check)

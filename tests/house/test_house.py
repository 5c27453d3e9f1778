"""How the house is kept: layers, names, sizes, fragments of the change log."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "bunter"
MODULES = sorted(SOURCE.rglob("*.py"))
KINDS = {"feature", "fix", "perf", "removal", "schema"}
EMPTY_WORDS = {
    "manager",
    "helper",
    "helpers",
    "handler",
    "util",
    "utils",
    "info",
    "data",
    "process",
    "base",
    "common",
    "misc",
}


def test_imports_point_down():
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    if linter is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_is_one_noun_of_bearable_length(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 500
    assert module.stem not in EMPTY_WORDS


def test_modules_say_what_they_are_in_their_first_line():
    silent = [str(one.relative_to(ROOT)) for one in MODULES if not one.read_text(encoding="utf-8").startswith('"""')]
    assert silent == []


def test_no_text_names_a_place_on_somebody_s_machine():
    places = re.compile(r"/(?:home|Users|work)/\w+")
    texts = [*MODULES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changes").glob("*.md")]
    found = [str(one.relative_to(ROOT)) for one in texts if places.search(one.read_text(encoding="utf-8"))]
    assert found == []


def test_fragments_of_the_change_log_are_named_by_kind():
    for fragment in (ROOT / "changes").glob("*.md"):
        if fragment.name != "README.md":
            assert fragment.name.split(".")[-2] in KINDS, fragment.name
            assert fragment.read_text(encoding="utf-8").strip(), fragment.name


def test_workflows_run_what_the_desk_runs():
    """Workflows call make targets that exist, and nothing else checks the code."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
        runs = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
        called = {target for run in runs for target in re.findall(r"\bmake ([a-z-]+)", run)}
        called |= {target for job in jobs for target in job.get("strategy", {}).get("matrix", {}).get("target", ())}
        assert called <= targets, workflow.name
        assert not [run for run in runs if re.search(r"\b(pytest|mypy|ruff|sphinx-build|lint-imports)\b", run)]


def test_the_glossary_is_in_order_and_names_each_term_once():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [
        term.translate(str.maketrans("", "", ",()")).casefold()
        for term in re.findall(r"^(\S.*)\n: ", text, re.MULTILINE)
    ]
    assert terms == sorted(set(terms))


def test_every_exemption_from_a_rule_has_its_reason():
    exemption, reasoned = re.compile(r"# noqa\b"), re.compile(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \w")
    lines = [(one, line) for one in MODULES for line in one.read_text(encoding="utf-8").splitlines()]
    found = [f"{one.relative_to(ROOT)}: {line}" for one, line in lines if exemption.search(line)]
    assert [line for line in found if not reasoned.search(line)] == []

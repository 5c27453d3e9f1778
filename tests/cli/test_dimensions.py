"""Commands about dimension records, universes, upgrades and packers."""

import json

import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.contracts.small_camera import fill_dimensions


@pytest.fixture
def repo(tmp_path):
    root = tmp_path / "repo"
    with Butler.create(root) as butler:
        fill_dimensions(butler)
    return str(root)


@pytest.fixture
def call(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def called(*words):
        code = run(words)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return called


@pytest.fixture
def csv(tmp_path):
    def write(*lines):
        (tmp_path / "rows.csv").write_text("\n".join(["instrument,id,full_name", *lines]))
        return "rows.csv"

    return write


def detectors(repo):
    with Butler(repo) as butler:
        return {each.id: each.full_name for each in butler.query_dimension_records("detector")}


def test_records_are_inserted_from_a_file(call, repo, csv):
    command = ("insert-dimension-records", repo, "detector", csv("Cam,2,D2", "Cam,3,D3"))
    code, out, _ = call(*command, "--dry-run")
    assert (code, out) == (0, "would see 2 detector records: 1 new, 1 as they were, 0 different\n")
    assert len(detectors(repo)) == 3
    code, out, _ = call(*command, "--json")
    assert json.loads(out) == {"element": "detector", "inserted": 1, "unchanged": 1, "different": 0, "dry_run": False}
    assert detectors(repo)[3] == "D3"
    assert call(*command)[0] == 0


def test_what_is_there_already_is_treated_as_was_asked(call, repo, csv):
    command = ("insert-dimension-records", repo, "detector", csv("Cam,2,E2", "Cam,3,E3"))
    code, _, err = call(*command)
    assert code == 1
    assert "detector=2 differs from what is there: full_name is 'D2', not 'E2'" in err
    code, _, err = call(*command, "--on-conflict", "fail")
    assert code == 1
    assert "there already" in err
    assert call(*command, "--on-conflict", "update")[0] == 1  # 3 is not there
    assert detectors(repo) == {0: "D0", 1: "D1", 2: "D2"}
    assert call(*command, "--on-conflict", "skip")[0] == 0
    assert detectors(repo) == {0: "D0", 1: "D1", 2: "D2", 3: "E3"}
    code, _, err = call(*command, "--on-conflict", "replace")
    assert "detector=2: full_name is 'D2', not 'E2'" in err
    assert detectors(repo)[2] == "E2"


@pytest.mark.parametrize(
    ("element", "lines", "says"),
    [
        ("detector", ["Cam,x,D"], "rows.csv"),
        ("detector", ["Cam,9,"], "row 0 of 'detector': 'full_name' must have a value"),
        ("detector", ["Kam,9,D9"], "no instrument with instrument='Kam'"),
        ("visit", ["Cam,9,D9"], "'visit' has no field 'full_name'"),
        ("detektor", ["Cam,9,D9"], "did you mean 'detector'"),
        ("htm7", ["Cam,9,D9"], "no field"),
    ],
)
def test_wrong_files_are_answered_in_a_sentence(call, repo, csv, element, lines, says):  # noqa: PLR0917 - fixtures
    code, out, err = call("insert-dimension-records", repo, element, csv(*lines))
    assert code == 1
    assert says in err
    assert not out


def test_records_are_removed_unless_something_names_them(call, repo):
    command = ("remove-dimension-records", repo, "exposure", "--where", "exposure < 2")
    code, out, _ = call(*command, "--dry-run")
    assert (code, out) == (0, "would remove 2 exposure records\n")
    code, out, _ = call(*command, "--no-confirm", "--json")
    assert json.loads(out)["removed"] is True
    with Butler(repo) as butler:
        assert butler.query_dimension_records("exposure").count() == 2
    code, _, err = call("remove-dimension-records", repo, "day_obs", "--where", "TRUE", "--no-confirm")
    assert code == 1
    assert "kept by 2 records of 'exposure'" in err
    assert "1 day_obs record cannot go" in err


def test_a_universe_is_shown_checked_and_compared(call, repo, tmp_path):
    assert "visit_detector_region" in call("universe", "show", repo)[1]
    rows = [json.loads(line) for line in call("universe", "show", "default", "detector", "--json")[1].splitlines()]
    assert [row["column"] for row in rows][:3] == ["instrument", "id", "full_name"]
    assert "instrument --> detector" in call("universe", "show", repo, "--mermaid")[1]
    (tmp_path / "mine.yaml").write_text(call("universe", "show", "default", "--yaml")[1])
    assert call("universe", "diff", repo, "mine.yaml")[2] == "no differences\n"
    (tmp_path / "mine.yaml").write_text("extends: default\nelements:\n  fibre:\n    requires: [instrumnt]\n")
    code, _, err = call("universe", "check", "mine.yaml")
    assert code == 1
    assert "mine.yaml:4: element 'fibre' requires 'instrumnt', which is not defined; did you mean 'instrument'?" in err
    code, out, _ = call("universe", "diff", "default", "spectral-survey", "--json")
    assert {json.loads(line)["possible"] for line in out.splitlines()} == {"yes", "no"}


def test_a_repository_is_created_over_a_universe_by_name(call, tmp_path):
    assert call("create", "night", "--dimensions", "fibre-spectrograph", "--dry-run")[0] == 0
    assert not (tmp_path / "night").exists()
    assert call("create", "night", "--dimensions", "fibre-spectrograph")[0] == 0
    assert "pfs" not in call("universe", "show", "night")[1]
    assert "exposure_set_member" in call("universe", "show", "night")[1]
    code, _, err = call("create", "other", "--dimensions", "fibre_spectrograph")
    assert code == 1
    assert "did you mean 'fibre-spectrograph'" in err


def test_an_upgrade_says_what_it_does_and_what_it_needs(call, repo, tmp_path):
    (tmp_path / "more.yaml").write_text(
        "extends: repository\nelements:\n  detector:\n    metadata:\n      - {name: gain, type: float, nullable: false}\n"
    )
    assert call("upgrade", repo)[1] == f"{repo} is up to date\n"
    code, out, err = call("upgrade", repo, "--dimensions", "more.yaml", "--dry-run")
    assert code == 0
    assert "would do: new column 'gain' of 'detector' (float)" in out
    assert "--fill detector.gain=VALUE" in err
    assert call("upgrade", repo, "--dimensions", "more.yaml")[0] == 1
    code, out, _ = call("upgrade", repo, "--dimensions", "more.yaml", "--fill", "detector.gain=1.5", "--json")
    assert json.loads(out)["steps"] == ["new column 'gain' of 'detector' (float)"]
    assert "universe" in call("upgrade", repo, "--history")[1]
    with Butler(repo) as butler:
        assert {each.gain for each in butler.query_dimension_records("detector")} == {1.5}
    code, _, err = call("upgrade", repo, "--dimensions", "spectral-survey", "--dry-run")
    assert code == 1
    assert "  - element 'skymap' would go, with its records" in err
    assert call("upgrade", repo, "--fill", "nonsense", "--dimensions", "more.yaml")[0] == 2


def test_packers_are_defined_listed_and_used(call, repo):
    define = ("packer", "define", repo, "frames", "-f", "exposure:1000", "-f", "detector:112", "instrument=Cam")
    assert "would define packer frames" in call(*define, "--dry-run")[1]
    assert "exposure_detector" in call("packer", "list", repo)[2]
    assert "17 bits" in call(*define)[1]
    assert "exposure (0 to 999), detector (0 to 111)" in call("packer", "list", repo)[1]
    assert call("packer", "pack", repo, "frames", "exposure=42", "detector=7")[1] == "4711\n"
    assert call("packer", "pack", repo, "frames", "exposure=42", "detector=7", "instrument=Cam")[1] == "4711\n"
    row = json.loads(call("packer", "unpack", repo, "frames", "4711", "--json")[1])
    assert row == {"number": 4711, "instrument": "Cam", "detector": 7, "exposure": 42}
    code, _, err = call("packer", "pack", repo, "frames", "exposure=1000", "detector=7")
    assert code == 1
    assert "exposure=1000 cannot be packed; values are 0 to 999" in err
    assert call("packer", "unpack", repo, "frames", "112000")[0] == 1
    assert call("packer", "define", repo, "frames", "-f", "exposure", "instrument=Cam")[0] == 2
    code, _, err = call("packer", "define", repo, "visit_detector", "instrument=Cam")
    assert code == 1
    assert "needs visit_max of the instrument record" in err

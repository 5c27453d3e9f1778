"""Commands about collections over time and about calibrations."""

import json

import pytest

from bunter import Butler
from bunter.cli.program import run


@pytest.fixture
def call(capfd):
    """Run a command; return its exit code, its lines of output and what it says beside."""

    def _call(*words):
        code = run(words)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out.splitlines(), captured.err

    return _call


@pytest.fixture
def lab(tmp_path, call):
    root = str(tmp_path / "lab")
    with Butler.create(root) as butler:
        butler.dimension_records.insert("instrument", {"name": "Toy"})
        detectors = [{"instrument": "Toy", "id": n, "full_name": f"S{n}"} for n in range(2)]
        butler.dimension_records.insert("detector", detectors)
        butler.dataset_types.register("bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True)
        for run_name in ("jan", "feb"):
            butler.collections.register(run_name)
            data_ids = [{"instrument": "Toy", "detector": n} for n in range(2)]
            butler.put_many([{"run": run_name}] * 2, "bias", data_ids, run=run_name)
    call("certify-calibrations", root, "jan", "calib", "bias", "--begin-date", "2026-01-01", "--end-date", "2026-02-01")
    call("certify-calibrations", root, "feb", "calib", "bias", "--begin-date", "2026-02-10")
    return root


def rows(lines):
    return [json.loads(line) for line in lines]


def test_a_snapshot_is_made_listed_used_and_forgotten(call, lab):
    assert call("snapshot", "create", lab, "one", "--dry-run")[0] == 0
    assert call("snapshot", "list", lab, "--json")[1] == []
    code, out, _ = call("snapshot", "create", lab, "one", "--doc", "why", "--json")
    assert code == 0
    change = json.loads(out[0])["change"]
    (listed,) = rows(call("snapshot", "list", lab, "--json")[1])
    assert (listed["name"], listed["change"], listed["doc"]) == ("one", change, "why")
    call("prune-datasets", lab, "-d", "bias", "--collections", "jan", "--no-confirm")
    for moment in ("one", str(change), listed["time"]):
        assert call("query-datasets", lab, "bias", "--collections", "jan", "--as-of", moment, "--count")[1] == ["2"]
    assert call("query-datasets", lab, "bias", "--collections", "jan", "--count")[1] == ["0"]
    code, _, err = call("retrieve-artifacts", lab, lab + "-out", "-d", "bias", "--collections", "jan", "--as-of", "one")
    assert code == 1
    assert "no artifact" in err
    code, _, err = call("query-datasets", lab, "bias", "--as-of", "on")
    assert code == 1
    assert "did you mean 'one'" in err
    assert call("snapshot", "remove", lab, "one", "--dry-run")[0] == 0
    assert call("snapshot", "remove", lab, "one")[0] == 0
    assert call("snapshot", "remove", lab, "one")[0] == 1


def test_every_command_that_looks_can_look_back(call, lab):
    call("snapshot", "create", lab, "one")
    call("collection-chain", lab, "all", "jan", "feb")
    for words in (
        ("query-collections", lab),
        ("query-dataset-types", lab),
        ("query-data-ids", lab, "detector", "--datasets", "bias"),
        ("query-dimension-records", lab, "detector"),
        ("get-uri", lab, "bias", "instrument=Toy", "detector=0", "--collections", "jan"),
        ("why-dataset", lab, "bias", "instrument=Toy", "detector=0", "--collections", "jan"),
        ("calibration", "timeline", lab, "bias"),
    ):
        code, out, err = call(*words, "--as-of", "one")
        assert code == 0, err
        assert out, words
        assert not any(line.startswith("all") for line in out)


def test_collections_are_shown_as_tree_table_list_and_counts(call, lab):
    call("collection-chain", lab, "inner", "feb", "--doc", "newest")
    call("collection-chain", lab, "all", "calib,inner", "j*")
    lines = call("query-collections", lab, "all", "--chains", "tree")[1]
    assert [line.split()[0] for line in lines[2:]] == ["all", "calib", "inner", "feb", "jan"]
    assert [len(line) - len(line.lstrip()) for line in lines[2:]] == [0, 2, 2, 4, 2]
    flat = rows(call("query-collections", lab, "all", "--chains", "flatten", "--json")[1])
    assert [row["name"] for row in flat] == ["calib", "feb", "jan"]
    table = {row["name"]: row for row in rows(call("query-collections", lab, "all", "inner", "--json")[1])}
    assert table["all"]["children"] == ["calib", "inner", "jan"]
    assert table["inner"]["doc"] == "newest"
    counts = rows(call("query-collections", lab, "all", "calib", "--summary", "--json")[1])
    assert [(row["name"], row["dataset_type"], row["instrument"], row["datasets"]) for row in counts] == [
        ("all", "bias", "Toy", 4),
        ("calib", "bias", "Toy", 4),
    ]
    assert all(row["bytes"] > 0 for row in counts)
    typed = rows(call("query-collections", lab, "--collection-type", "calibration", "--json")[1])
    assert [row["name"] for row in typed] == ["calib"]


def test_collections_are_shown_with_the_chains_they_are_in_and_the_types_they_hold(call, lab):
    call("collection-chain", lab, "inner", "feb")
    call("collection-chain", lab, "all", "inner", "jan", "feb")
    table = {
        row["name"]: row for row in rows(call("query-collections", lab, "--chains", "INVERSE-TABLE", "-t", "--json")[1])
    }
    assert table["feb"]["parents"] == ["all", "inner"]
    assert table["all"]["parents"] == []
    assert table["all"]["dataset_types"] == table["jan"]["dataset_types"] == ["bias"]
    lines = call("query-collections", lab, "feb", "--chains", "inverse-tree")[1]
    assert [(len(line) - len(line.lstrip()), line.split()[0]) for line in lines[2:]] == [
        (0, "feb"),
        (2, "all"),
        (2, "inner"),
        (4, "all"),
    ]
    deep = rows(call("query-collections", lab, "feb", "--chains", "inverse-tree", "-t", "--json")[1])
    assert [(row["name"], row["depth"], row["dataset_types"]) for row in deep][-1] == ("all", 2, ["bias"])
    hidden = rows(call("query-collections", lab, "jan", "-t", "--exclude-dataset-types", "b*", "--json")[1])
    assert hidden[0]["dataset_types"] == []


def test_chains_tell_their_history_and_collections_change_their_names(call, lab):
    call("collection-chain", lab, "all", "jan")
    call("collection-chain", lab, "all", "feb", "--mode", "prepend")
    assert call("rename-collection", lab, "jan", "first", "--dry-run")[1] == [
        "would call jan first, which stays in all"
    ]
    assert call("rename-collection", lab, "jan", "first")[0] == 0
    assert call("collection-doc", lab, "first", "the first")[0] == 0
    assert call("collection-doc", lab, "first")[1] == ["the first"]
    events = rows(call("collection-chain", lab, "all", "--history", "--json")[1])
    assert [event["event"] for event in events] == ["created", "chain", "chain"]
    assert events[-1]["what"] == "feb, jan"
    assert call("rename-collection", lab, "nothing", "x")[0] == 1


def test_validity_is_cut_after_a_look_at_what_would_be(call, lab):
    words = ("decertify-calibrations", lab, "calib", "bias", "--begin-date", "2026-01-10", "--end-date", "2026-01-20")
    code, out, err = call(*words, "--where", "detector = 1", "--dry-run", "--json")
    assert code == 0
    assert [row["detector"] for row in rows(out)] == [1]
    assert len(rows(out)[0]["left"]) == 2
    assert "would cut" in err
    call(*words, "--where", "detector = 1")
    drawn = rows(call("calibration", "timeline", lab, "bias", "--json")[1])
    gaps = [(row["data_ids"], row["begin"][:10]) for row in drawn if row["what"] == "gap"]
    assert gaps == [("detector 0", "2026-02-01"), ("detector 1", "2026-01-10"), ("detector 1", "2026-02-01")]
    assert call("decertify-calibrations", lab, "jan", "bias")[0] == 1
    assert call("decertify-calibrations", lab, "calib", "bias", "--begin-date", "soon")[0] == 2


def test_the_timeline_is_drawn_in_the_width_of_the_terminal(call, lab, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    lines = call("calibration", "timeline", lab, "bias", "--svg", str(tmp_path / "bias.svg"))[1]
    assert max(len(line) for line in lines[:3]) <= 70
    assert "A" in lines[1]
    assert (tmp_path / "bias.svg").read_text().startswith("<svg")
    assert call("calibration", "timeline", lab, "bias", "--svg", str(tmp_path / "bias.svg"))[0] == 1
    assert call("calibration", "timeline", lab, "bias", "--collections", "jan")[0] == 1


def test_a_look_up_is_explained_to_the_eye_and_to_programs(call, lab):
    words = ("why-dataset", lab, "bias", "instrument=Toy", "detector=1", "--collections", "calib,jan")
    lines = call(*words, "--begin-date", "2026-02-05")[1]
    assert "found" in lines[0]
    assert "calib: not valid then" in lines[1]
    assert "jan: chosen" in lines[2]
    told = rows(call(*words, "--begin-date", "2026-01-05", "--json")[1])
    assert [(row["collection"], row["verdict"]) for row in told] == [("calib", "chosen"), ("jan", "shadowed")]
    assert call("why-dataset", lab, "bias", "detector")[0] == 2
    assert call("why-dataset", lab, "bia", "detector=1")[0] == 1

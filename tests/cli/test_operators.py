"""Commands of operators: SQL, statistics, mirrors, removals, aliases."""

import json

import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.contracts.small_camera import fill_dimensions


@pytest.fixture
def repo(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "exposure"], "StructuredDataDict")
        for name in ("one", "two"):
            butler.collections.register(name)
            for exposure in range(3):
                butler.put({name: exposure}, "thing", instrument="Cam", exposure=exposure, run=name)
        butler.collections.redefine_chain("both", ["one", "two"])
        butler.collections.register("good", "TAGGED")
        butler.collections.associate("good", list(butler.query_datasets("thing", "one")))
    return str(tmp_path / "repo")


@pytest.fixture
def call(capfd):
    def words(*arguments):
        code = run(list(map(str, arguments)))
        out, err = capfd.readouterr()
        return code, out, err

    return words


def rows(out):
    return [json.loads(line) for line in out.splitlines()]


def test_sql_prints_rows_and_says_when_it_cut_them(call, repo, tmp_path):
    text = "SELECT run, exposure FROM v1_datasets_thing ORDER BY 1, 2"
    code, out, err = call("sql", repo, text, "--limit", 2, "--json")
    assert (code, rows(out)) == (0, [{"run": "one", "exposure": 0}, {"run": "one", "exposure": 1}])
    assert "--limit 0" in err
    assert call("sql", repo, text, "--csv")[1].splitlines()[0] == "run,exposure"
    code, out, _ = call("sql", repo, "SELECT id_bytes FROM v1_dataset LIMIT 1")
    assert code == 0
    assert "b'" not in out
    file = tmp_path / "rows.parquet"
    assert call("sql", repo, text, "--parquet", file)[0] == 0
    assert call("sql", repo, text, "--parquet", file)[0] == 1
    code, _, err = call("sql", repo, "DELETE FROM dataset")
    assert (code, len(err.splitlines())) == (1, 1)
    assert call("sql", repo)[0] == 2
    assert "v1_datasets_thing" in call("sql", repo, "--views")[1]


def test_stats_count_by_anything(call, repo):
    code, out, _ = call("stats", repo, "--by", "type,run", "--json")
    assert code == 0
    assert [(row["run"], row["datasets"]) for row in rows(out)] == [("one", 3), ("two", 3)]
    assert {row["by"] for row in rows(call("stats", repo, "--json")[1])} >= {"type", "night", "day", "user"}
    assert call("stats", repo, "--by", "moon")[0] == 2


def test_a_removal_is_counted_before(call, repo):
    code, out, _ = call("prune-datasets", repo, "one", "-d", "thing", "--dry-run", "--json")
    told = rows(out)[0]
    assert (code, told["datasets"], told["memberships"], told["removed"]) == (0, 3, 3, 0)
    assert told["by_type_and_run"][0]["run"] == "one"
    assert rows(call("remove-runs", repo, "*", "--dry-run", "--json")[1])[0]["datasets"] == 6
    code, out, _ = call("remove-collections", repo, "good", "--dry-run", "--json")
    assert rows(out) == [{"would_remove": "good", "type": "TAGGED", "memberships": 3, "chains": []}]


def test_pruning_takes_the_first_of_each_data_id_unless_asked_for_all(call, repo):
    assert rows(call("prune-datasets", repo, "both", "--dry-run", "--json")[1])[0]["datasets"] == 3
    assert rows(call("prune-datasets", repo, "both", "--find-all", "--dry-run", "--json")[1])[0]["datasets"] == 6
    assert rows(call("prune-datasets", repo, "*", "--dry-run", "--json")[1])[0]["datasets"] == 6


def test_pruning_purges_unstores_or_disassociates(call, repo):
    code, _, err = call("prune-datasets", repo, "both", "--find-all", "--purge", "one", "--no-confirm")
    assert code == 1
    assert "3 datasets of 6 are in two" in err
    assert call("prune-datasets", repo, "--purge", "one", "--unstore", "--no-confirm")[0] == 2
    assert call("prune-datasets", repo, "--no-confirm")[0] == 2
    code, out, _ = call("prune-datasets", repo, "--disassociate", "good", "--where", "exposure = 0", "--no-confirm")
    assert (code, out.startswith("disassociated 1 dataset")) == (0, True)
    code, out, _ = call("prune-datasets", repo, "one", "--where", "exposure = 1", "--unstore", "--no-confirm")
    assert out.startswith("unstored 1 dataset")
    assert call("prune-datasets", repo, "--purge", "one", "--where", "exposure = 2", "--no-confirm")[0] == 0
    with Butler(repo) as butler:
        refs = {ref.data_id["exposure"]: ref for ref in butler.query_datasets("thing", "one")}
        assert set(refs) == {0, 1}
        assert [butler.stored(refs[number]) for number in (0, 1)] == [True, False]
        assert {ref.data_id["exposure"] for ref in butler.query_datasets("thing", "good")} == {1}
        assert butler.check().is_clean


def test_a_dataset_type_with_datasets_is_kept_with_reasons(call, repo):
    code, _, err = call("remove-dataset-type", repo, "th*")
    assert code == 1
    assert "6 datasets (3 in 'one', 3 in 'two')" in err
    assert "prune-datasets" in err
    assert call("remove-runs", repo, "*", "--no-confirm", "--force")[0] == 0
    assert rows(call("remove-dataset-type", repo, "th*", "--dry-run", "--json")[1]) == [{"would_remove": "thing"}]
    assert call("remove-dataset-type", repo, "thing")[0] == 0
    assert call("remove-dataset-type", repo, "thing")[0] == 1


def test_aliases_are_given_listed_and_taken_away(call, repo):
    assert call("alias", repo, "thing", "matter", "--dry-run")[0] == 0
    assert call("alias", repo, "--json")[1] == ""
    assert call("alias", repo, "thing", "matter")[0] == 0
    assert rows(call("alias", repo, "--json")[1]) == [{"alias": "matter", "dataset_type": "thing"}]
    assert len(rows(call("query-datasets", repo, "matter", "--collections", "one", "--json")[1])) == 3
    assert call("alias", repo, "thing")[0] == 2
    assert call("alias", repo, "--remove", "mater")[0] == 1
    assert call("alias", repo, "--remove", "matter")[0] == 0


def test_types_are_registered_from_a_file(call, repo, tmp_path):
    file = tmp_path / "types.yaml"
    file.write_text(
        "notes: {storage_class: Text}\nthing: {storage_class: StructuredDataDict, dimensions: [exposure]}\n"
    )
    code, out, _ = call("register-dataset-type", repo, "--from", file, "--json")
    assert code == 0
    assert [(row["dataset_type"], row["new"]) for row in rows(out)] == [("notes", True), ("thing", False)]
    assert call("register-dataset-type", repo, "--from", tmp_path / "no.yaml")[0] == 1
    assert call("register-dataset-type", repo, "notes")[0] == 2


def test_files_may_have_derived_ids(call, repo, tmp_path):
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "files.csv").write_text(f"file,exposure\n{tmp_path / 'a.json'},3\n")
    words = ("--data-id", "instrument=Cam", "--id-generation-mode", "dataid_type_run", "--transfer", "copy")
    assert call("ingest-files", repo, "thing", "three", tmp_path / "files.csv", *words)[0] == 0
    with Butler(repo) as butler:
        assert butler.query_datasets("thing", "three").one().id.version == 5


def test_a_mirror_is_made_and_followed(call, repo, tmp_path):
    target = tmp_path / "books"
    assert rows(call("mirror", repo, target, "--dry-run", "--json")[1])[0]["written"] == {}
    assert not target.exists()
    assert rows(call("mirror", repo, target, "--json")[1])[0]["written"]["v1_datasets_thing"] == 6
    assert "already" in call("mirror", repo, target)[1]
    assert call("mirror", repo, repo)[0] == 1

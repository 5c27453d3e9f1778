"""Commands that move datasets, as an operator with a script around them sees them."""

import json

import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.errors import ConfigurationError


def fill(place, *, band, name, dimensions, run_name):
    with Butler.create(place) as butler:
        butler.dimension_records.insert("instrument", {"name": "Cam"})
        butler.dimension_records.insert(
            "detector", [{"instrument": "Cam", "id": n, "full_name": f"{name}{n}"} for n in range(5)]
        )
        butler.dimension_records.insert("physical_filter", {"instrument": "Cam", "name": "Cam-r", "band": band})
        butler.dataset_types.register("bias", ["instrument", "detector"], "Text")
        butler.dataset_types.register("note", dimensions, "Text")
        with Butler(place, run=run_name, instrument="Cam") as made:
            made.put(name, "bias", detector=0)


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    fill("site", band="r", name="CCD", dimensions=["instrument"], run_name="biases")
    fill("other", band="g", name="chip", dimensions=["instrument", "detector"], run_name="biases")

    def ask(*words):
        code = run(words)
        return code, *capfd.readouterr()

    return ask


KINDS = ["dataset type", "record", "record", "data ID"]


def test_conflicts_of_every_kind_are_listed_together_and_a_dry_run_with_any_fails(command):
    code, out, err = command("transfer-datasets", "site", "other", "--dry-run")
    assert code == 1
    assert "4 conflicts, so nothing would be brought" in out
    assert "'note' is {instrument, detector} Text at the target, {instrument} Text in what comes" in err
    assert "differs from what is at the target: band is 'g', not 'r'; --keep-records leaves what is there" in err
    assert "and 2 more records" in err
    assert "'biases' has a 'bias' for ('Cam', 0) already" in err


@pytest.mark.parametrize("words", [["transfer-datasets"], ["transfer-datasets", "--dry-run"], ["sync"]])
def test_a_program_reads_conflicts_from_standard_output(command, words):
    code, out, err = command(*words, "site", "other", "--json")
    assert code == 1
    told = json.loads(out)
    assert [each["kind"] for each in told["conflicts"]] == KINDS
    assert told["dry_run"] is ("--dry-run" in words)
    assert ("nothing was changed" in err) is ("--dry-run" not in words)


def test_one_wrong_name_among_right_ones_is_not_passed_over(command):
    code, _, err = command("transfer-datasets", "site", "other", "-d", "note,bia")
    assert code == 1
    assert "is named bia; did you mean 'bias'?" in err


@pytest.mark.parametrize(
    "words",
    [
        ["transfer-datasets", "site", "new"],
        ["export", "site", "out", "--dry-run"],
        ["bundle", "site", "out", "--dry-run"],
    ],
)
def test_a_selection_without_datasets_says_so(command, words):
    Butler.create("new").close()
    code, out, err = command(*words, "-d", "bias", "--where", "detector = 3")
    assert (code, "0 datasets" in out) == (0, True)
    assert "no dataset of" in err
    assert "says why" in err


def test_an_export_and_a_dump_are_not_taken_for_each_other(command):
    assert command("export", "site", "exported")[0] == command("dump", "site", "dumped")[0] == 0
    assert "is a dump, not an export; `bunter load" in command("import", "other", "dumped")[2]
    assert "is an export, not a dump; `bunter import" in command("load", "exported", "new")[2]


def test_nothing_is_moved_from_under_a_repository_that_has_it_registered(command):
    Butler.create("new").close()
    code, _, err = command("transfer-datasets", "site", "new", "-t", "move")
    assert code == 2
    assert "'move' is not one of" in err
    with Butler("site") as site, Butler("new", writeable=True) as new:
        with pytest.raises(ConfigurationError, match="are not moved from under it"):
            new.transfer_from(site, site.query_datasets("bias"), transfer="move")
        assert site.check().is_clean


def test_a_run_that_one_site_renamed_is_one_conflict_that_says_how_to_settle_it(command):
    with Butler("site", run="biases", instrument="Cam") as site:
        for detector in range(1, 4):
            site.put("more", "bias", detector=detector)
        site.dataset_types.register("dark", ["instrument", "detector"], "Text")
        site.put("dark", "dark", detector=0)
    Butler.create("new").close()
    assert command("sync", "site", "new")[0] == 0
    assert command("rename-collection", "site", "biases", "zeroes")[0] == 0
    code, _, err = command("sync", "site", "new")
    assert code == 1
    assert "1 conflict between" in err
    assert "the run 'biases' at the target is 'zeroes' in what comes; `bunter rename-collection`" in err
    assert command("rename-collection", "new", "biases", "zeroes")[0] == 0
    assert command("sync", "site", "new")[0] == 0


def test_what_cannot_be_written_is_refused_at_once_and_says_why(command):
    assert command("bundle", "site", "bundle.zip")[0] == command("seal", "other")[0] == 0
    for words in (
        ["transfer-datasets", "site", "other"],
        ["sync", "other", "site"],
        ["associate", "other", "best", "-d", "bias", "--collections", "biases"],
        ["collection-chain", "other", "all", "biases"],
    ):
        assert "is sealed since" in command(*words)[2]
    for words in (["sync", "bundle.zip", "site"], ["associate", "bundle.zip", "best", "-d", "bias"]):
        assert "is an export, which is only read" in command(*words)[2]
    assert "4 conflicts" in command("transfer-datasets", "site", "other", "--dry-run")[1]  # which writes nothing


CHOOSING = (
    "transfer-datasets",
    "export",
    "bundle",
    "export-rubin",
    "retrieve-artifacts",
    "recall",
    "associate",
    "disassociate",
    "prune-datasets",
)


@pytest.mark.parametrize("name", CHOOSING)
def test_commands_about_many_datasets_choose_them_by_the_same_options(command, name):
    code, out, _ = command(name, "--help")
    assert code == 0
    for option in ("--datasets", "--where", "--data-id-table", "--order-by", "--limit"):
        assert option in out


def test_a_few_datasets_in_an_order_are_chosen_alike_by_all(command, tmp_path):
    with Butler(tmp_path / "site", run="biases", instrument="Cam", writeable=True) as butler:
        for number in range(1, 5):
            butler.put(str(number), "bias", detector=number)
        butler.collections.register("last", "TAGGED")
    (tmp_path / "some.csv").write_text("detector\n1\n3\n")
    Butler.create(tmp_path / "target").close()
    few = ("-d", "bias", "-c", "biases", "--order-by", "-detector", "--limit", "2")
    for words in (
        ("associate", "site", "last", *few),
        ("transfer-datasets", "site", "target", *few),
        ("export", "site", "exported", *few),
        ("bundle", "site", "bundled.zip", *few),
        ("retrieve-artifacts", "site", "files", *few),
    ):
        assert command(*words)[0] == 0
    for place, where in (
        ("site", "last"),
        *((name, "biases") for name in ("target", "exported", "bundled.zip", "files")),
    ):
        with Butler(tmp_path / place, writeable=False) as butler:
            assert {ref.data_id["detector"] for ref in butler.query_datasets("bias", where)} == {3, 4}
    assert command("export", "site", "by-table", "-d", "bias", "--data-id-table", "some.csv")[0] == 0
    with Butler(tmp_path / "by-table") as butler:
        assert {ref.data_id["detector"] for ref in butler.query_datasets("bias", "biases")} == {1, 3}
    code, _, err = command("export", "site", "sorted", "--order-by", "detector")
    assert code == 2
    assert "give both" in err

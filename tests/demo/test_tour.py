import json
import shlex

import pytest
from click.testing import CliRunner

from bunter.butler import Butler
from bunter.cli.commands.demo import _MILESTONES, _SEED, demo
from bunter.demo.outcome import outcome
from bunter.demo.simulation import SEED, Plan
from bunter.demo.steps import MILESTONES, steps
from bunter.demo.tour import Tour, check_extra, copyable
from bunter.demo.workspace import Workspace
from bunter.errors import ConfigurationError, MissingExtraError

SMALL = Plan(biases=2, flats=2, dithers=1, fields=1)


def test_the_command_offers_the_milestones_and_the_seed_of_the_tour():
    assert (_MILESTONES, _SEED) == (MILESTONES, SEED)


def test_steps_go_up_to_the_milestone(tmp_path):
    workspace = Workspace(tmp_path, 1)
    names = {until: [step.words[0] for step in steps(workspace, jobs=2, until=until)] for until in MILESTONES}
    assert names["simulate"] == ["create"]
    assert names["ingest"][-1] == "ingest-refcat"
    assert names["calibrations"][-1] == "certify-calibrations"
    assert names["isr"].count("run") == names["science"].count("run") == 2
    assert names["report"] == [*names["science"], "report"]


def test_a_small_night_is_ingested_with_the_commands_that_are_printed(tmp_path, capfd):
    workspace = Workspace(tmp_path / "it", 5, SMALL)
    assert Tour(workspace, until="ingest").go() == 0
    printed = capfd.readouterr().out
    for name in ("create", "register-instrument", "ingest-raws", "define-visits", "register-skymap", "ingest-refcat"):
        assert f"$ bunter {name} {workspace.root}" in printed
    with Butler(workspace.root) as butler:
        assert butler.query_datasets("raw").count() == 4 * (2 + 4 + 2)
        assert butler.query_dimension_records("visit").count() == 2
    assert Tour(workspace, until="ingest").go() == 0
    assert "(is there)" in capfd.readouterr().out


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ConfigurationError, match="holds something else"):
        Tour(Workspace(tmp_path, 1)).go()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_another_seed_in_the_same_folder_is_refused(tmp_path):
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "demo.json").write_text(json.dumps({"seed": 3}))
    with pytest.raises(ConfigurationError, match="--seed 3"):
        Workspace(tmp_path, 4).check()


def test_an_empty_repository_that_is_there_is_taken(tmp_path):
    Butler.create(tmp_path / "it").close()
    Workspace(tmp_path / "it", 1).check()


def test_a_missing_extra_is_one_sentence_with_the_command():
    with pytest.raises(MissingExtraError, match=r"needs photologs; `pip install 'bunter\[demo\]'`"):
        check_extra(["numpy", "photologs"])


def test_lines_are_quoted_so_that_a_shell_reads_the_same_words():
    words = ["bunter", "run", "-d", "instrument = 'X'", "a b", "$HOME's", "plain"]
    line = copyable(words)
    assert "\"instrument = 'X'\"" in line
    assert shlex.split(line) == words


@pytest.mark.slow
def test_the_whole_demonstration_is_right_and_repeats(tmp_path):
    root = tmp_path / "demo"
    first = CliRunner().invoke(demo, [str(root)], catch_exceptions=False)
    assert first.exit_code == 0, first.output
    workspace = Workspace(root, SEED)
    with Butler(root) as butler:
        found = outcome(butler, workspace)
        assert butler.get("coadd", tract=0, patch=3, band="r").wcs is not None
    assert found.counts["calexp"] == found.counts["src"] == 48
    assert (found.counts["coadd"], found.counts["objects"]) == (8, 4)
    for verdict in found.sources.values():
        assert verdict.stars > 500
        # 60 references of 20 mas fix each detector to 5 mas; 24 of these average.
        assert verdict.offset_mas < 5
        # 25 mas at the faint end, a signal-to-noise ratio of 50; less for most.
        assert verdict.scatter_mas < 30
        assert abs(verdict.bias_mmag) < 5
    for verdict in found.objects.values():
        assert verdict.offset_mas < 5
        assert verdict.scatter_mas < 30
        # Apertures on coadds of unequal seeing miss up to two per cent that the mean profile does not know of.
        assert abs(verdict.bias_mmag) < 25
    # What the photometry asks of a zero point; the fitted wings of the stars are good to a few mmag.
    assert found.worst_zero_point_mmag < 20
    # The rest is blended with something brighter.
    assert found.complete > 0.9
    again = CliRunner().invoke(demo, [str(root)], catch_exceptions=False)
    assert again.exit_code == 0, again.output

import json
import sys

import pytest

from bunter.cli.program import run


@pytest.fixture
def bunter(capsys):
    """Run a command in this process; gives its code, output and errors."""

    def typed(*words):
        code = run(list(map(str, words)))
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


def test_show_lists_the_tasks_without_importing_them(bunter):
    code, output, _ = bunter("pipeline", "show", "survey:drp.yaml#..calibrate", "--json")
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert [(row["label"], row["reads"]) for row in rows] == [
        ("isr", "raw, bias, flat"),
        ("measure", "post_isr"),
        ("calibrate", "post_isr, source, refcat"),
    ]
    assert "survey" not in sys.modules


def test_show_values_says_who_set_them(bunter):
    code, output, _ = bunter(
        "pipeline", "show", "survey:drp.yaml", "--values", "isr", "-c", "isr:do_flat=false", "--json"
    )
    assert code == 0
    assert {"field": "do_flat", "value": False, "source": "argument 'isr:do_flat=false'"} in map(
        json.loads, output.splitlines()
    )


def test_show_config_lists_the_values_of_all_tasks_with_their_sources(bunter):
    code, output, _ = bunter("pipeline", "show", "survey:drp.yaml", "--config", "-c", "isr:do_flat=false", "--json")
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert {"label": "isr", "field": "do_flat", "value": False, "source": "argument 'isr:do_flat=false'"} in rows
    (stars,) = [row for row in rows if row["field"] == "psf.stars"]
    assert (stars["label"], stars["value"], stars["source"].rpartition("/")[2]) == ("measure", 12, "drp.yaml:15")


def test_show_yaml_prints_a_pipeline_that_reads_back(bunter, tmp_path):
    code, output, _ = bunter("pipeline", "show", "survey:drp.yaml", "--yaml", "-c", "isr:saturation=7")
    assert code == 0
    (tmp_path / "again.yaml").write_text(output)
    code, output, _ = bunter("pipeline", "show", tmp_path / "again.yaml", "--values", "isr", "--csv")
    assert "saturation,7.0" in output


def test_show_schema_is_json_schema(bunter):
    code, output, _ = bunter("pipeline", "show", "survey:drp.yaml", "--schema", "isr")
    assert code == 0
    assert json.loads(output)["properties"]["saturation"]["default"] == 60000


def test_show_subsets_lists_steps(bunter):
    code, output, _ = bunter("pipeline", "show", "survey:drp.yaml", "--subsets", "--csv")
    assert code == 0
    assert 'sky,"warp, coadd, objects",tract,' in output


def test_check_says_what_there_is(bunter):
    code, output, _ = bunter("pipeline", "check", "survey:drp.yaml", "--json")
    assert code == 0
    assert json.loads(output)["inputs"] == ["raw", "bias", "flat", "refcat"]


def test_check_fails_with_one_sentence(bunter, tmp_path):
    (tmp_path / "p.yaml").write_text("tasks: {isr: survey.tasks.IrsTask}\n")
    code, output, errors = bunter("pipeline", "check", tmp_path / "p.yaml")
    assert (code, output) == (1, "")
    assert errors == (
        f"bunter: {tmp_path}/p.yaml:1: task 'isr': module 'survey.tasks' has no task 'IrsTask'; did you mean 'IsrTask'?\n"
    )


@pytest.mark.parametrize(
    ("name", "start"), [("p.svg", "<svg"), ("p.mmd", "flowchart"), ("p.html", "<!DOCTYPE html>"), ("p.txt", "○")]
)
def test_draw_takes_the_style_from_the_name_of_the_file(bunter, tmp_path, name, start):
    code, _, _ = bunter("pipeline", "draw", "survey:drp.yaml", "-o", tmp_path / name)
    assert code == 0
    assert (tmp_path / name).read_text().startswith(start)
    assert "survey" not in sys.modules


def test_values_of_a_file_are_read(bunter, tmp_path):
    (tmp_path / "isr.yaml").write_text("saturation: 7\n")
    words = ("pipeline", "show", "survey:drp.yaml", "--values", "isr", "--csv", "-C")
    code, output, _ = bunter(*words, f"isr:{tmp_path}/isr.yaml")
    assert code == 0
    assert f"saturation,7.0,{tmp_path}/isr.yaml:1" in output
    code, _, errors = bunter(*words, "isr.yaml")
    assert code == 1
    assert "'isr.yaml' is not LABEL:FILE" in errors

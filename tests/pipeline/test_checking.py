import json
import time

import pytest

from bunter.cli.program import run
from bunter.dataset import DatasetType
from bunter.dimensions import Universe
from bunter.pipeline import Pipeline

BAD = """\
imports: survey:drp.yaml
tasks:
  isr:
    class: survey.tasks.IsrTask
    config:
      saturatoin: 3
      saturation: -1
      do_flat: 7
  measure:
    class: survey.tasks.MeasureTask
    config: {threshold: 2}
  warp:
    class: survey.tasks.WarpTask
    config:
      connections.summary: calexp
  other: survey.tasks.OtherTask
contracts:
  - coadd.no_field == 3
"""


@pytest.fixture
def bad(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipe.yaml").write_text(BAD)
    return Pipeline.from_file("pipe.yaml")


def test_everything_that_is_wrong_is_found_in_one_go_with_its_line(bad):
    said = [
        str(one).replace(str(one.file), "pipe.yaml" if "pipe.yaml" in str(one.file) else "drp.yaml")
        for one in bad.check()
    ]
    expected = [
        "pipe.yaml:6: task 'isr' has no configuration field 'saturatoin'; did you mean 'saturation'",
        "pipe.yaml:7: isr.saturation: input should be greater than 0, not -1",
        "pipe.yaml:8: isr.do_flat: input should be a valid boolean",
        "pipe.yaml:16: task 'other': module 'survey.tasks' has no task 'OtherTask'",
        "drp.yaml:27: contract 'measure.threshold >= 3' does not hold: Below 3 the catalogue is noise. (measure.threshold is 2.0)",
        "pipe.yaml:18: contract 'coadd.no_field == 3': task 'coadd' has no configuration field 'no_field'",
        "pipe.yaml:15: task 'warp' reads 'calexp' with dimensions {instrument, visit}",
    ]
    assert len(said) == len(expected), "\n".join(said)
    for one, start in zip(said, expected, strict=True):
        assert one.startswith(start)


def test_a_good_pipeline_has_no_problems():
    assert Pipeline.from_file("survey:drp.yaml").check() == []


def test_clashes_with_registered_dataset_types_are_all_found_with_their_lines():
    universe = Universe.default()
    kinds = [
        DatasetType("post_isr", universe.conform(("instrument", "exposure")), "CCDData"),
        DatasetType("coadd", universe.conform(("skymap", "tract", "patch", "band")), "AstropyTable"),
    ]
    problems = Pipeline.from_file("survey:drp.yaml").check(universe, {one.name: one for one in kinds})
    assert ["the repository has it" in str(one) for one in problems] == [True, True]
    assert all(one.line for one in problems)


def test_two_mistakes_in_one_configuration_are_told_together(bad):
    with pytest.raises(ValueError, match="saturatoin") as caught:
        bad.resolve()
    assert len(str(caught.value).splitlines()) == 3


def test_the_command_tells_all_of_them(bad, capsys):
    assert run(["pipeline", "check", "pipe.yaml"]) == 1
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 7)
    assert run(["pipeline", "check", "pipe.yaml", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["valid"] is False
    assert told["problems"][0] == {
        "file": "pipe.yaml",
        "line": 6,
        "message": "task 'isr' has no configuration field 'saturatoin'; did you mean 'saturation'?",
    }


def test_a_pipeline_of_150_tasks_is_checked_in_a_second():
    text = "tasks:\n" + "".join(
        f"  isr{n}: {{class: survey.tasks.IsrTask, config: {{connections.exposure: post_{n},"
        f" connections.raw: {'raw' if n == 0 else f'post_{n - 1}'}, saturation: {n + 1}}}}}\n"
        for n in range(150)
    )
    contracts = "contracts:\n" + "".join(f"- isr{n}.saturation < isr{n + 1}.saturation\n" for n in range(149))
    pipeline = Pipeline.from_text(text + contracts)
    begin = time.process_time()
    assert pipeline.check() == []
    assert time.process_time() - begin < 1

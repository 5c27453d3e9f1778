from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from small_survey import make_repository
from test_run import WISH, faults, run

from bunter.errors import MissingCollectionError, MissingExtraError, RunError
from bunter.execution import charts
from bunter.execution.report import write_report
from bunter.execution.told_run import find_run, tell


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def test_the_page_stands_alone_and_tells_what_happened(butler, tmp_path):
    run(butler, config=faults(e2="raise"))
    path = write_report(butler, WISH.output, tmp_path / "report.html")
    page = path.read_text()
    assert not re.search(r"(src|href)=[\"']?(?!data:)", page)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "ValueError: the sky is" in page
    assert page.count("<svg") >= 3
    assert "8 quanta" not in page
    assert "of 13 quanta succeeded" in page


def test_names_are_escaped(butler, tmp_path):
    run(butler, config={**faults(e2="raise"), "marks": "<script>alert(1)</script>"})
    assert "<script>" not in write_report(butler, "out", tmp_path / "r.html").read_text()


def test_a_report_can_be_written_again(butler):
    run(butler)
    assert write_report(butler, "out") == write_report(butler, "out")


def test_numbers_come_from_the_journals(butler):
    run(butler, config=faults(e2="raise"))
    told = tell(find_run(butler, "out"))
    assert (told.count("total"), told.count("succeeded"), told.count("failed")) == (13, 9, 2)
    assert [task.state for task in told.tasks] == ["partial", "partial", "waiting"]
    assert told.written["reduced"][0] == 6
    assert told.attempts == 1
    assert told.span_s > 0


def test_what_has_no_run_has_no_report(butler):
    with pytest.raises(RunError, match="no run of 'raw' was made by running a pipeline"):
        write_report(butler, "raw")
    with pytest.raises(MissingCollectionError, match="query-collections"):
        write_report(butler, "nowhere")


def test_a_missing_library_is_one_sentence(butler, monkeypatch):
    run(butler)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'bunter\[demo\]'"):
        write_report(butler, "out")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2e-5, "20 us"), (0.25, "250 ms"), (12.34, "12.3 s"), (150, "2 min 30 s"), (7260, "2 h 1 min")],
)
def test_durations_read_well(seconds, text):
    assert charts.duration(seconds) == text


def test_sizes_read_well():
    assert [charts.size(n) for n in (12, 1500, 2.5e9)] == ["12 B", "1.5 kB", "2.5 GB"]


def test_a_histogram_counts_every_value():
    drawing = charts.histogram(np.array([0.1, 0.1, 0.2, 5.0, 0.0]))
    assert sum(map(int, re.findall(r"<title>(\d+) of", drawing))) == 5
    assert charts.histogram(np.array([])) == ""

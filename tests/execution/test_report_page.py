"""The report in a browser: groups of failures, small pictures, and the way from a result to what it was made of."""

from __future__ import annotations

import shutil
import struct
import zlib

import numpy as np
import pytest
from small_survey import make_repository

from bunter.execution import Wish, run_pipeline
from bunter.execution.report import write_report
from bunter.execution.specimens import choose_quanta, specimens
from bunter.execution.status import report_values
from bunter.execution.thumbnails import thumbnail
from bunter.execution.told_run import find_run
from bunter.pipeline import Pipeline

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


def finished(root, tasks, exposures=4):
    butler = make_repository(root, exposures)
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    plan = Pipeline.from_tasks(tasks).resolve(butler.universe, known)
    run_pipeline(butler, plan, Wish(("raw",), output="out"))
    return butler


def failing(root, **more):
    faults = {"faults": {"2": "raise", "3": "no_work"}}
    tasks = {
        "reduce": ("run_tasks.Reduce", faults),
        "gather": ("run_tasks.Gather", {}),
        "night": ("run_tasks.Night", {}),
    }
    return finished(root, tasks, **more)


def pixels(png):
    """Size and grey values of a PNG, checked part by part."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, parts = 8, {}
    while place < len(png):
        (length,), name = struct.unpack(">I", png[place : place + 4]), png[place + 4 : place + 8]
        body = png[place + 8 : place + 8 + length]
        assert struct.unpack(">I", png[place + 8 + length : place + 12 + length]) == (zlib.crc32(name + body),)
        parts[name], place = body, place + 12 + length
    width, height = struct.unpack(">II", parts[b"IHDR"][:8])
    lines = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, width + 1)
    return lines[:, 1:]


def test_a_thumbnail_shows_the_image_upright_and_small():
    image = np.zeros((400, 1000), ">f4")
    image[300:, :100] = 50.0
    image[0, 0] = np.nan
    grey = pixels(thumbnail(image))
    assert grey.shape == (57, 142)
    assert grey[0, 0] == 255, "what is at the top of the image is at the top of the picture"
    assert (grey[-1, -1], grey[0, -1]) == (0, 0)


def test_any_image_can_be_drawn_and_nothing_else():
    assert pixels(thumbnail(np.full((3, 3), np.nan))).shape == (3, 3)
    assert pixels(thumbnail(np.ones((1, 5000), bool))).shape[1] <= 160
    assert pixels(thumbnail(np.arange(6).reshape(2, 3))).shape == (2, 3)
    assert thumbnail(np.zeros(4)) is None
    assert thumbnail(np.array([["a"]])) is None
    assert thumbnail(np.zeros((0, 3))) is None


def test_images_of_a_run_are_in_its_report(tmp_path):
    with finished(tmp_path / "repo", {"image": "run_tasks.MakeImage", "read": "run_tasks.ReadImage"}) as butler:
        page = write_report(butler, "out", tmp_path / "r.html").read_text()
    assert page.count('<img src="data:image/png;base64,') == 6
    assert "<b>reduced</b><br>instrument Cam, " in page


def test_quanta_tell_what_they_read_and_said(tmp_path):
    with failing(tmp_path / "repo") as butler:
        found = {(one.task, one.data_id): one for one in specimens(butler, find_run(butler, "out"))}
        assert len(found) == 13
        broken = found["reduce", "instrument Cam, detector 0, exposure 2"]
        assert (broken.state, broken.problem) == ("failed", "ValueError: the sky is")
        assert "reducing 2" in broken.log
        gathered = found["gather", "instrument Cam, exposure 1"]
        assert [one["maker"] for one in gathered.inputs] == [
            found["reduce", f"instrument Cam, detector {d}, exposure 1"].quantum for d in (0, 1)
        ]
        assert (gathered.state, found["gather", "instrument Cam, exposure 2"].state) == ("succeeded", "blocked")
        assert len(report_values(butler, "out")["quanta"]) == 13


def test_of_many_quanta_failures_and_whole_histories_are_chosen(tmp_path):
    with failing(tmp_path / "repo", exposures=40) as butler:
        graph = find_run(butler, "out").graph()
        some = choose_quanta(graph, [5], most=30)
        assert len(some) == 30
        assert 5 in some
        night = graph.tasks["night"].first
        assert night in some
        assert len(set(graph.parents(night)) & set(some)) >= 5
        assert choose_quanta(graph, [], most=1000) == list(range(len(graph)))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if BROWSER is None:
        pytest.skip("needs Chromium")
    place = tmp_path_factory.mktemp("report")
    with failing(place / "repo") as butler:
        path = write_report(butler, "out", place / "report.html")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--headless=new"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"file://{path}")
        yield page
        assert problems == []
        browser.close()


def test_failures_stand_in_groups_and_lead_to_their_logs(page):
    row = page.locator("tr", has_text="the sky is").first
    assert row.locator("td").nth(1).inner_text() == "2"
    row.locator("button").click()
    assert "ValueError: the sky is" in page.locator("#one").inner_text()
    assert "reducing 2" in page.locator("#one pre").inner_text()


def test_one_walks_from_a_result_to_its_inputs_and_back(page):
    page.fill("#words", "gather succeeded")
    assert page.locator("#list tr").count() == 2
    page.locator("#list tr").first.click()
    panel = page.locator("#one")
    assert "gathered instrument Cam, exposure 0" in panel.inner_text()
    panel.locator("button", has_text="reduce").first.click()
    assert panel.locator("b").inner_text() == "reduce instrument Cam, detector 0, exposure 0"
    assert "raw instrument Cam" in panel.inner_text()
    panel.locator("button", has_text="gather").click()
    assert panel.locator("b").inner_text().startswith("gather")
    page.fill("#words", "")
    assert page.locator("#list tr").count() == 13

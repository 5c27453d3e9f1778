"""The interactive drawing, used in a browser as a person would."""

import shutil

import pytest

from bunter.pipeline import Pipeline

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


def test_a_page_stands_alone_and_what_people_write_cannot_break_out_of_it():
    text = "description: '</script><script>alert(1)</script>'\ntasks: {b: survey.tasks.ObjectTask, c: no.such.Task}"
    page = Pipeline.from_text(text).draw("html")
    assert "<script>alert" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "default-src 'none'" in page


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if BROWSER is None:
        pytest.skip("needs Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--headless=new"])
        yield browser
        browser.close()


@pytest.fixture
def drawing(browser, tmp_path):
    path = tmp_path / "drp.html"
    path.write_text(Pipeline.from_file("survey:drp.yaml").draw("html"), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(f"file://{path}")
    yield page
    assert problems == []
    page.close()


def view(page):
    return [float(word) for word in page.locator("#sheet svg").get_attribute("viewBox").split()]


@pytest.mark.slow
def test_a_click_on_a_task_shows_its_connections_and_what_depends_on_it(drawing):
    assert "From raw frames" in drawing.locator("#about").inner_text()
    drawing.locator("[data-key='T:calibrate'] rect").click()
    said = drawing.locator("#about").inner_text()
    assert "Task survey.tasks.CalibrateTask" in said
    assert said.index("Reads") < said.index("source") < said.index("Needs beforehand") < said.index("refcat")
    assert "catalog: AstropyTable {instrument, detector, visit}" in said
    assert "near" in drawing.locator("[data-key='T:coadd']").get_attribute("class")
    assert "near" not in drawing.locator("[data-key='D:background']").get_attribute("class")
    drawing.locator("#about a", has_text="calexp").click()
    assert "Read by" in drawing.locator("#about").inner_text()
    assert drawing.url.endswith("#D:calexp")
    drawing.keyboard.press("Escape")
    assert "From raw frames" in drawing.locator("#about").inner_text()


@pytest.mark.slow
def test_the_drawing_moves_and_zooms_about_the_pointer(drawing):
    before, sheet = view(drawing), drawing.locator("#sheet").bounding_box()
    x, y = sheet["x"] + 300, sheet["y"] + 200
    box = drawing.locator("[data-key='T:isr'] rect").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drawing.mouse.move(x, y)
    drawing.mouse.wheel(0, -200)
    drawing.wait_for_function(f"document.querySelector('#sheet svg').viewBox.baseVal.width < {before[2] * 0.9}")
    after = drawing.locator("[data-key='T:isr'] rect").bounding_box()
    assert after["width"] > box["width"] * 1.1
    assert after["x"] + after["width"] / 2 == pytest.approx(x, abs=2)  # what lies under the pointer stays there
    drawing.mouse.down()
    drawing.mouse.move(x + 120, y + 40, steps=5)
    drawing.mouse.up()
    moved = drawing.locator("[data-key='T:isr'] rect").bounding_box()
    assert (moved["x"] - after["x"], moved["y"] - after["y"]) == pytest.approx((120, 40), abs=3)
    assert "From raw frames" in drawing.locator("#about").inner_text(), "a drag is no click"
    drawing.locator("#fit").click()
    assert view(drawing) == before


@pytest.mark.slow
def test_search_marks_what_it_finds_and_enter_goes_there(drawing):
    drawing.keyboard.press("/")
    drawing.keyboard.type("exposure ccd")
    assert drawing.locator("#count").inner_text() == "2 found"
    assert drawing.locator(".found").count() == 2
    drawing.keyboard.press("Enter")
    assert drawing.url.endswith("#D:raw")
    drawing.keyboard.press("Enter")
    assert drawing.url.endswith("#D:post_isr")
    assert drawing.locator("#about h2").inner_text() == "post_isr"


@pytest.mark.slow
def test_an_address_opens_with_a_box_chosen(browser, drawing):
    page = browser.new_page()
    page.goto(drawing.url.partition("#")[0] + "#T:warp")
    assert page.locator("#about h2").inner_text() == "warp"
    page.close()

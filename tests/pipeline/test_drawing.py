import sys
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.errors import PipelineError
from bunter.pipeline import Pipeline
from bunter.pipeline.drawing import draw
from bunter.pipeline.drawing.diagram import Box, Diagram
from bunter.pipeline.drawing.layout import lay_out

TEXT = """\
○        raw  {instrument, detector, exposure}  CCDData
│ ○      bias  {instrument, detector}  CCDData  (prerequisite)
│ │ ○    flat  {instrument, detector, physical_filter}  CCDData  (prerequisite)
├─┴─╯
■        isr  {instrument, detector, exposure}  survey.tasks.IsrTask
○        post_isr  {instrument, detector, exposure}  CCDData
├─╮
│ ■      measure  {instrument, detector, visit}  survey.tasks.MeasureTask
│ ├─╮
│ │ ○    source  {instrument, detector, visit}  AstropyTable
│ ○ │    background  {instrument, detector, visit}  CCDData
│   │ ○  refcat  {htm7}  AstropyTable  (prerequisite)
├───┴─╯
■        calibrate  {instrument, detector, visit}  survey.tasks.CalibrateTask
○        calexp  {instrument, detector, visit}  CCDData
├─╮
│ ■      summarize  {instrument, visit}  survey.tasks.SummarizeTask
│ ○      visit_summary  {instrument, visit}  AstropyTable
├─╯
■        warp  {instrument, skymap, tract, patch, visit}  survey.tasks.WarpTask
○        direct_warp  {instrument, skymap, tract, patch, visit}  CCDData
■        coadd  {band, skymap, tract, patch}  survey.tasks.CoaddTask
○        coadd  {band, skymap, tract, patch}  CCDData
■        objects  {skymap, tract, patch}  survey.tasks.ObjectTask
○        object  {skymap, tract, patch}  AstropyTable
"""


@pytest.fixture
def drp():
    return Pipeline.from_file("survey:drp.yaml")


def test_a_pipeline_is_drawn_as_text_without_importing_its_tasks(drp):
    assert drp.draw() == TEXT
    assert "survey" not in sys.modules


@pytest.mark.parametrize("style", ["text", "svg", "mermaid", "html"])
def test_the_drawing_of_the_pipeline_is_that_of_its_graph(drp, style):
    assert drp.draw(style) == drp.resolve().draw(style)


def test_a_part_is_drawn_alone(drp):
    assert "measure" not in drp.select(">= warp").draw()
    assert "visit_summary" in drp.select(">= warp").draw()


def test_new_names_and_switched_connections_show(drp):
    changed = drp.configure("isr:do_flat=false", "warp:connections.kind=matched")
    assert "flat" not in changed.draw()
    assert "matched_warp" in changed.draw()


def test_a_task_whose_source_does_not_tell_is_drawn_alone():
    pipeline = Pipeline.from_text("tasks: {a: no_such_package.Task, b: survey.tasks.ObjectTask}")
    assert "a  {}  no_such_package.Task  (connections not readable without importing it)" in pipeline.draw()
    assert "b  {skymap, tract, patch}" in pipeline.draw()


def test_an_svg_stands_alone_and_shows_states(drp):
    text = draw_states(drp, {"isr": "done", "warp": "failed"})
    root = ET.fromstring(text)
    groups = [one.get("class") for one in root.iter("{http://www.w3.org/2000/svg}g") if one.get("class")]
    assert groups.count("task done") == 1
    assert groups.count("task failed") == 1
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in text


def draw_states(pipeline, states):
    return draw(pipeline.diagram(), "svg", states=states)


def test_what_people_write_cannot_break_out_of_a_drawing():
    pipeline = Pipeline.from_text("description: '<script>alert(1)</script>'\ntasks: {b: survey.tasks.ObjectTask}")
    svg = pipeline.draw("svg")
    assert "<script>" not in svg
    ET.fromstring(svg)


def test_an_unknown_style_is_refused(drp):
    with pytest.raises(PipelineError, match="no drawing style 'sgv'; did you mean 'svg'"):
        drp.draw("sgv")


@st.composite
def diagrams(drawn):
    count = drawn(st.integers(1, 14))
    keys = [f"{'TD'[i % 2]}:{i}" for i in range(count)]
    arrows = drawn(st.sets(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=25))
    boxes = tuple(Box(key, (key[2:],), ("instrument",), "x") for key in keys)
    return Diagram(boxes, tuple((keys[a], keys[b]) for a, b in sorted(arrows) if a < b))


@given(diagrams(), st.randoms(use_true_random=False))
def test_boxes_never_overlap_and_arrows_lead_down(diagram, random):
    sizes = {box.key: (random.uniform(20, 200), random.uniform(20, 60)) for box in diagram.boxes}
    layout = lay_out(diagram, sizes)
    keys = list(sizes)
    for i, one in enumerate(keys):
        (x, y), (width, height) = layout.centres[one], sizes[one]
        assert x - width / 2 >= -0.01
        assert x + width / 2 <= layout.width + 0.01
        assert y - height / 2 >= -0.01
        assert y + height / 2 <= layout.height + 0.01
        for other in keys[i + 1 :]:
            (u, v), (wide, high) = layout.centres[other], sizes[other]
            assert abs(x - u) >= (width + wide) / 2 - 0.01 or abs(y - v) >= (height + high) / 2 - 0.01
    for tail, tip in diagram.arrows:
        assert layout.centres[tail][1] < layout.centres[tip][1]
        heights = [y for _, y in layout.routes[tail, tip]]
        assert heights == sorted(heights)


@given(diagrams())
def test_text_shows_every_box_once(diagram):
    lines = draw(diagram).splitlines()
    assert sum("■" in line or "○" in line for line in lines) == len(diagram.boxes)
    assert draw(diagram, "mermaid").startswith("flowchart TD")
    ET.fromstring(draw(diagram, "svg"))

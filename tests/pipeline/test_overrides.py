import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.errors import PipelineError
from bunter.pipeline import Field, Pipeline, TaskConfig, TaskPart
from bunter.pipeline.configuring import build_config, sources_of
from bunter.pipeline.document import Assignment, PythonText, TaskEntry
from bunter.pipeline.located import Source
from bunter.pipeline.overrides import read_overrides


class Flux(TaskPart):
    radii: list[float] = Field([3.0, 6.0])
    pixel_scale: float = 0.2


class Selector(TaskPart):
    kind: str = "science"
    limit: float | None = None


class Config(TaskConfig):
    threshold: float = Field(5.0, gt=0)
    names: list[str] = Field(["base_Sky", "base_Psf"])
    plugins: dict[str, Flux] = Field({"flux": Flux()})
    masks: dict[str, float] = Field({"SAT": 0.5})
    flux: Flux = Flux()
    selector: Selector = Selector()
    text: str = ""


def configured(text, *, folder="."):
    at = Source("isr.py", 1)
    entry = TaskEntry("isr", "x", (Assignment("file", PythonText(text, f"{folder}/isr.py", whole=True), at),), at)
    return build_config(Config, entry)


def values(text):
    return [(one.field, one.value, one.source.line) for one in read_overrides(PythonText(text, "isr.py"))]


def test_assignments_are_taken_with_their_lines():
    assert values("# old\nconfig.threshold = -3 + 2 * 4\n\nconfig.flux.radii = [\n  1, 2.5,\n]\n") == [
        ("threshold", 5, 2),
        ("flux.radii", [1, 2.5], 4),
    ]


def test_keys_in_brackets_and_names_for_parts_are_followed():
    text = "limits = config.masks\nlimits['NO_DATA'] = 0.25\nkey = 'flux'\nconfig.plugins[key].pixel_scale = 0.168\n"
    config = configured(text)
    assert config.masks == {"SAT": 0.5, "NO_DATA": 0.25}
    assert config.plugins["flux"] == Flux(pixel_scale=0.168)


def test_lists_are_edited_from_what_they_hold():
    text = (
        "config.names |= ['base_Psf', 'base_Jacobian']\nconfig.names.remove('base_Sky')\nconfig.names += ['more']\n"
        "config.names.append('last')\nconfig.flux.radii.extend([9.0])\nconfig.masks.update({'CR': 1.0})\n"
    )
    config = configured(text)
    assert config.names == ["base_Psf", "base_Jacobian", "more", "last"]
    assert config.flux.radii == [3.0, 6.0, 9.0]
    assert config.masks == {"SAT": 0.5, "CR": 1.0}
    assert configured("").names == ["base_Sky", "base_Psf"]


def test_a_choice_is_made_by_retargeting():
    text = "from camera.select import MatcherSelector\nconfig.selector.retarget(MatcherSelector)\n"
    assert configured(text).selector.kind == "camera.select.MatcherSelector"
    assert configured("import camera.select\nconfig.selector.target = camera.select.Other\n").selector.kind == (
        "camera.select.Other"
    )


def test_objects_made_of_keywords_become_mappings():
    text = "from camera.colors import Limit\nconfig.plugins = {'g-r': Limit(radii=(1, 2)), 'x': dict(pixel_scale=1)}\n"
    assert configured(text).plugins == {"g-r": Flux(radii=[1, 2]), "x": Flux(pixel_scale=1)}


def test_loops_over_literals_are_followed():
    text = "for key, scale in (('a', 1), ('b', 2)):\n    config.plugins[key] = {'pixel_scale': scale}\n"
    assert {key: one.pixel_scale for key, one in configured(text).plugins.items()} == {"flux": 0.2, "a": 1, "b": 2}
    text = "for part in (config.flux, config.plugins['flux']):\n    part.pixel_scale = 7\n"
    config = configured(text)
    assert (config.flux.pixel_scale, config.plugins["flux"].pixel_scale) == (7, 7)


def test_files_load_each_other_from_their_folder(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "flux.py").write_text("import os.path\nhere = os.path.dirname(__file__)\nconfig.radii = [1]\n"
                                               "config.load(os.path.join(here, 'scale.py'))\n")  # fmt: skip
    (tmp_path / "deep" / "scale.py").write_text("config.pixel_scale = 4\n")
    assert configured("config.flux.load('deep/flux.py')\n", folder=tmp_path).flux == Flux(radii=[1], pixel_scale=4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\nconfig.threshold = open('/etc/passwd').read()", r"isr.py:2: .* computes"),
        ("__import__('os').system('true')", "isr.py:1: .* computes"),
        ("while True:\n    pass", "isr.py:1: 'while True:' computes"),
        ("if config.threshold > 3:\n    config.threshold = 3", "isr.py:1: 'if config.threshold > 3:' computes"),
        ("config.threshold = config.flux.pixel_scale", "isr.py:1: .* computes"),
        ("config.threshold = 1 / 0", "isr.py:1: .* computes"),
        ("config = 3", "isr.py:1: 'config = 3' computes"),
        ("config.threshold = ", "isr.py:1: this is no Python"),
        ("config.load('nowhere.py')", "isr.py:1: there is no file"),
        ("config.treshold = 3", "isr.py:1: .*no configuration field 'treshold'; did you mean 'threshold'"),
        ("config.threshold = -1", "isr.py:1: isr.threshold: input should be greater than 0, not -1"),
        ("config.text.append('x')", "isr.py:1: text: append needs a list"),
        ("a = [1]\n" + "a = a + a\n" * 40, "computes"),
        ("a = 'x'\n" + "a = [a, a]\n" * 40 + "config.names = a", "sets too much"),
        ("a = 3\n" + "a = a * a\n" * 40, "computes"),
        (
            "a = [1, 2, 3, 4, 5, 6, 7, 8]\n"
            + "".join(f"{' ' * n}for x{n} in a:\n" for n in range(7))
            + " " * 8
            + "pass",
            "sets too much",
        ),
    ],
)
def test_what_computes_is_refused_with_its_line(text, sentence):
    with pytest.raises(PipelineError, match=sentence):
        configured(text)


def test_a_file_that_loads_itself_is_refused(tmp_path):
    (tmp_path / "isr.py").write_text("config.load('isr.py')\n")
    with pytest.raises(PipelineError, match="load each other too deep"):
        configured("config.load('isr.py')\n", folder=tmp_path)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="config.threshold = [](){}'12+-*/\n", max_size=200))
def test_any_text_is_read_or_refused_in_a_sentence(text):
    try:
        read_overrides(PythonText(text, "isr.py"))
    except PipelineError as error:
        sentence = str(error)
    else:
        return
    assert sentence.startswith("isr.py:")


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(), lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(), one, max_size=4)))  # fmt: skip
def test_every_literal_is_read_as_python_reads_it(value):
    (one,) = read_overrides(PythonText(f"config.x = {value!r}", "isr.py"))
    assert one.value == value


def test_a_pipeline_takes_values_from_python_and_says_where_they_are(tmp_path):
    (tmp_path / "isr.py").write_text("# camera\nconfig.saturation = 7\n")
    (tmp_path / "pipe.yaml").write_text(
        "parameters: {level: 9}\ntasks:\n  isr:\n    class: survey.tasks.IsrTask\n    config:\n      file: isr.py\n      python: |\n"
        "        # bright\n        config.do_flat = False\n"
        "  measure:\n    class: survey.tasks.MeasureTask\n    config:\n      python: config.threshold = parameters.level\n"
    )
    found = Pipeline.from_file(tmp_path / "pipe.yaml")
    assert found.values_of("isr")["saturation"] == (7.0, f"{tmp_path}/isr.py:2")
    assert found.values_of("isr")["do_flat"] == (False, f"{tmp_path}/pipe.yaml:9")
    assert found.values_of("measure")["threshold"] == (9.0, f"{tmp_path}/pipe.yaml:13")
    assert "flat" not in found.outline()["isr"].reads
    isr = next(task for task in found.resolve().tasks if task.label == "isr")
    assert isr.config_dict["saturation"] == 7


def test_an_unreadable_block_hinders_no_drawing(tmp_path):
    (tmp_path / "pipe.yaml").write_text(
        "tasks:\n  isr:\n    class: survey.tasks.IsrTask\n    config:\n      python: |\n        config.saturation = min(1, 2)\n"
    )
    found = Pipeline.from_file(tmp_path / "pipe.yaml")
    assert "isr" in found.draw()
    with pytest.raises(PipelineError, match=r"pipe.yaml:6: .*min\(1, 2\)"):
        found.resolve()


def test_sources_name_the_line_of_an_edit():
    at = Source("pipe.yaml", 4)
    entry = TaskEntry("isr", "x", (Assignment("python", PythonText("config.names |= ['x']", "pipe.yaml", 5), at),), at)
    assert sources_of(Config, entry)["names"] == (["base_Sky", "base_Psf", "x"], "pipe.yaml:5")

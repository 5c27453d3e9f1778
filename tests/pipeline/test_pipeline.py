import json
import pickle
import re
import sys
from pathlib import Path

import pytest

from bunter.dataset import DatasetType
from bunter.errors import PipelineError
from bunter.pipeline import (
    Connections,
    Input,
    Output,
    Pipeline,
    PipelineGraph,
    PipelineTask,
    TaskConfig,
    config_dict,
    task,
)

LABELS = ("isr", "measure", "calibrate", "summarize", "warp", "coadd", "objects")
DRP = Path(__file__).parent / "packages" / "survey" / "drp.yaml"


@pytest.fixture
def drp():
    return Pipeline.from_file(DRP)


@pytest.fixture
def graph(drp):
    return drp.resolve()


def write(folder, text, name="pipe.yaml"):
    path = folder / name
    path.write_text(text)
    return path


class TestGraph:
    def test_has_producers_before_consumers(self, graph):
        assert graph.labels == LABELS

    def test_knows_what_must_be_there_beforehand(self, graph):
        assert graph.overall_inputs == ("raw", "bias", "flat", "refcat")
        assert [one.dataset_type for one in graph["isr"].prerequisites] == ["bias", "flat"]

    def test_knows_producers_and_consumers(self, graph):
        assert graph.producer_of("calexp").label == "calibrate"
        assert graph.producer_of("raw") is None
        assert [one.label for one in graph.consumers_of("calexp")] == ["summarize", "warp"]

    def test_gives_every_task_metadata_log_and_configuration(self, graph):
        isr = graph["isr"]
        assert [one.dataset_type for one in isr.outputs] == ["post_isr", "isr_metadata", "isr_log"]
        assert [one.dataset_type for one in isr.of_kind("init_output")] == ["isr_config"]
        assert graph.dataset_types["isr_metadata"].dimensions is isr.dimensions
        assert graph.dataset_types["isr_config"].dimensions == graph.universe.conform(())

    def test_agrees_on_dataset_types(self, graph):
        assert graph.dataset_types["calexp"].storage_class == "CCDData"
        assert graph.dataset_types["bias"].is_calibration

    def test_takes_values_and_parameters_from_the_file(self, graph):
        assert graph["isr"].config.saturation == 50000
        assert graph["measure"].config.psf.stars == 12
        assert graph["measure"].config.psf.order == 3
        assert graph["measure"].config.connections == {"catalog": "source"}

    def test_makes_tasks_that_run(self, graph):
        made = graph["isr"].make_task()
        assert made.run(raw=60010, bias=5).exposure == 50000

    def test_reads_back_from_plain_data_without_the_code_of_the_tasks(self, graph):
        plain = json.loads(json.dumps(graph.to_dict()))
        for name in [name for name in sys.modules if name.startswith("survey")]:
            del sys.modules[name]
        back = PipelineGraph.from_dict(plain)
        assert back.to_dict() == plain
        assert "survey" not in sys.modules
        assert [(one.label, one.connections, one.config_hash) for one in back.tasks] == [
            (one.label, one.connections, one.config_hash) for one in graph.tasks
        ]
        assert dict(back.dataset_types) == dict(graph.dataset_types)
        assert config_dict(back["isr"].make_task().config) == graph["isr"].config_dict

    def test_goes_to_other_processes(self, graph):
        assert graph.labels == LABELS
        back = pickle.loads(pickle.dumps(graph))
        assert back["measure"].config == graph["measure"].config
        assert back.to_dict() == graph.to_dict()

    def test_of_another_universe_or_version_is_refused(self, graph):
        plain = graph.to_dict()
        with pytest.raises(PipelineError, match="version 99, and this Bunter reads version 1"):
            PipelineGraph.from_dict({**plain, "version": 99})
        with pytest.raises(PipelineError, match="belongs to universe other 1"):
            PipelineGraph.from_dict({**plain, "universe": {"namespace": "other", "version": 1}})

    def test_selects_a_part_with_its_dataset_types(self, graph):
        part = graph.select(">= warp")
        assert part.labels == ("warp", "coadd", "objects")
        assert part.overall_inputs == ("calexp", "visit_summary")
        assert "raw" not in part.dataset_types
        assert graph.select(["coadd", "isr"]).labels == ("isr", "coadd")

    def test_knows_whether_a_task_adjusts_its_quanta(self, graph):
        class AdjustingConnections(Connections, dimensions=("instrument",)):
            result = Output("result", "Text", dimensions=("instrument",))

            def adjust_quantum(self, inputs, outputs, data_id):
                return inputs, outputs

        class Adjusting(PipelineTask[TaskConfig]):
            Connections = AdjustingConnections

            def run(self):
                return None

        assert Pipeline.from_tasks({"a": Adjusting}).resolve()["a"].adjusts_quanta
        assert not graph["isr"].adjusts_quanta


class TestPipeline:
    def test_chooses_a_part_after_the_hash(self):
        assert Pipeline.from_file(f"{DRP}#isr..calibrate").resolve().labels == LABELS[:3]
        assert Pipeline.from_file("survey:drp.yaml#sky").resolve().labels == LABELS[4:]

    def test_selects_by_expression(self, drp):
        assert drp.select("< warp & ~measure").resolve().labels == ("isr", "calibrate", "summarize")

    def test_configures_by_words_files_and_parameters(self, drp, tmp_path):
        values = write(tmp_path, "threshold: 7\npsf: {order: 0}\n", "values.yaml")
        changed = drp.configure("measure:psf.stars=3", "parameters:catalog=detections").configure_from(
            "measure", values
        )
        changed = changed.configure("calibrate:connections.catalog=detections")
        config = changed.resolve()["measure"].config
        assert (config.threshold, config.psf.order, config.psf.stars) == (7, 0, 3)
        assert config.connections == {"catalog": "detections"}

    def test_says_who_set_each_value(self, drp):
        values = drp.configure("measure:psf.order=1").values_of("measure")
        assert values["psf.order"] == (1, "argument 'measure:psf.order=1'")
        assert values["psf.stars"] == (12, f"{DRP}:15")
        assert values["threshold"] == (5.0, "default")

    def test_is_made_of_classes_and_functions_in_python(self):
        @task(dimensions=("instrument",), text=Output("greeting", "Text", dimensions=("instrument",)))
        def greet(*, word: str = "hello"):
            return word

        graph = Pipeline.from_tasks({"greet": (greet, {"word": "hi"})}).resolve()
        assert graph["greet"].config.word == "hi"

    def test_names_functions_as_tasks(self, tmp_path, monkeypatch):
        write(
            tmp_path,
            "from bunter.pipeline import Output, task\n"
            "@task(dimensions=('instrument',), text=Output('greeting', 'Text', dimensions=('instrument',)))\n"
            "def greet(*, word: str = 'hello'):\n    return word\n",
            "greetings.py",
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        pipeline = Pipeline.from_text("tasks: {greet: {class: greetings.greet, config: {word: hi}}}")
        assert "greeting" in pipeline.draw()
        assert "greetings" not in sys.modules
        assert pipeline.resolve()["greet"].make_task().run().__len__() == 2
        del sys.modules["greetings"]

    def test_adds_and_removes_tasks(self, drp):
        assert drp.remove("objects").resolve().labels == LABELS[:-1]
        again = drp.remove("objects").add("objects", "survey.tasks.ObjectTask", {"connections.table": "sources"})
        assert "sources" in again.resolve().dataset_types
        with pytest.raises(PipelineError, match="already has a task 'isr'"):
            drp.add("isr", "survey.tasks.IsrTask")

    def test_takes_definitions_of_the_repository_over_its_own(self, drp, universe):
        kind = DatasetType("source", universe.conform(("instrument", "visit", "detector")), "ArrowTable")
        assert drp.resolve(universe, {"source": kind}).dataset_types["source"].storage_class == "ArrowTable"


class TestImports:
    def test_bring_tasks_that_the_file_adds_to(self, tmp_path):
        write(tmp_path, "tasks: {isr: {config: {saturation: 7}}}\nimports: survey:drp.yaml\n")
        graph = Pipeline.from_file(tmp_path / "pipe.yaml").resolve()
        assert graph["isr"].config.saturation == 7
        assert graph.labels == LABELS

    def test_include_exclude_and_rename(self, tmp_path):
        write(tmp_path, "imports: {location: survey:drp.yaml, include: [isr, measure], rename: {isr: first}}\n")
        assert Pipeline.from_file(tmp_path / "pipe.yaml").resolve().labels == ("first", "measure")
        write(tmp_path, "imports: {location: survey:drp.yaml, exclude: [sky]}\n")
        assert Pipeline.from_file(tmp_path / "pipe.yaml").resolve().labels == LABELS[:4]
        write(tmp_path, "imports: 'survey:drp.yaml#frames'\n")
        assert Pipeline.from_file(tmp_path / "pipe.yaml").resolve().labels == LABELS[:4]

    def test_drop_or_edit_subsets_that_lose_members(self, tmp_path):
        write(tmp_path, "imports: {location: survey:drp.yaml, exclude: [isr]}\n")
        assert list(Pipeline.from_file(tmp_path / "pipe.yaml").subsets) == ["sky"]
        write(tmp_path, "imports: {location: survey:drp.yaml, exclude: [isr], labeledSubsetModifyMode: EDIT}\n")
        edited = Pipeline.from_file(tmp_path / "pipe.yaml")
        assert edited.subsets["frames"].labels == LABELS[1:4]

    def test_replace_a_task_of_another_class_whole(self, tmp_path):
        write(
            tmp_path,
            "imports: {location: survey:drp.yaml, include: [isr, summarize]}\n"
            "tasks: {isr: {class: survey.tasks.MeasureTask}}\n",
        )
        assert Pipeline.from_file(tmp_path / "pipe.yaml").resolve()["isr"].config.threshold == 5

    def test_expand_variables_of_the_environment(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SURVEY", str(DRP.parent))
        write(tmp_path, "imports: $SURVEY/drp.yaml\n")
        assert Pipeline.from_file(tmp_path / "pipe.yaml").instrument == "DemoCam"


BAD_FILES = {
    "unknown key": ("taks: {}\n", "pipe.yaml:1: a pipeline has no key 'taks'; did you mean 'tasks'?"),
    "no tasks": ("description: nothing\n", "pipe.yaml:1: a pipeline needs 'tasks' or 'imports'"),
    "empty": ("", "pipe.yaml:1: a pipeline needs 'tasks' or 'imports'"),
    "unknown key of a task": (
        "tasks:\n  isr:\n    clas: survey.tasks.IsrTask\n",
        "pipe.yaml:3: task 'isr' has no key 'clas'; did you mean 'class'?",
    ),
    "unknown class": (
        "tasks:\n  isr: survey.tasks.IsrTsk\n",
        "pipe.yaml:2: task 'isr': module 'survey.tasks' has no task 'IsrTsk'; did you mean 'IsrTask'?",
    ),
    "unknown module": (
        "tasks:\n  isr: survey.taks.IsrTask\n",
        "pipe.yaml:2: task 'isr': there is no module 'survey.taks'; did you mean 'survey.tasks'?",
    ),
    "unknown package": (
        "tasks:\n  isr: no_such_package_of_tasks.IsrTask\n",
        "pipe.yaml:2: task 'isr': there is no module 'no_such_package_of_tasks'",
    ),
    "no task at all": (
        "tasks:\n  isr: pathlib.Path\n",
        "pipe.yaml:2: task 'isr': pathlib.Path is no task; derive it from bunter.pipeline.PipelineTask",
    ),
    "no entry point": (
        "tasks:\n  isr: isrTask\n",
        (
            "pipe.yaml:2: task 'isr': there is no task 'isrTask'; write package.module.Class,"
            " or install the package that provides it"
        ),
    ),
    "task without class": (
        "tasks:\n  isr: {config: {saturation: 3}}\n",
        "pipe.yaml:2: task 'isr' needs 'class': no import brings a task of this label",
    ),
    "unknown field": (
        "tasks:\n  isr:\n    class: survey.tasks.IsrTask\n    config:\n      satuartion: 3\n",
        "pipe.yaml:5: task 'isr' has no configuration field 'satuartion'; did you mean 'saturation'?",
    ),
    "unknown nested field": (
        "tasks:\n  m:\n    class: survey.tasks.MeasureTask\n    config:\n      psf.ordr: 3\n",
        "pipe.yaml:5: task 'm' has no configuration field 'ordr' in 'psf'; did you mean 'order'?",
    ),
    "bad value": (
        "tasks:\n  isr:\n    class: survey.tasks.IsrTask\n    config:\n    - do_flat: false\n    - saturation: -3\n",
        "pipe.yaml:6: isr.saturation: input should be greater than 0, not -3",
    ),
    "bad choice": (
        "tasks:\n  m: {class: survey.tasks.MeasureTask, config: {method: magic}}\n",
        "pipe.yaml:2: m.method: input should be 'sep' or 'photutils', not 'magic'",
    ),
    "two bad values": (
        "tasks:\n  m:\n    class: survey.tasks.MeasureTask\n    config:\n      threshold: much\n      psf.stars: 0\n",
        (
            "pipe.yaml:5: m.threshold: input should be a valid number, unable to parse string as a number, not 'much'\n"
            "pipe.yaml:6: m.psf.stars: input should be greater than or equal to 1, not 0"
        ),
    ),
    "unknown parameter": (
        "parameters: {level: 3}\ntasks:\n  isr: {class: survey.tasks.IsrTask, config: {saturation: parameters.levl}}\n",
        "pipe.yaml:3: there is no parameter 'levl'; did you mean 'level'?",
    ),
    "unknown connection": (
        "tasks:\n  isr:\n    class: survey.tasks.IsrTask\n    config:\n      connections.rwa: x\n",
        "pipe.yaml:5: task 'isr': IsrConnections has no connection 'rwa'; did you mean 'raw'?",
    ),
    "misspelt label in a subset": (
        "tasks: {isr: survey.tasks.IsrTask}\nsubsets:\n  one: [irs]\n",
        "pipe.yaml:3: subset 'one' names 'irs', which is no task; did you mean 'isr'?",
    ),
    "subset named as a task": (
        "tasks: {isr: survey.tasks.IsrTask}\nsubsets:\n  isr: [isr]\n",
        "pipe.yaml:3: 'isr' is a task and a subset; give the subset another name",
    ),
    "several names at once": (
        "tasks: {isr: survey.tasks.IsrTask}\nsubsets:\n  one: [irs]\n  isr: [isr]\nsteps: [{label: oen}]\n",
        (
            "pipe.yaml:3: subset 'one' names 'irs', which is no task; did you mean 'isr'?\n"
            "pipe.yaml:4: 'isr' is a task and a subset; give the subset another name\n"
            "pipe.yaml:5: step 'oen' is no subset; did you mean 'one'?"
        ),
    ),
    "misspelt step": (
        "tasks: {isr: survey.tasks.IsrTask}\nsubsets: {one: [isr]}\nsteps: [{label: oen}]\n",
        "pipe.yaml:3: step 'oen' is no subset; did you mean 'one'?",
    ),
    "task in no step": (
        (
            "tasks: {isr: survey.tasks.IsrTask, measure: survey.tasks.MeasureTask}\n"
            "subsets: {one: [isr]}\nsteps:\n- {label: one}\n"
        ),
        "pipe.yaml:4: task 'measure' is in no step; steps must cover all tasks",
    ),
    "steps in the wrong order": (
        (
            "tasks: {isr: survey.tasks.IsrTask, measure: survey.tasks.MeasureTask}\n"
            "subsets: {one: [isr], two: [measure]}\nsteps:\n- {label: two}\n- {label: one}\n"
        ),
        "pipe.yaml:4: step 'two' has 'measure', which reads what 'isr' writes in the later step 'one'",
    ),
    "bad label": ("tasks:\n  a-b: survey.tasks.IsrTask\n", "pipe.yaml:2: 'a-b' cannot be a label; use letters, digits"),
    "duplicate label": (
        "tasks:\n  isr: survey.tasks.IsrTask\n  isr: survey.tasks.IsrTask\n",
        "pipe.yaml:3: the key 'isr' is written twice; its first place is line 2",
    ),
    "python block": (
        "tasks:\n  isr:\n    class: survey.tasks.IsrTask\n    config:\n      python: config.saturation = max(3, 4)\n",
        "pipe.yaml:5: 'max(3, 4)' computes, and Python in a configuration is read, not run; write the values as YAML",
    ),
    "missing import": (
        "imports:\n- survey:drp2.yaml\n",
        "pipe.yaml:2: the package 'survey' has no file 'drp2.yaml', or is not installed",
    ),
    "missing file": ("imports:\n- nowhere/x.yaml\n", "pipe.yaml:2: there is no file 'nowhere/x.yaml'"),
    "import of itself": (
        "imports:\n- pipe.yaml\n",
        "pipe.yaml:2: these files import each other: pipe.yaml -> pipe.yaml; break the circle",
    ),
    "misspelt include": (
        "imports:\n- location: survey:drp.yaml\n  include: [irs]\n",
        "pipe.yaml:2: survey:drp.yaml has no task or subset 'irs'; did you mean 'isr'?",
    ),
    "include and exclude": (
        "imports:\n- location: survey:drp.yaml\n  include: [isr]\n  exclude: [warp]\n",
        "pipe.yaml:4: an import takes 'include' or 'exclude', not both",
    ),
    "label from two imports": (
        "imports:\n- {location: survey:drp.yaml, include: [isr]}\n- {location: survey:drp.yaml, include: [isr]}\n",
        "pipe.yaml:3: the label 'isr' comes from two imports",
    ),
    "unset variable": (
        "imports: $NO_SUCH_VARIABLE/x.yaml\n",
        "pipe.yaml:1: the environment variable 'NO_SUCH_VARIABLE' in '$NO_SUCH_VARIABLE/x.yaml' is not set",
    ),
    "cycle": (
        (
            "tasks:\n  isr:\n    class: survey.tasks.IsrTask\n    config: {connections.raw: warped}\n"
            "  swap:\n    class: survey.tasks.IsrTask\n"
            "    config: {connections.raw: post_isr, connections.exposure: warped}\n"
        ),
        (
            "pipe.yaml:2: these tasks wait for each other in a circle: isr --[post_isr]--> swap --[warped]--> isr;"
            " rename an input or output to break it"
        ),
    ),
    "two producers": (
        "tasks: {one: survey.tasks.IsrTask, two: survey.tasks.IsrTask}\n",
        "pipe.yaml:1: dataset type 'post_isr' is written by two tasks, 'one' and 'two'",
    ),
    "storage classes that do not convert": (
        (
            "tasks:\n  isr: survey.tasks.IsrTask\n"
            "  calibrate: {class: survey.tasks.CalibrateTask, config: {connections.catalog: calexp2}}\n"
            "  other: {class: survey.tasks.CalibrateTask, config:"
            " {connections.calibrated: calexp2, connections.catalog: other}}\n"
        ),
        (
            "pipe.yaml:3: task 'calibrate' reads 'calexp2' as AstropyTable, but task 'other' has it as CCDData,"
            " and the one does not convert to the other"
        ),
    ),
    "dimensions that differ": (
        (
            "tasks:\n  isr: survey.tasks.IsrTask\n"
            "  coadd: {class: survey.tasks.CoaddTask, config: {connections.warps: post_isr}}\n"
        ),
        (
            "pipe.yaml:3: task 'coadd' reads 'post_isr' with dimensions {instrument, skymap, tract, patch, visit},"
            " but task 'isr' has it with {instrument, detector, exposure};"
        ),
    ),
    "prerequisite made here": (
        (
            "tasks:\n  isr: survey.tasks.IsrTask\n"
            "  other: {class: survey.tasks.IsrTask, config: {connections.exposure: bias, connections.bias: other}}\n"
        ),
        "pipe.yaml:2: 'bias' must be there before task 'isr' runs, but task 'other' of the same pipeline makes it",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_mistake_is_one_sentence_with_its_place(tmp_path, monkeypatch, text, sentence):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, text)
    with pytest.raises(PipelineError) as caught:
        Pipeline.from_file("pipe.yaml").resolve()
    assert str(caught.value).startswith(sentence), str(caught.value)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("issr:saturation=3", "argument 'issr:saturation=3': the pipeline has no task 'issr'; did you mean 'isr'?"),
        ("isr.saturation=3", "'isr.saturation=3' is no override; write label:field=value"),
        ("isr:saturation", "'isr:saturation' is no override; write label:field=value"),
        (
            "isr:saturation=[1]",
            "argument 'isr:saturation=[1]': isr.saturation: input should be a valid number, not [1]",
        ),
        ("isr:saturation.x=1", "argument 'isr:saturation.x=1': isr.saturation has no fields of its own"),
        ("parameters:ctalog=x", "argument 'parameters:ctalog=x': the pipeline has no parameter 'ctalog'; did you mean"),
    ],
)
def test_a_mistaken_override_is_one_sentence(drp, override, sentence):
    with pytest.raises(PipelineError) as caught:
        drp.configure(override).resolve()
    assert str(caught.value).startswith(sentence)


class TestRegisteredTypes:
    def test_of_other_dimensions_are_a_clash(self, drp, universe):
        kind = DatasetType("calexp", universe.conform(("instrument", "exposure", "detector")), "CCDData")
        with pytest.raises(PipelineError, match=r"writes 'calexp' with dimensions .* but the repository has it with"):
            drp.resolve(universe, {"calexp": kind})

    def test_are_needed_for_what_is_read_by_component_only(self, universe):
        class WcsConnections(Connections, dimensions=("instrument",)):
            wcs = Input("frame.wcs", "Wcs", dimensions=("instrument",))

        class WcsTask(PipelineTask[TaskConfig]):
            Connections = WcsConnections

            def run(self, wcs):
                return None

        pipeline = Pipeline.from_tasks({"a": WcsTask})
        assert "frame" not in pipeline.resolve(universe).dataset_types
        with pytest.raises(PipelineError, match=r"reads frame\.wcs, but the repository has no dataset type 'frame'"):
            pipeline.resolve(universe, {})
        kind = DatasetType("frame", universe.conform(("instrument",)), "CCDData")
        assert pipeline.resolve(universe, {"frame": kind})["a"].connections[0].component == "wcs"
        text = DatasetType("frame", universe.conform(("instrument",)), "Text")
        with pytest.raises(PipelineError, match="Text has no component 'wcs'"):
            pipeline.resolve(universe, {"frame": text})


class TestTrust:
    def test_a_pipeline_from_elsewhere_imports_nothing_unless_told(self):
        pipeline = Pipeline.from_text("tasks: {isr: survey.tasks.IsrTask}", trusted=False)
        with pytest.raises(PipelineError, match="comes from elsewhere; if you trust it, add --trust survey"):
            pipeline.resolve()
        assert "survey.tasks" not in sys.modules
        assert pipeline.resolve(trust=["survey"]).labels == ("isr",)

    def test_packages_named_besides_do_not_take_trust_away(self, drp):
        assert drp.resolve(trust=["elsewhere"]).labels == LABELS

    def test_a_graph_read_back_can_be_held_to_it_too(self, graph):
        with pytest.raises(PipelineError, match="--trust survey"):
            PipelineGraph.from_dict(graph.to_dict())["isr"].task_class(trust=False)


def test_a_run_whose_parameters_are_not_the_inputs_is_refused():
    class OneConnections(Connections, dimensions=("instrument",)):
        frame = Input("frame", "Text", dimensions=("instrument",))

    class Misspelt(PipelineTask[TaskConfig]):
        Connections = OneConnections

        def run(self, frmae):
            return None

    class Wanting(PipelineTask[TaskConfig]):
        Connections = OneConnections

        def run(self, frame, other):
            return None

    with pytest.raises(PipelineError, match="no parameter for its input 'frame'; did you mean 'frmae'"):
        Pipeline.from_tasks({"a": Misspelt}).resolve()
    with pytest.raises(PipelineError, match="wants 'other', which is no input of it"):
        Pipeline.from_tasks({"a": Wanting}).resolve()


@pytest.mark.parametrize(
    ("dimensions", "sentence"),
    [
        (("instrument",), "do not tell quanta over {instrument, detector} apart: several would write the same dataset"),
        (("instrument", "exposure", "detector"), "writes several; declare it with multiple=True"),
    ],
)
def test_outputs_belong_to_one_quantum_each(dimensions, sentence):
    class SharedConnections(Connections, dimensions=("instrument", "detector")):
        result = Output("result", "Text", dimensions=dimensions)

    class Shared(PipelineTask[TaskConfig]):
        Connections = SharedConnections

        def run(self):
            return None

    with pytest.raises(PipelineError, match=re.escape(sentence)):
        Pipeline.from_tasks({"a": Shared}).resolve()


def test_a_module_that_fails_on_import_says_how(tmp_path, monkeypatch):
    write(tmp_path, "raise RuntimeError('no camera')\n", "broken_tasks.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PipelineError, match=r"importing broken_tasks\.T fails with RuntimeError: no camera"):
        Pipeline.from_text("tasks: {a: broken_tasks.T}").resolve()

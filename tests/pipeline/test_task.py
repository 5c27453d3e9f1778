import logging

import pytest
from pydantic import ValidationError

from bunter.errors import PipelineError, QuantumError
from bunter.pipeline import (
    Connections,
    Field,
    InitOutput,
    InMemoryDataset,
    Input,
    Output,
    PipelineTask,
    PrerequisiteInput,
    QuantumContext,
    Struct,
    TaskConfig,
    config_dict,
    config_hash,
    config_schema,
    run_task,
    task,
)

EXPOSURE = ("instrument", "exposure", "detector")


class IsrConnections(Connections, dimensions=EXPOSURE):
    raw = Input("raw", "CCDData", dimensions=EXPOSURE, doc="Raw frame.")
    bias = PrerequisiteInput("bias", "CCDData", dimensions=("instrument", "detector"), is_calibration=True)
    exposure = Output("post_isr", "CCDData", dimensions=EXPOSURE)


class IsrConfig(TaskConfig):
    saturation: float = Field(60000.0, gt=0, description="Level above which pixels are masked, adu.")


class IsrTask(PipelineTask[IsrConfig]):
    Connections = IsrConnections
    Config = IsrConfig

    def run(self, raw, bias):
        with self.timer("subtraction"):
            return Struct(exposure=min(raw - bias, self.config.saturation))


class TestTask:
    def test_runs_without_any_repository(self):
        assert IsrTask().run(10, 3).exposure == 7

    def test_takes_its_configuration_as_object_or_mapping(self):
        assert IsrTask(IsrConfig(saturation=5)).run(10, 3).exposure == 5
        assert IsrTask({"saturation": 6}).run(10, 3).exposure == 6

    def test_takes_its_configuration_class_from_the_brackets_if_it_names_none(self):
        class Short(PipelineTask[IsrConfig]):
            Connections = IsrConnections

        assert Short.Config is IsrConfig

    def test_refuses_the_configuration_of_another_task(self):
        class OtherConfig(TaskConfig):
            pass

        with pytest.raises(PipelineError, match="takes a IsrConfig or a mapping, not a OtherConfig"):
            IsrTask(OtherConfig())

    def test_without_connections_says_what_to_set(self):
        class Bare(PipelineTask[TaskConfig]):
            pass

        with pytest.raises(PipelineError, match="set the class attribute 'Connections'"):
            Bare()

    def test_logs_under_the_name_of_its_class(self):
        assert IsrTask().log.name.endswith("IsrTask")
        assert IsrTask(log=logging.getLogger("x")).log.name == "x"


class TestRunTask:
    def test_gives_outputs_by_connection_and_the_metadata(self):
        result = run_task(IsrTask, {"saturation": 4}, raw=10, bias=3)
        assert result.exposure == 4
        assert result.metadata_["subtraction_seconds"] >= 0

    def test_refuses_an_unknown_input_with_the_nearest_name(self):
        with pytest.raises(QuantumError, match="no input 'rwa'; did you mean 'raw'"):
            run_task(IsrTask, rwa=1)

    def test_refuses_a_missing_input(self):
        with pytest.raises(QuantumError, match="needs input 'bias', and none is given"):
            run_task(IsrTask, raw=1)

    def test_refuses_a_result_that_is_no_output(self):
        class Misspelt(IsrTask):
            def run(self, raw, bias):
                return Struct(expsoure=raw)

        with pytest.raises(
            QuantumError, match="returned 'expsoure', which is no output of it; did you mean 'exposure'"
        ):
            run_task(Misspelt, raw=1, bias=1)

    def test_refuses_a_result_without_names(self):
        class Naked(IsrTask):
            def run(self, raw, bias):
                return raw

        with pytest.raises(QuantumError, match="returned a int; return a Struct"):
            run_task(Naked, raw=1, bias=1)

    def test_gives_none_for_outputs_that_were_not_made(self):
        class Idle(IsrTask):
            def run(self, raw, bias):
                return None

        assert run_task(Idle, raw=1, bias=1).exposure is None

    def test_gives_lists_and_handles_as_declared(self):
        class ManyConnections(Connections, dimensions=("instrument",)):
            numbers = Input("n", "Number", dimensions=EXPOSURE, multiple=True)
            lazy = Input("l", "Number", dimensions=EXPOSURE, multiple=True, deferred=True)
            optional = Input("o", "Number", dimensions=("instrument",), minimum=0)
            doubled = Output("d", "Number", dimensions=EXPOSURE, multiple=True)

        class Many(PipelineTask[TaskConfig]):
            Connections = ManyConnections

            def run(self, numbers, lazy, optional):
                assert optional is None
                return {"doubled": [2 * one for one in numbers] + [one.data_id["exposure"] + one.get() for one in lazy]}

        handles = [InMemoryDataset(1, {"exposure": 40})]
        assert run_task(Many, numbers=[1, 2], lazy=handles).doubled == [2, 4, 41]

    def test_gives_the_data_id_to_a_run_that_asks_for_it(self):
        class Knowing(IsrTask):
            def run(self, raw, bias, *, data_id):
                return Struct(exposure=data_id["exposure"])

        assert run_task(Knowing, raw=1, bias=1, data_id={"exposure": 9}).exposure == 9


class TestFunctionTask:
    def test_stays_a_function_and_becomes_a_task(self):
        @task(
            dimensions=EXPOSURE,
            frame=Input("raw", "CCDData", dimensions=EXPOSURE),
            scaled=Output("scaled", "CCDData", dimensions=EXPOSURE),
        )
        def scale(frame, *, factor: float = 2.0):
            return frame * factor

        assert scale(3) == 6
        assert run_task(scale, {"factor": 3}, frame=2).scaled == 6
        assert scale.task.Config().factor == 2.0

    def test_refuses_an_input_that_is_no_parameter(self):
        with pytest.raises(PipelineError, match="an input 'frame' but no such parameter"):

            @task(dimensions=EXPOSURE, frame=Input("raw", "CCDData", dimensions=EXPOSURE))
            def scale(image):
                return image

    def test_refuses_a_setting_without_annotation(self):
        with pytest.raises(PipelineError, match=r"write 'factor: float = \.\.\.'"):

            @task(dimensions=EXPOSURE, frame=Input("raw", "CCDData", dimensions=EXPOSURE))
            def scale(frame, factor=2):
                return frame


class TestConnections:
    def test_follow_the_configuration_by_condition_and_by_adjust(self):
        class FlatConnections(IsrConnections, dimensions=EXPOSURE, templates={"kind": "dome"}):
            flat = PrerequisiteInput("{kind}_flat", "CCDData", dimensions=("instrument",), when="do_flat")
            dark = PrerequisiteInput("dark", "CCDData", dimensions=("instrument",), when="not do_flat")
            extra = InitOutput("extra", "Config")

            def adjust(self, config):
                if config is not None and config.lenient:
                    self.change("bias", minimum=0)
                    self.remove("extra")

        class FlatConfig(TaskConfig):
            do_flat: bool = True
            lenient: bool = False

        assert list(FlatConnections(FlatConfig()).declarations) == ["raw", "bias", "exposure", "flat", "extra"]
        other = FlatConnections(FlatConfig(do_flat=False, lenient=True, connections={"raw": "frame", "kind": "sky"}))
        assert list(other.declarations) == ["raw", "bias", "exposure", "dark"]
        assert other["bias"].minimum == 0
        assert other["raw"].name == "frame"
        assert FlatConnections(FlatConfig(connections={"kind": "sky"}))["flat"].name == "sky_flat"

    def test_of_a_subclass_lose_what_it_sets_to_none(self):
        class Less(IsrConnections):
            bias = None

        assert list(Less.declared) == ["raw", "exposure"]

    @pytest.mark.parametrize(
        ("declare", "sentence"),
        [
            (lambda: Input("raw", "CCDData", dimensions="exposure"), "must be several words"),
            (lambda: Input("raw", "CCDData", minimum=2), "which needs multiple=True"),
            (lambda: Output("raw.wcs", "Wcs"), "can be read but not written"),
            (lambda: Output("raw", "CCDData", whole=True), "takes no 'whole'"),
            (lambda: Input("raw", "CCDData", partial=True), "which needs multiple=True"),
            (lambda: Input("a raw", "CCDData"), "cannot be the name of a dataset type"),
            (
                lambda: type("C", (Connections,), {"declared": Input("a", "Text")}),
                "may not name a connection 'declared'",
            ),
        ],
    )
    def test_that_make_no_sense_are_refused_where_they_are_written(self, declare, sentence):
        with pytest.raises(PipelineError, match=sentence):
            declare()


class TestMistakes:
    def test_in_a_configuration_are_one_sentence(self):
        with pytest.raises(
            PipelineError, match="no configuration field 'saturatoin'; did you mean 'saturation'"
        ) as caught:
            run_task(IsrTask, {"saturatoin": 1}, raw=1, bias=1)
        assert "\n" not in str(caught.value)
        with pytest.raises(PipelineError, match=r"IsrTask.saturation: .*not 'x'"):
            IsrTask({"saturation": "x"})

    def test_in_what_is_run_are_one_sentence(self):
        with pytest.raises(PipelineError, match="7 is no task"):
            run_task(7)
        with pytest.raises(QuantumError, match="needs input 'bias', and none is given"):
            run_task(IsrTask, raw=1)

    def test_a_task_shows_its_configuration(self):
        assert repr(IsrTask({"saturation": 4})).startswith("IsrTask(saturation=4")


class TestConfig:
    def test_is_frozen_and_refuses_unknown_fields(self):
        with pytest.raises(ValidationError):
            IsrConfig(saturatoin=1)
        with pytest.raises(ValidationError):
            IsrConfig().saturation = 1

    def test_replaced_values_are_validated(self):
        assert IsrConfig().replace(saturation=3).saturation == 3
        with pytest.raises(ValidationError):
            IsrConfig().replace(saturation=-3)

    def test_is_data_with_a_hash_and_a_schema(self):
        plain = config_dict(IsrConfig(saturation=1))
        assert plain == {"connections": {}, "saturation": 1.0}
        assert config_hash(plain) == config_hash(IsrConfig(saturation=1.0)) != config_hash(IsrConfig())
        assert config_schema(IsrConfig)["properties"]["saturation"]["exclusiveMinimum"] == 0


class TestQuantumContext:
    def test_refuses_datasets_of_other_quanta_and_remembers_its_own(self):
        class Store(dict):
            def get(self, ref, **_):
                return self[ref]

            def put(self, obj, ref):
                self[ref] = obj

        context = QuantumContext(Store(a=1, b=2), inputs={"x": ["a"]}, outputs={"y": ["c"]})
        assert context.get("a") == 1
        context.put(3, "c")
        assert (context.read, context.written) == (["a"], ["c"])
        with pytest.raises(QuantumError, match="may not read b"):
            context.get("b")
        with pytest.raises(QuantumError, match="may not write a"):
            context.put(1, "a")


class TestConditions:
    class Deep(Connections, dimensions=("instrument",)):
        stars = Input("stars", "CCDData", dimensions=("instrument",), when="mode == 'deep' and limit > 3")
        sky = Input("sky", "CCDData", dimensions=("instrument",), when="not (mode in ('deep', 'wide'))")

    class DeepConfig(TaskConfig):
        mode: str = "deep"
        limit: float = 5

    @pytest.mark.parametrize(
        ("values", "names"), [({}, ["stars"]), ({"limit": 2}, []), ({"mode": "fast"}, ["sky"]), ({"mode": "wide"}, [])]
    )
    def test_a_connection_exists_by_an_expression_over_the_configuration(self, values, names):
        assert list(self.Deep(self.DeepConfig(**values)).declarations) == names

    @pytest.mark.parametrize(
        ("when", "sentence"),
        [
            ("mdoe == 'deep'", "there is no field 'mdoe'; did you mean 'mode'"),
            ("mode.upper() == 'DEEP'", "is not allowed"),
            ("mode ==", "no expression"),
        ],
    )
    def test_a_condition_that_cannot_be_read_is_refused(self, when, sentence):
        class Odd(Connections, dimensions=("instrument",)):
            stars = Input("stars", "CCDData", dimensions=("instrument",), when=when)

        with pytest.raises(PipelineError, match=sentence):
            Odd(self.DeepConfig())

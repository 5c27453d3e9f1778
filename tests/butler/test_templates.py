"""Templates of file names in use: values of records, what config-validate says."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bunter import Butler, FileDataset
from bunter.cli.program import cli
from bunter.contracts.small_camera import fill_small_camera
from bunter.dataset import DatasetRef
from bunter.errors import ConfigurationError, TemplateError
from bunter.values import new_id


def made(folder, **templates):
    butler = Butler.create(folder, datastore={"templates": templates})
    fill_small_camera(butler)
    return butler


@pytest.mark.parametrize(
    ("template", "beginning"),
    [
        ("{run}/{band}/{exposure.obs_id}_{detector.full_name}", "run1/r/obs1_D2-"),
        ("{run}/{physical_filter}_{exposure.seq_num}_{detector}", "run1/Cam-r_2_2-"),
        ("{run:/}/{datasetType}.{component:?}/{day_obs}/{exposure!s}_{detector}", "run1/thing./20260101/1_2-"),
    ],
)
def test_fields_of_records_and_implied_dimensions_have_values(tmp_path, template, beginning):
    with made(tmp_path / "repo", thing=template) as butler:
        ref = butler.put({}, "thing", instrument="Cam", exposure=1, detector=2, run="run1")
        key = butler.get_uri(ref).stored.key
        assert key.replace("thing/", "thing./").startswith(beginning)
        file = tmp_path / "x.json"
        file.write_text("{}")
        other = butler.standardize({"instrument": "Cam", "exposure": 3, "detector": 2}, ["exposure", "detector"])
        new = DatasetRef(new_id(), ref.dataset_type, other, "run1")
        butler.ingest(FileDataset(str(file), [new]), transfer="copy")
        assert Path(butler.get_uri(new).stored.key).parent.parts[0] == "run1"
        assert butler.get(new) == {}


def validated(folder):
    done = CliRunner().invoke(cli, ["config-validate", str(folder), "--json"])
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{run}/{exposure}", "datasets that differ in instrument, detector would look alike"),
        ("{run}/{data_id}_{tract}", "{tract} has no value for dimensions"),
    ],
)
def test_what_is_wrong_with_a_template_is_told_when_it_is_validated(tmp_path, template, sentence):
    made(tmp_path / "repo", thing=template).close()
    code, said = validated(tmp_path / "repo")
    assert code == 1
    assert any(sentence in row["trouble"] for row in said)


def test_templates_that_name_all_datasets_apart_are_valid(tmp_path):
    made(tmp_path / "repo", thing="{run}/{instrument}_{exposure.obs_id}_{detector}_{tract:?}").close()
    code, said = validated(tmp_path / "repo")
    assert code == 0
    assert said[0]["valid"] is True


def test_a_type_that_no_store_takes_is_told(tmp_path):
    butler = Butler.create(tmp_path / "repo", datastore={"constraints": {"reject": ["thing"]}})
    butler.dataset_types.register("thing", ["instrument"], "StructuredDataDict")
    butler.close()
    code, said = validated(tmp_path / "repo")
    assert code == 1
    assert "does not take 'thing'" in said[0]["trouble"]


def test_the_id_of_a_dataset_may_name_its_file(tmp_path):
    with made(tmp_path / "repo", thing="{run}/{datasetType}_{id}") as butler:
        ref = butler.put({}, "thing", instrument="Cam", exposure=1, detector=2, run="run1")
        assert butler.get_uri(ref).stored.key.startswith(f"run1/thing_{ref.id}-")
        file = tmp_path / "x.json"
        file.write_text("{}")
        other = butler.standardize({"instrument": "Cam", "exposure": 3, "detector": 2}, ["exposure", "detector"])
        new = DatasetRef(new_id(), ref.dataset_type, other, "run1")
        butler.ingest(FileDataset(str(file), [new]), transfer="copy")
        assert str(new.id) in butler.get_uri(new).stored.key


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{run}/{exposure.obsid}_{data_id}", r"\{exposure.obsid\} is no field of exposure; did you mean 'obs_id'\?"),
        ("{run}/{detektor:?}_{data_id}", r"\{detektor\} is no dimension.*; did you mean 'detector'\?"),
        ("/abs/{run}", "must be a relative path"),
    ],
)
def test_a_template_that_means_nothing_is_refused_when_a_repository_is_made(tmp_path, template, sentence):
    for datastore in (
        {"templates": {"thing": template}},
        {"stores": {"far": {"root": "x", "templates": {"a": template}}}},
    ):
        with pytest.raises(ConfigurationError, match=rf"datastore\.(stores\.far\.)?templates\.(thing|a): .*{sentence}"):
            Butler.create(tmp_path / "repo", datastore=datastore)
        assert not (tmp_path / "repo").exists()


def test_a_format_that_is_not_there_is_refused_when_a_repository_is_made(tmp_path):
    with pytest.raises(ConfigurationError, match=r"datastore\.formats\.thing: .*nosuch"):
        Butler.create(tmp_path / "repo", datastore={"formats": {"thing": "nosuch"}})


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("exact:{run}/{exposure}", "datasets that differ in instrument, detector would look alike"),
        ("{run}/{exposure.obsid}_{data_id}", "is no field of exposure"),
    ],
)
def test_a_template_edited_later_is_refused_before_it_names_a_file(tmp_path, template, sentence):
    made(tmp_path / "repo").close()
    settings = tmp_path / "repo" / "bunter.yaml"
    settings.write_text(f"{settings.read_text()}\ndatastore: {{templates: {{thing: '{template}'}}}}\n")
    code = CliRunner().invoke(cli, ["config-validate", str(tmp_path / "repo")]).exit_code
    assert code == 1
    with Butler(tmp_path / "repo", writeable=True) as butler, pytest.raises(ConfigurationError, match=sentence):
        butler.put({}, "thing", instrument="Cam", exposure=1, detector=2, run="run1")


def test_files_are_retrieved_under_names_with_fields_of_records(tmp_path):
    with made(tmp_path / "repo") as butler:
        refs = [
            butler.put({"n": exposure}, "thing", instrument="Cam", exposure=exposure, detector=2, run="run1")
            for exposure in (0, 1)
        ]
        files = butler.retrieve_artifacts(
            refs, tmp_path / "out", template="{band}/{exposure.obs_id}_{detector.full_name}_{physical_filter}"
        )
        places = sorted(str(path.relative_to(tmp_path / "out")) for path in files)
        assert places == ["g/obs0_D2_Cam-g.json", "r/obs1_D2_Cam-r.json"]


def test_files_of_many_datasets_are_named_with_one_question_for_each_element(tmp_path):
    with made(tmp_path / "repo") as butler:
        data_ids = [{"instrument": "Cam", "exposure": e, "detector": d} for e in (0, 1, 2, 3) for d in (0, 1)]
        refs = butler.put_many([{}] * len(data_ids), "thing", data_ids, run="run1")
        asked = []
        fields = butler._lookup.template_fields()
        records = fields._queries.records
        fields._queries = type("Counting", (), {"records": lambda _, *a, **k: asked.append(a) or records(*a, **k)})()
        group, mappings = refs[0].data_id.group, [ref.data_id.mapping for ref in refs]
        names = ["band", "exposure.obs_id", "detector.full_name", "physical_filter"]
        found = fields.of_many(names, group, mappings)
        assert found[-1] == {
            "band": "r",
            "exposure.obs_id": "obs3",
            "detector.full_name": "D1",
            "physical_filter": "Cam-r",
        }
        assert len(asked) <= 3  # exposure, detector, physical_filter
        fields.of_many(names, group, mappings)
        assert len(asked) <= 3


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("../{exposure}", r"template '\.\./\{exposure\}' must be a path below the destination"),
        ("{exposure.obsid}_{detector}", "is no field of exposure; did you mean 'obs_id'"),
    ],
)
def test_a_template_of_retrieved_files_that_means_nothing_is_refused(tmp_path, template, sentence):
    with made(tmp_path / "repo") as butler:
        ref = butler.put({}, "thing", instrument="Cam", exposure=1, detector=2, run="run1")
        with pytest.raises((ConfigurationError, TemplateError), match=sentence):
            butler.retrieve_artifacts([ref], tmp_path / "out", template=template)


def test_files_are_not_retrieved_among_those_of_the_repository(tmp_path):
    with made(tmp_path / "repo") as butler:
        ref = butler.put({}, "thing", instrument="Cam", exposure=1, detector=2, run="run1")
        with pytest.raises(ConfigurationError, match="lies among the files of the repository"):
            butler.retrieve_artifacts([ref], tmp_path / "repo/data/out")
        with pytest.raises(ConfigurationError, match="is a file; name a folder"):
            butler.retrieve_artifacts([ref], tmp_path / "repo/bunter.yaml")


@pytest.mark.parametrize("through", ["transfer", "export"])
def test_what_arrives_from_elsewhere_is_named_by_fields_of_the_records_that_come_along(tmp_path, through):
    template = "{run}/{band}_{exposure.obs_id}_{detector.full_name}_{id}"
    with (
        made(tmp_path / "source") as source,
        Butler.create(tmp_path / "target", datastore={"templates": {"thing": template}}) as target,
    ):
        ref = source.put({"n": 1}, "thing", instrument="Cam", exposure=1, detector=2, run="run1")
        if through == "transfer":
            target.transfer_from(source, [ref], transfer="copy")
        else:
            source.export(tmp_path / "exported", refs=[ref])
            target.import_(tmp_path / "exported")
        assert target.get_uri(ref).stored.key.startswith(f"run1/r_obs1_D2_{ref.id}-")
        assert target.get(ref) == {"n": 1}

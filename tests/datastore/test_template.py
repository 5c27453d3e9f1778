import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.datastore import Template
from bunter.datastore.key import NAME_LIMIT, check_key, escape, join_key, shorten, split_key
from bunter.datastore.template import DEFAULT
from bunter.errors import TemplateError

NONCE = "abcdefghijklm"


def key(text, **values):
    return Template(text).key({"run": "u/me/r", "dataset_type": "calexp", **values}, NONCE, ".fits")


def test_slashes_of_a_run_become_directories_only_where_asked():
    assert key("{run:/}/{dataset_type}") == f"u/me/r/calexp-{NONCE}.fits"
    assert key("{run}/{dataset_type}") == f"u%2Fme%2Fr/calexp-{NONCE}.fits"


def test_an_optional_field_without_value_goes_with_the_text_before_it():
    template = "{run:/}/{dataset_type}_v{visit:?}_d{detector:?}/{band:?}/x"
    assert key(template, visit=3) == f"u/me/r/calexp_v3/x-{NONCE}.fits"
    assert key(template, detector=4, band="r") == f"u/me/r/calexp_d4/r/x-{NONCE}.fits"


def test_the_first_alternative_with_a_value_counts():
    template = "{run:/}/{visit|exposure.obs_id|group:?}_{dataset_type}"
    assert key(template, **{"exposure.obs_id": "o 1", "group": "g"}) == f"u/me/r/o%201_calexp-{NONCE}.fits"


def test_a_missing_value_names_the_field():
    with pytest.raises(TemplateError, match="needs visit"):
        key("{run:/}/{visit}")


def test_the_reference_systems_spelling_of_the_dataset_type_is_read():
    assert key("{run:/}/{datasetType}") == key("{run:/}/{dataset_type}")


def test_the_default_uses_what_the_data_id_has():
    assert key(DEFAULT) == f"u/me/r/calexp/calexp-{NONCE}.fits"
    assert key(DEFAULT, visit=5, data_id="Cam_5_3") == f"u/me/r/calexp/5/calexp_Cam_5_3-{NONCE}.fits"


@pytest.mark.parametrize(
    "text",
    ["", "/", "/{run}", "{run}/../x", "{dataset_type}", "{run}/{", "{run}/}", "{run}/{a b}", "{run:x}", "{run}/{}"],
)
def test_malformed_templates_are_refused(text):
    with pytest.raises(TemplateError):
        Template(text)


def test_long_values_are_cut_and_stay_apart():
    names = {key("{run:/}/{band}/{group}", band="b" * 400, group="é" * 300 + end) for end in "xy"}
    assert len(names) == 2
    assert all(len(part) <= NAME_LIMIT for name in names for part in name.split("/"))


PIECES = [
    "{run:/}",
    "{run}",
    "{dataset_type}",
    "{visit}",
    "x{visit|exposure:?}",
    "a%d",
    "{data_id}",
    "{component:?}",
    "_{band:?}",
]
ROWS = st.lists(
    st.tuples(st.sampled_from(["Cam", "C.1", ".C", "a b", "é", "x" * 120]), st.integers(-3, 9**9)), max_size=4
)


@given(
    st.lists(st.lists(st.sampled_from(PIECES), min_size=1), min_size=1),
    ROWS,
    st.sampled_from(["u/é/%r", "run", "a//b"]),
)
def test_many_names_made_by_columns_are_those_made_one_by_one(parts, rows, run):
    template = Template("{run:/}/" + "/".join("".join(part) for part in parts))
    columns = {"instrument": [name for name, _ in rows], "visit": [visit for _, visit in rows]}
    nonces = [f"{'abcd'[n] * 13}" for n in range(len(rows))]
    made = template.keys(columns, {"run": run, "dataset_type": "raw%"}, ["instrument", "visit"], nonces, ".json")
    one_by_one = [
        template.key(
            {"instrument": name, "visit": visit, "run": run, "dataset_type": "raw%", "data_id": f"{name}_{visit}"},
            nonce,
            ".json",
        )
        for (name, visit), nonce in zip(rows, nonces, strict=True)
    ]
    assert made is None or made == one_by_one
    if rows and all(name == "Cam" for name, _ in rows) and len(max(one_by_one, key=len)) < 200:
        assert made is not None


@given(st.text())
def test_an_escaped_name_is_one_safe_part_of_a_path(text):
    name = escape(text)
    assert check_key(f"a/{name}/b")
    assert "/" not in name
    assert name.isascii()


@given(st.text(), st.text())
def test_escaping_is_injective(one, two):
    assert (escape(one) == escape(two)) == (one == two)


@given(st.text(min_size=60), st.text(min_size=60))
def test_cutting_keeps_names_apart(one, two):
    cut = [shorten(escape(text), 60) for text in (one, two)]
    assert all(len(name) <= 60 for name in cut)
    assert (cut[0] == cut[1]) == (one == two)


@given(st.lists(st.text(), min_size=1))
def test_runs_cannot_leave_the_store(parts):
    assert check_key(key("{run:/}/x", run="/".join(parts)))


@pytest.mark.parametrize("whole", ["a", "a/b/c", "/a", "/a/b"])
def test_splitting_a_key_is_undone_by_joining(whole):
    assert join_key(*split_key(whole)) == whole

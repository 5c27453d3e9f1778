import pytest

from bunter.errors import PipelineError
from bunter.pipeline.located import read_yaml, scalar_of


def test_every_value_knows_its_line():
    root = read_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", "f.yaml")
    assert str(root.value["b"].source) == "f.yaml:2"
    assert str(root.value["b"].value[1].value["c"].source) == "f.yaml:4"
    assert root.plain() == {"a": 1, "b": ["x", {"c": 2}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("1e5", 1e5), ("0x10", 16), ("-.5", -0.5), ("1_000", 1000), ("true", True), ("no", "no"), ("on", "on"),
        ("2026-01-01", "2026-01-01"), ("1:30", "1:30"), ("null", None), ("'5'", "5"), ("[1, a]", [1, "a"]),
        ("{a: 1}", {"a": 1}), ("a: b: c", "a: b: c"), ("", None), ("5 sigma", "5 sigma"),
    ],
)  # fmt: skip
def test_a_word_means_what_it_looks_like(text, value):
    found = scalar_of(text)
    assert found == value
    assert type(found) is type(value)


def test_aliases_and_merge_keys_work():
    root = read_yaml("base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\n", "f.yaml")
    assert root.plain()["own"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: the key 'a' is written twice; its first place is line 1"),
        ("a: !!python/object/apply:os.system [echo]\n", "f.yaml:1: the tag"),
        ("a: !!python/name:os.system x\n", "f.yaml:1: the tag"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2: this is no YAML"),
        ("a:\n\tb: 1\n", "f.yaml:2: this is no YAML"),
        ("a: &a [*a]\n", "nested more than 40 deep, or an alias contains itself"),
        ("? [1]\n: 2\n", "a key must be text"),
        ("[" * 2000, "no YAML|nested"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, sentence):
    with pytest.raises(PipelineError, match=sentence):
        read_yaml(text, "f.yaml").plain()


def test_a_bomb_of_aliases_is_read_without_growing():
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 39)]
    assert len(read_yaml("\n".join(lines), "f.yaml").value) == 39

"""YAML as plain data."""

import pytest
import yaml

from bunter import safe_yaml


def test_plain_values_are_read():
    assert safe_yaml.load("a: [1, {b: no}]") == {"a": [1, {"b": False}]}
    assert safe_yaml.load(b"- x\n") == ["x"]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, b"{a: " * 50_000])
def test_a_document_that_nests_without_end_is_refused(text):
    with pytest.raises(yaml.YAMLError, match="nested deeper"):
        safe_yaml.load(text)


def test_a_long_flat_document_is_no_deep_one():
    assert len(safe_yaml.load("\n".join(f"- {{n: {n}}}" for n in range(20_000)))) == 20_000


def test_no_tag_makes_an_object():
    with pytest.raises(yaml.YAMLError):
        safe_yaml.load("!!python/object/apply:os.getcwd []")

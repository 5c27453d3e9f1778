from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.execution.journal import Journal, read_lines, seal, unseal

documents = st.lists(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=20), st.none()), min_size=1, max_size=4
    ),
    max_size=8,
)


def encode(document):
    return json.dumps(document).encode()


def written(path, items):
    with Journal(path) as journal:
        journal.append(map(encode, items))
        journal.sync()
    return path


@given(documents)
def test_a_line_is_json_and_gives_its_document_back(items):
    for item in items:
        line = seal(encode(item))
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert {k: v for k, v in json.loads(line).items() if k != "crc"} == {
            k: v for k, v in item.items() if k != "crc"
        }
        assert json.loads(unseal(line[:-1])) == item


def test_what_was_appended_is_read_in_order(tmp_path):
    items = [{"n": n} for n in range(5)]
    assert [json.loads(line) for line in read_lines(written(tmp_path / "j", items))] == items


def test_a_missing_journal_is_an_empty_one(tmp_path):
    assert list(read_lines(tmp_path / "none")) == []


def test_a_name_that_is_taken_is_refused(tmp_path):
    written(tmp_path / "j", [{"n": 1}])
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "j")


@settings(max_examples=200, deadline=None)
@given(items=documents, data=st.data())
def test_a_journal_cut_anywhere_gives_a_prefix(tmp_path_factory, items, data):
    path = written(tmp_path_factory.mktemp("cut") / "j", items)
    content = path.read_bytes()
    size = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:size])
    found = [json.loads(line) for line in read_lines(path)]
    assert found == items[: len(found)]
    assert len(found) >= content[:size].count(b"\n")


def test_a_tail_of_zeros_after_a_power_cut_is_passed_over(tmp_path):
    path = written(tmp_path / "j", [{"n": 1}])
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert [json.loads(line) for line in read_lines(path)] == [{"n": 1}]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_nothing_is_read_from_a_damaged_line_on(tmp_path_factory, data):
    items = [{"n": n} for n in range(3)]
    path = written(tmp_path_factory.mktemp("flip") / "j", items)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    damaged = content.count(b"\n", 0, place)
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(content))
    assert [json.loads(line) for line in read_lines(path)] == items[:damaged]


def test_damage_in_the_middle_is_said(tmp_path, caplog):
    path = written(tmp_path / "j", [{"n": n} for n in range(3)])
    path.write_bytes(path.read_bytes().replace(b'"n": 1', b'"n": 2'))
    assert [json.loads(line) for line in read_lines(path)] == [{"n": 0}]
    assert "damaged in line 2" in caplog.text

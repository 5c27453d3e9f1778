"""Receipts looked up one by one are those that a reading of all journals finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.execution.journal import Journal, read_lines, sound_spans, unseal
from bunter.execution.receipt import (
    Closed,
    Discarded,
    Intent,
    Output,
    Receipt,
    Resources,
    Voided,
    decode_line,
    encode_lines,
    gather,
)
from bunter.execution.receipt_index import ReceiptIndex

QUANTA = [-2, -1, 0, 1, 7, 10, 2**31 - 1]
quanta = st.sampled_from(QUANTA)
receipts = st.builds(
    Receipt,
    quantum=quanta,
    attempt=st.integers(0, 2),
    end=st.sampled_from(["succeeded", "no_work", "failed"]),
    outputs=st.lists(st.builds(Output, row=st.integers(0, 99), nonce=st.text(max_size=3)), max_size=2).map(tuple),
    resources=st.none() | st.just(Resources(1, 2.5, 2.0, 3, "host", 4)),
)
lines = st.one_of(
    receipts,
    st.builds(Voided, st.lists(quanta, max_size=2).map(tuple)),
    st.builds(Intent, st.lists(st.text(max_size=3), max_size=2).map(tuple)),
    st.builds(Discarded, st.just((1,))),
    st.builds(Closed, st.just(1)),
)


@given(st.lists(st.lists(lines, max_size=12), max_size=3), st.none() | st.tuples(st.integers(0, 2), st.floats(0, 1)))
def test_both_ways_agree_also_where_a_journal_is_damaged(tmp_path_factory, attempts, damage):
    place = tmp_path_factory.mktemp("journals")
    paths = []
    for number, told in enumerate(attempts):
        paths.append(place / f"journal-{number}.jsonl")
        with Journal(paths[-1]) as journal:
            journal.append(encode_lines(told))
    if damage is not None and damage[0] < len(paths) and (content := bytearray(paths[damage[0]].read_bytes())):
        content[int(damage[1] * (len(content) - 1))] ^= 4
        paths[damage[0]].write_bytes(content)
    whole = gather([list(map(decode_line, read_lines(path))) for path in paths])
    index = ReceiptIndex(paths)
    found = {quantum: receipt for quantum in QUANTA if (receipt := index.get(quantum)) is not None}
    assert found == {receipt.quantum: receipt for receipt in whole.receipts}
    assert {one.quantum for one in index.constructions()} == {number for number in found if number < 0}
    assert 3 not in index


@pytest.mark.parametrize("content", [b"", b"\n", b"torn", b'{"kind":"receipt","quantum":3'])
def test_what_is_no_line_counts_for_none(tmp_path, content):
    (tmp_path / "journal").write_bytes(content)
    assert [len(places) for places in sound_spans(content)] == [0, 0]
    assert ReceiptIndex([tmp_path / "journal"]).get(3) is None


def test_spans_are_the_objects(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.append(encode_lines([Closed(1), Receipt(3, 0, "failed")]))
    content = (tmp_path / "journal").read_bytes()
    assert [content[begin:end] + b"}" for begin, end in zip(*sound_spans(content), strict=True)] == [
        unseal(line) for line in content.splitlines()
    ]

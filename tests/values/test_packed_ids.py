"""Ids one behind the other."""

import random

import pytest

from bunter.values import packed_ids
from bunter.values.packed_ids import PackedIds, in_lots

IDS = [random.Random(7).randbytes(15) + bytes([place % 3]) for place in range(50)]  # some end in a zero
IDS = [
    number.to_bytes(8, "big") + id_[8:]
    for number, id_ in zip(random.Random(8).sample(range(300), 50), IDS, strict=True)
]


@pytest.fixture(params=[3, 10_000], ids=["many", "few"])
def _lots(request, monkeypatch):
    monkeypatch.setattr(packed_ids, "LOT_IDS", request.param)


def test_they_are_a_sequence_of_ids():
    packed = PackedIds.of(IDS)
    assert list(packed) == IDS
    assert len(packed) == 50
    assert (packed[3], packed[-1], packed[4:9], packed[::-7]) == (IDS[3], IDS[-1], IDS[4:9], IDS[::-7])
    assert packed + packed == PackedIds.of(IDS + IDS)
    assert not PackedIds()
    with pytest.raises(IndexError):
        packed[50]


@pytest.mark.usefixtures("_lots")
def test_each_comes_once_ascending():
    assert list(PackedIds.of(IDS + IDS[::2]).distinct()) == sorted(IDS)
    assert list(PackedIds().distinct()) == []


def test_few_ids_are_one_lot_as_they_are():
    assert [lot is IDS for lot in in_lots(IDS)] == [True]


@pytest.mark.parametrize("given", [IDS, PackedIds.of(IDS)], ids=["list", "packed"])
def test_many_ids_are_lots_that_share_none(monkeypatch, given):
    monkeypatch.setattr(packed_ids, "LOT_IDS", 7)
    lots = list(in_lots([*given, *given]))
    assert [len(lot) for lot in lots] == [7] * 7 + [1]
    assert [id_ for lot in lots for id_ in lot] == sorted(IDS)

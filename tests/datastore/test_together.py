"""Many requests at a time, of which one fails."""

import asyncio

import pytest

from bunter.datastore.together import each, each_as_it_comes


@pytest.mark.parametrize("way", [each, lambda items, act, workers: each_as_it_comes(iter(items), act, workers)])
def test_what_has_begun_ends_and_nothing_more_begins_when_one_fails(way):
    begun, ended = [], []

    async def act(item):
        begun.append(item)
        if item == 0:
            await asyncio.sleep(0.01)
            raise ValueError("refused")
        await asyncio.sleep(0.05)
        ended.append(item)

    with pytest.raises(ValueError, match="refused"):
        way(list(range(20)), act, 3)
    assert 0 < len(ended) == len(begun) - 1 < 4


def test_a_source_of_items_that_fails_is_told_when_what_has_begun_has_ended():
    ended = []

    def items():
        yield 1
        raise ValueError("changed while it was read")

    async def act(item):
        await asyncio.sleep(0.05)
        ended.append(item)

    with pytest.raises(ValueError, match="changed"):
        each_as_it_comes(items(), act, 3)
    assert ended == [1]

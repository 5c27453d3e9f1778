"""The contract about collections over every implementation; several processes."""

import multiprocessing
import uuid

import pytest

from bunter import Butler
from bunter.contracts.collections import CollectionsContract, assert_no_cycle, edit_at_random


class TestCollectionsOfAFolder(CollectionsContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestCollectionsInMemory(CollectionsContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


def edit(root, names, seed, refused):
    with Butler(root, writeable=True) as butler:
        refused.put(edit_at_random(butler, names, seed, edits=15))


def test_chains_edited_by_several_processes_get_no_cycle(tmp_path):
    """Each process knows the chains of a moment ago; what counts is how they stand when an edit is applied."""
    root, names = str(tmp_path / "repo"), [f"link{number}" for number in range(3)]
    with Butler.create(root) as butler:
        for name in names:
            butler.collections.register(name, "CHAINED")
    context = multiprocessing.get_context("spawn")
    refused = context.Queue()
    workers = [context.Process(target=edit, args=(root, names, seed, refused)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(400)
        assert worker.exitcode == 0
    assert sum(refused.get(timeout=60) for _ in workers) > 0
    with Butler(root, writeable=False) as butler:
        assert_no_cycle(butler, names)
        events = [event for name in names for event in butler.collections.history(name)]
        assert len(events) > len(names)

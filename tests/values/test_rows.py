from __future__ import annotations

import pickle
from itertools import repeat
from uuid import UUID, uuid4

from bunter.dataset import DatasetRef
from bunter.dimensions import DataCoordinate, Universe
from bunter.values.rows import instances, uuids


def test_ids_in_bulk_are_those_made_one_by_one():
    ones = [uuid4() for _ in range(20)]
    many = uuids([one.bytes for one in ones])
    assert many == ones
    assert [hash(one) for one in many] == [hash(one) for one in ones]
    assert [str(one) for one in pickle.loads(pickle.dumps(many))] == [str(one) for one in ones]
    assert [one.is_safe for one in many] == [UUID(bytes=one.bytes).is_safe for one in ones]
    assert uuids([]) == []


def test_instances_in_bulk_are_those_made_one_by_one():
    group = Universe.default().conform(["exposure"])
    rows = [("Cam", 1), ("Cam", 2)]
    assert instances(DataCoordinate, 2, group=repeat(group), values=rows) == [DataCoordinate(group, r) for r in rows]


def test_all_attributes_of_the_classes_made_in_bulk_are_slots():
    assert set(DataCoordinate.__slots__) == {"group", "values"}
    assert set(DatasetRef.__slots__) == {"id", "dataset_type", "data_id", "run", "component"}

from __future__ import annotations

import pytest
from small_survey import CAM, make_repository

from bunter.errors import QuantumError
from bunter.execution import Wish, find_lineage, run_pipeline
from bunter.pipeline import Pipeline
from bunter.pipeline.context import QuantumContext


def test_what_was_rejected_is_no_part_of_the_lineage_and_stands_in_the_metadata(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        tasks = Pipeline.from_tasks({"reduce": ("run_tasks.Reduce", {}), "pick": ("rejecting_tasks.Picky", {})})
        summary = run_pipeline(butler, tasks.resolve(butler.universe, known), Wish(inputs=("raw",), output="out"))
        assert summary.status == "succeeded"
        key = {**CAM, "exposure": 3}
        found = find_lineage(butler, butler.find_dataset("gathered", key, collections="out"))
        assert {one.data_id["detector"] for one in found.datasets.values() if one.dataset_type == "reduced"} == {0}
        noted = butler.get("pick_metadata", key, collections="out")["quantum"]["rejected"]
        assert list(noted.values()) == ["the edge detector"]
        assert "detector: 1" in next(iter(noted))


def test_only_inputs_of_the_quantum_can_be_rejected():
    context = QuantumContext(None, inputs={"x": ["a"]}, outputs={})
    context.reject("a", "flat")
    with pytest.raises(QuantumError, match="may not reject b"):
        context.reject("b", "not mine")

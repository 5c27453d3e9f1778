"""Explanations and coverage over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.sky_explanations import CoverageContract, ExplanationContract, NearMissContract


class TestExplanationsInAFolder(ExplanationContract):
    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls, tmp_path_factory):
        with Butler.create(tmp_path_factory.mktemp("explanations") / "repo") as butler:
            yield butler


class TestExplanationsInMemory(ExplanationContract):
    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestCoverageInAFolder(CoverageContract, NearMissContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestCoverageInMemory(CoverageContract, NearMissContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


def test_objects_are_found_by_name_in_a_table(tmp_path):
    (tmp_path / "seed.yaml").write_text("resolver: objects.csv\n")
    root = tmp_path / "repo"
    with Butler.create(root, seed_config=tmp_path / "seed.yaml") as butler:
        (root / "objects.csv").write_text("name,ra,dec\nNGC 2682,132.846,11.814\n")
        assert butler.at("ngc2682").position.ra == pytest.approx(132.846)
        with pytest.raises(ValueError, match="did you mean 'NGC 2682'"):
            butler.at("NGC 2683")
        (root / "objects.csv").write_text("name,ra\nM67,1\n")
        with pytest.raises(ValueError, match="no column dec"):
            butler.at("M67")


def test_an_unknown_resolver_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "seed.yaml").write_text("resolver: sesam\n")
    with (
        Butler.create(tmp_path / "repo", seed_config=tmp_path / "seed.yaml") as butler,
        pytest.raises(ValueError, match="did you mean 'sesame'"),
    ):
        butler.at("M67")

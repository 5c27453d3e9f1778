"""What every pair of repositories promises whose universes are not the same: subclass and supply ``hill`` and ``plain`` fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bunter.butler.transfers.syncing import synchronise
from bunter.butler.upgrading import upgrade_repository
from bunter.contracts.small_camera import fill_small_camera, put_thing
from bunter.errors import TransferConflictError

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler

__all__ = ["HILL", "OtherUniversesContract"]

HILL: dict[str, Any] = {
    "extends": "default",
    "namespace": "hilltop",
    "version": 1,
    "elements": {
        "fibre": {"requires": ["instrument"], "keys": [{"name": "id", "type": "int"}]},
        "exposure": {"metadata": [{"name": "seeing", "type": "float"}]},
    },
}


class OtherUniversesContract:
    """What means the same in two universes goes from one to the other, whatever their names; the rest is told in a sentence.

    A subclass has fixtures ``hill`` and ``plain`` that yield writeable butlers on empty repositories, one over `HILL`
    and one over the default universe.
    """

    @pytest.fixture
    def both(self, hill: Butler, plain: Butler) -> tuple[Butler, Butler]:
        fill_small_camera(hill)
        put_thing(hill, 1, 2)
        hill.dimension_records.insert("fibre", {"instrument": "Cam", "id": 7})
        hill.dataset_types.register("throughput", ["instrument", "fibre"], "StructuredDataDict")
        hill.put({"t": 0.5}, "throughput", instrument="Cam", fibre=7, run="run1")
        return hill, plain

    def test_what_both_know_comes_and_goes(self, both: tuple[Butler, Butler], tmp_path: Path) -> None:
        hill, plain = both
        assert plain.transfer_from(hill, hill.query_datasets("thing")).datasets == 1
        assert plain.get("thing", instrument="Cam", exposure=1, detector=2) == {"e": 1, "d": 2}
        plain.collections.register("run2")
        plain.put({"e": 2}, "thing", instrument="Cam", exposure=1, detector=2, run="run2")
        hill.export(tmp_path / "there", "thing")
        assert plain.import_(tmp_path / "there").known == 1
        assert hill.transfer_from(plain, plain.query_datasets("thing", "run2")).datasets == 1
        assert hill.query_datasets("thing", find_first=False).count() == 2

    def test_a_dimension_that_the_target_has_not_is_told(self, both: tuple[Butler, Butler]) -> None:
        hill, plain = both
        with pytest.raises(TransferConflictError, match=r"'throughput' .*'fibre'.*universe show"):
            plain.transfer_from(hill, hill.query_datasets("throughput"))
        with pytest.raises(TransferConflictError, match="'fibre'"):
            synchronise(hill, plain)
        assert not plain.collections.query()

    def test_a_column_is_lost_only_if_it_says_nothing(self, both: tuple[Butler, Butler]) -> None:
        hill, plain = both
        hill.dimension_records.update("exposure", {"instrument": "Cam", "id": 1, "seeing": 0.7})
        with pytest.raises(TransferConflictError, match=r"'exposure' have seeing.*upgrade"):
            plain.transfer_from(hill, hill.query_datasets("thing"))
        upgrade_repository(plain.repository, dimensions={**HILL, "extends": "repository"})
        plain.transfer_from(hill, hill.query_datasets("thing"))
        assert plain.query_dimension_records("exposure", where="exposure = 1").one().seeing == 0.7

    def test_what_the_other_one_does_not_know_is_no_difference(self, both: tuple[Butler, Butler]) -> None:
        hill, plain = both
        plain.transfer_from(hill, hill.query_datasets("thing"))
        label = {"exposure": {"keys": [{"name": "label", "type": "string", "length": 8}]}}
        upgrade_repository(
            plain.repository,
            dimensions={"extends": "repository", "elements": label},
            fill={"exposure.label": "E{exposure}"},
        )
        put_thing(hill, 1, 1)
        assert plain.transfer_from(hill, hill.query_datasets("thing")).datasets == 1
        put_thing(hill, 0, 0)
        with pytest.raises(TransferConflictError, match=r"1 record of 'exposure' .* without label"):
            plain.transfer_from(hill, hill.query_datasets("thing"))

    def test_one_word_for_two_things_is_told(self, both: tuple[Butler, Butler]) -> None:
        hill, plain = both
        names = {"fibre": {"requires": ["instrument"], "keys": [{"name": "name", "type": "string", "length": 8}]}}
        upgrade_repository(plain.repository, dimensions={"extends": "repository", "elements": names})
        with pytest.raises(
            TransferConflictError, match="'fibre' of 'fibre' is int in what comes and str at the target"
        ):
            plain.transfer_from(hill, hill.query_datasets("throughput"))

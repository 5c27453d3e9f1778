from __future__ import annotations

from functools import partial

import pytest

from bunter.dataset import DatasetSearch, DatasetType
from bunter.dimensions import Universe
from bunter.query import bind_query

DEFAULTS = {"instrument": "X", "skymap": "s"}


@pytest.fixture(scope="session")
def universe():
    return Universe.default()


@pytest.fixture(scope="session")
def dataset_types(universe):
    def of(name, *dimensions, calibration=False):
        return DatasetType(name, universe.conform(dimensions), "CCDData", is_calibration=calibration)

    kinds = [
        of("raw", "exposure", "detector"),
        of("bias", "detector", calibration=True),
        of("flat", "detector", "physical_filter", calibration=True),
        of("calexp", "visit", "detector"),
        of("warp", "visit", "patch"),
        of("coadd", "patch", "band"),
        of("refcat", "htm7"),
    ]
    return {kind.name: kind for kind in kinds}


@pytest.fixture
def data_ids(universe, dataset_types):
    """Function that binds a query for data IDs of the dimensions, with datasets joined."""

    def bind(where="", dimensions=("visit", "detector"), datasets=(), **more):
        more = {"defaults": DEFAULTS} | more
        return bind_query(
            universe=universe,
            kind="data_ids",
            result=universe.conform(dimensions),
            where=where,
            searches=[DatasetSearch(name, ("run",)) for name in datasets],
            dataset_types=dataset_types,
            **more,
        )

    return bind


@pytest.fixture
def datasets(universe, dataset_types):
    """Function that binds a query for datasets of one type."""

    def bind(where="", dataset_type="raw", **more):
        return bind_query(
            universe=universe,
            kind="datasets",
            result=dataset_types[dataset_type],
            where=where,
            searches=[DatasetSearch(dataset_type, ("run",))],
            dataset_types=dataset_types,
            **({"defaults": DEFAULTS} | more),
        )

    return bind


@pytest.fixture
def records(universe):
    """Function that binds a query for records of an element."""

    def bind(where="", element="visit", **more):
        call = partial(bind_query, universe=universe, kind="records", result=universe[element])
        return call(where=where, **({"defaults": DEFAULTS} | more))

    return bind

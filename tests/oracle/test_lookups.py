"""Single look-ups agree: find_dataset, calibrations, data IDs that are completed, collections, memberships."""

import uuid

import pytest
from hypothesis import strategies as st

theirs = pytest.importorskip(
    "lsst.daf.butler", reason="the reference system is not installed; `make oracle` installs it"
)

import asking
from campaign import campaign

from bunter.dataset import CollectionType
from bunter.values import Timespan

pytestmark = pytest.mark.oracle


def told_by(call):
    """What a call returns, or the refusal."""
    with asking.quiet():
        try:
            return call()
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"bunter", "lsst", "builtins", "sqlalchemy"}:
                raise
            return asking.Refusal(type(error).__name__, " ".join(str(error).split())[:300])


def dataset_id(found):
    return found if found is None or isinstance(found, asking.Refusal) else found.id.hex


@st.composite
def sought(draw, schema):
    """Type, data ID, collections and time of a look-up."""
    name = draw(st.sampled_from(sorted(schema.dataset_types)))
    group = schema.universe.conform(schema.dataset_types[name])
    data_id = {}
    for key in group.required:
        if key.startswith(("htm", "healpix")):
            data_id[key] = draw(st.sampled_from(sorted(schema.pixels.get(key, {0}))))
        elif schema.values(key):
            data_id[key] = draw(st.sampled_from(schema.values(key)))
    extra = draw(st.integers(0, 3))
    if not extra and schema.values("exposure") and "instrument" in data_id:
        data_id["exposure"] = draw(st.sampled_from(schema.values("exposure")))
    if draw(st.integers(0, 4)) == 0:
        data_id |= _renamed(draw, schema, data_id)
    collections = tuple(draw(st.lists(st.sampled_from(schema.collections), min_size=1, max_size=3, unique=True)))
    return name, data_id, collections, draw(times())


def _renamed(draw, schema, data_id):
    """Replace a key by an alternate key, or by fields that tell the record."""
    for key, column in (("detector", "full_name"), ("exposure", "obs_id"), ("visit", "name")):
        if key in data_id:
            names = [value for value in schema.fields[key, column, "str"] if value is not None]
            data_id.pop(key)
            return {draw(st.sampled_from([f"{key}.{column}", key])): draw(st.sampled_from(names))}
    return {}


@st.composite
def times(draw):
    if draw(st.booleans()):
        return None
    begin = 1_704_067_200_000_000_000 + draw(st.integers(-1, 6)) * 43_200_000_000_000
    return Timespan(begin, begin + draw(st.sampled_from([1, 3_600_000_000_000, 86_400_000_000_000])))


def their_timespan(span):
    return None if span is None else theirs.Timespan(None, None, _nsec=span.bounds)


def test_find_dataset(survey, survey_schema):
    def check(asked):
        name, data_id, collections, span = asked
        if name in survey_schema.calibrations and {"exposure.obs_id", "visit.name"} & data_id.keys():
            return "timed by another key"  # the reference system knows the moment by the primary key alone
        left = told_by(
            lambda: dataset_id(survey.ours.find_dataset(name, data_id, collections=collections, timespan=span))
        )
        right = told_by(lambda: dataset_id(_theirs_at_the_time(survey, survey_schema, asked)))
        said = f"{name} {data_id} {collections} {span}\n  Bunter: {left}\n  reference: {right}"
        if isinstance(right, asking.Refusal):
            # Keys that the dataset has not are not looked up in Bunter, and so do not contradict others.
            named = isinstance(data_id.get("exposure", data_id.get("visit")), str)
            beside = named or {"exposure.obs_id", "visit.name", "detector.full_name"} & data_id.keys()
            once = right.name == "CalibrationLookupError" and _is_only_candidate(survey, survey_schema, asked, left)
            assert isinstance(left, asking.Refusal) or once or (beside and right.name == "DimensionValueError"), said
            return f"refused: {right.name}"
        assert left == right, said
        return "found" if left else "not found"

    campaign(sought(survey_schema), check)


def _theirs_at_the_time(survey, schema, asked):
    """Find with the time that the reference's get would take: its find_dataset has no time of its own."""
    name, data_id, collections, _ = asked
    return survey.theirs.find_dataset(
        name, data_id, collections=collections, timespan=_their_time(survey, schema, asked)
    )


def _their_time(survey, schema, asked):
    name, data_id, _, span = asked
    if span is not None or name not in schema.calibrations:
        return their_timespan(span)
    if "exposure" not in data_id:
        return theirs.Timespan(None, None)
    return survey.theirs.registry.expandDataId(instrument=data_id["instrument"], exposure=data_id["exposure"]).timespan


def _is_only_candidate(survey, schema, asked, found):
    """Whether several validity ranges of the same dataset, and of no other, are what the reference calls ambiguous."""
    name, _, collections, _ = asked
    if not isinstance(found, str):
        return False
    data_id = survey.ours.get_dataset(uuid.UUID(found)).data_id.mapping
    begin, end = asking.their_bounds(_their_time(survey, schema, asked))
    for collection in survey.ours.collections.query(collections, flatten_chains=True):
        rows = survey.ours.calibrations(name, collection).to_pylist()
        ids = {
            row["id"].hex()
            for row in rows
            if all(row[key] == value for key, value in data_id.items())
            and begin < row["timespan_end"]
            and row["timespan_begin"] < end
        }
        if ids:
            return ids == {found}
    return False


@st.composite
def data_ids(draw, schema):
    known = [name for name in schema.universe.dimensions if schema.values(name)]
    group = schema.universe.conform(draw(st.sets(st.sampled_from(known), min_size=1, max_size=4)))
    return group, {key: draw(st.sampled_from(schema.values(key))) for key in group.required}


def test_data_ids_are_completed_alike(survey, survey_schema):
    """Implied values, and whether the data ID exists."""

    def check(asked):
        group, data_id = asked
        left = told_by(lambda: dict(survey.ours.query_data_ids(group.names, data_id=data_id).one().mapping))
        right = told_by(lambda: dict(survey.theirs.registry.expandDataId(data_id, dimensions=group.names).mapping))
        if isinstance(right, asking.Refusal):
            assert isinstance(left, asking.Refusal), f"{data_id}: {left}, reference: {right}"
            return "neither completes"
        if isinstance(left, asking.Refusal):
            return "unrelated"  # completing a data ID asks less than that its dimensions are related to each other
        assert left == right, data_id
        return "completed"

    campaign(data_ids(survey_schema), check)


def test_collection_queries(world):
    names = world.ours.collections.query()
    assert set(names) == set(world.theirs.collections.query("*"))
    for name in names:
        left, right = world.ours.collections.info(name), world.theirs.collections.get_info(name)
        assert (left.type.name, left.children, left.doc) == (right.type.name, right.children, right.doc or ""), name
        parents = world.theirs.collections.get_info(name, include_parents=True).parents
        assert set(left.parents) == set(parents), name
        flat = world.theirs.collections.query(name, flatten_chains=True)
        assert world.ours.collections.query(name, flatten_chains=True) == list(flat), name


@pytest.mark.parametrize("pattern", ["*", "r*", "r?", "[rt]*", "chain/*", "*calib*", "tag1", ["tag*", "r1"], "*a*"])
def test_collection_patterns(survey, pattern):
    for kind in (None, "RUN", "TAGGED", "CHAINED", "CALIBRATION"):
        types = None if kind is None else [CollectionType[kind]]
        their_types = None if kind is None else {theirs.CollectionType[kind]}
        mine = survey.ours.collections.query(pattern, types=types)
        more = {} if their_types is None else {"collection_types": their_types}
        assert set(mine) == set(survey.theirs.collections.query(pattern, **more)), (pattern, kind)


def test_memberships_and_validity_ranges(survey):
    everything = survey.ours.collections.query()
    for kind in survey.ours.dataset_types:
        table = survey.ours.calibrations(kind.name, everything).to_pylist()
        left = {(row["id"].hex(), row["collection"], _bounds(row)) for row in table}
        right = set()
        for found in survey.theirs.registry.queryDatasetAssociations(kind.name, everything, flattenChains=True):
            span = None if found.timespan is None else asking.their_bounds(found.timespan)
            right.add((found.ref.id.hex, found.collection, span))
        assert left == right, kind.name


def _bounds(row):
    return None if row["timespan_begin"] is None else (row["timespan_begin"], row["timespan_end"])


def test_datasets_by_id(survey, survey_schema):
    for name, ids in survey_schema.ids.items():
        for each in ids[:5]:
            left = survey.ours.get_dataset(uuid.UUID(each))
            right = survey.theirs.get_dataset(uuid.UUID(each))
            assert (
                left.run,
                dict(left.data_id.mapping)["instrument"] if "instrument" in left.dimensions else None,
            ) == (
                right.run,
                right.dataId.get("instrument"),
            ), name
    assert survey.ours.get_dataset(uuid.UUID(int=5)) is None
    assert survey.theirs.get_dataset(uuid.UUID(int=5)) is None

"""Where the reference system errs, by name: Bunter's right answer, and that the other still needs the exception."""

from collections import Counter
from dataclasses import dataclass

import pytest

theirs = pytest.importorskip(
    "lsst.daf.butler", reason="the reference system is not installed; `make oracle` installs it"
)

import asking
from asking import Asked, Refusal

from bunter.geometry import skypix

pytestmark = pytest.mark.oracle

CAMERA = {"instrument": "CamA"}
AREA = "150, 2, 0.7"
PIXEL = skypix("healpix7").pixel_at(150.0, 2.0)


@dataclass(frozen=True)
class Known:
    """A question that the reference system answers wrongly or not at all.

    Attributes
    ----------
    errs : str
        What it does: the name of the error it raises, or "wrong".
    right : Asked
        A question with the same meaning that it can answer, or a list of rows' keys that is known beforehand.
    """

    name: str
    asked: Asked
    errs: str
    right: object


def visits(where, **more):
    return Asked("records", "visit", where, data_id=CAMERA, **more)


def days(where):
    return Asked("records", "day_obs", where, data_id=CAMERA)


KNOWN = [
    Known(
        "CIRCLE has twice its radius",
        visits(f"visit.region OVERLAPS CIRCLE({AREA})"),
        "wrong",
        visits("visit.region OVERLAPS REGION('CIRCLE 150 2 0.7')"),
    ),
    Known(
        "no region below OR",
        visits("visit.region OVERLAPS REGION('CIRCLE 150 2 0.7') OR visit = 1"),
        "UnimplementedQueryError",
        lambda ask: ask("visit.region OVERLAPS REGION('CIRCLE 150 2 0.7')") | ask("visit = 1"),
    ),
    Known(
        "no region below NOT",
        visits("NOT visit.region OVERLAPS REGION('CIRCLE 150 2 0.7')"),
        "UnimplementedQueryError",
        lambda ask: ask("visit.region != NULL") - ask("visit.region OVERLAPS REGION('CIRCLE 150 2 0.7')"),
    ),
    Known(
        "what is unknown matches a star",
        visits("GLOB(visit.target_name, '*')"),
        "wrong",
        visits("visit.target_name != NULL"),
    ),
    Known("no quote in a string", visits("visit.target_name = 'it''s'"), "InvalidQueryError", lambda _: set()),
    Known(
        "ints and floats do not mix",
        visits("visit.exposure_time + 1 > 20"),
        "InvalidQueryError",
        visits("visit.exposure_time > 19.0"),
    ),
    Known(
        "a time is not found in a timespan, as the manual has it",
        visits("T'2024-01-02T13:10:05/tai' IN (visit.timespan)"),
        "InvalidQueryError",
        visits("visit.timespan OVERLAPS T'2024-01-02T13:10:05/tai'"),
    ),
    Known(
        "an unknown timespan begins in 1970",
        days("day_obs.timespan.begin < T'2024-01-02'"),
        "wrong",
        days("day_obs = 20240101"),
    ),
    Known("an unknown timespan ends in 1970", days("day_obs.timespan.end < T'2024-01-01'"), "wrong", lambda _: set()),
    Known(
        "no sky pixels but htm7 without a dataset",
        visits(f"healpix7 = {PIXEL}"),
        "UnimplementedQueryError",
        lambda ask: ask("visit.region OVERLAPS pixel", {"pixel": skypix("healpix7").region(PIXEL).shape}),
    ),
    Known(
        "many ORs of ANDs explode",
        visits(" OR ".join(f"(visit = {n} AND visit.exposure_time > {n}.5)" for n in range(1, 15))),
        "(OperationalError|TimeoutError|RecursionError|MemoryError)",
        lambda ask: set().union(*(ask(f"visit = {n} AND visit.exposure_time > {n}.5") for n in range(1, 15))),
    ),
]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_bunter_has_the_right_answer(survey, known):
    rows = asking.ours(survey.ours, known.asked)
    assert not isinstance(rows, Refusal), rows
    assert set(rows) == right_answer(survey, known)


def right_answer(survey, known):
    if not callable(known.right):
        return set(asking.theirs(survey.theirs, known.right))
    base = known.asked

    def ask(where, bind=None):
        return set(
            asking.theirs(survey.theirs, Asked(base.kind, base.what, where, data_id=base.data_id, bind=bind or {}))
        )

    return known.right(ask)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_the_reference_still_errs(survey, known):
    """Once this fails, the exception can be dropped."""
    import re

    rows = asking.theirs(survey.theirs, known.asked)
    if known.errs == "wrong":
        assert set(rows) != right_answer(survey, known)
    else:
        assert isinstance(rows, Refusal), f"{known.name}: answered by now"
        assert re.fullmatch(known.errs, rows.name), rows


def test_a_calibration_of_several_ranges_is_found_once(survey):
    """Find-first aborts in the reference system; without it a dataset comes once per range."""
    ids = Counter(row["id"] for row in survey.ours.calibrations("bias", "calib1").to_pylist())
    assert max(ids.values()) > 1
    for first in (True, False):
        found = list(survey.ours.query_datasets("bias", "calib1", find_first=first, instrument="CamA"))
        assert len(found) == len({ref.id for ref in found}) > 0
    refused = asking.theirs(survey.theirs, Asked("datasets", "bias", "", ("calib1",)))
    assert isinstance(refused, Refusal)
    assert refused.name == "CalibrationLookupError"
    repeated = asking.theirs(survey.theirs, Asked("datasets", "bias", "", ("calib1",), find_first=False))
    assert len(repeated) > len(set(repeated)), "no longer repeated"


def test_regions_are_counted_exactly(survey):
    where = "visit.region OVERLAPS patch.region"
    found = survey.ours.query_data_ids(["visit", "patch"], where=where, instrument="CamA", skymap="map1")
    assert found.count() == len(list(found)) > 0
    with survey.theirs.query() as query, pytest.raises(Exception, match=r"discard|exact"):
        query.data_ids(["visit", "patch"]).where(where, instrument="CamA", skymap="map1").count(discard=False)


def test_a_run_that_holds_datasets_is_not_removed(survey):
    from bunter.errors import UserError

    with pytest.raises(UserError, match="r1"):
        survey.ours.collections.remove("r1")
    import sqlalchemy.exc

    with pytest.raises(sqlalchemy.exc.IntegrityError):
        survey.theirs.registry.removeCollection("r3")


# Where the two differ and both are right in their own way: told in docs/explanation/differences.md.


def test_which_is_found_first_does_not_depend_on_the_condition(survey):
    """Bunter chooses by collections and then asks the condition; the reference system asks it of all and then chooses."""
    both = ("r1", "r2")
    first = {ref.id.hex: ref.run for ref in survey.ours.query_datasets("bias", both, instrument="CamA")}
    asked = Asked("datasets", "bias", "bias.run = 'r2'", both, data_id=CAMERA)
    assert {row[0] for row in asking.ours(survey.ours, asked)} == {one for one, run in first.items() if run == "r2"}
    everything = Asked("datasets", "bias", "bias.run = 'r2'", ("r2",), data_id=CAMERA)
    assert set(asking.theirs(survey.theirs, asked)) == set(asking.theirs(survey.theirs, everything))


def test_a_calibration_without_a_time_is_that_of_any_time_if_there_is_only_one(survey):
    rows = survey.ours.calibrations("camera", "calib1").to_pylist()
    once = [row for row in rows if [each["instrument"] for each in rows].count(row["instrument"]) == 1]
    for row in once:
        found = survey.ours.find_dataset("camera", instrument=row["instrument"], collections="calib1")
        assert found.id.bytes == row["id"]
        assert survey.theirs.find_dataset("camera", instrument=row["instrument"], collections="calib1") is None


def test_nothing_is_paired_with_strangers(survey):
    asked = Asked("data_ids", ("detector",), "tract = 1 AND skymap = 'map1'", data_id=CAMERA)
    assert isinstance(asking.ours(survey.ours, asked), Refusal)
    assert asking.theirs(survey.theirs, asked)


def test_nulls_come_last(survey):
    asked = Asked("records", "exposure", data_id=CAMERA, order_by=("exposure.exposure_time", "exposure"))
    times = [dict(row)["exposure_time"] for row in asking.ours(survey.ours, asked)]
    known = [time for time in times if time is not None]
    assert times == sorted(known) + [None] * (len(times) - len(known))
    other = [dict(row)["exposure_time"] for row in asking.theirs(survey.theirs, asked)]
    assert other[0] is None

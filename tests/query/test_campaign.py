"""A hundred thousand mutilated expressions: only user errors, none takes a second. Runs in the soak suite."""

from __future__ import annotations

import os
import random
import time

import pytest

from bunter.dataset import DatasetSearch, DatasetType
from bunter.dimensions import Universe
from bunter.errors import UserError
from bunter.query import bind_query, parse, unparse

UNIVERSE = Universe.default()
RAW = DatasetType("raw", UNIVERSE.conform(["exposure", "detector"]), "Raw")
VALID = (
    "instrument = 'X' AND visit IN (1, 2..9:2, 12) AND NOT band LIKE 'g%'",
    "visit.region OVERLAPS CIRCLE(10, -20, 0.5) OR (exposure.timespan OVERLAPS (T'2025-01-01', NULL) AND raw.run = 'a')",
    "exposure.exposure_time * 2 + 1 BETWEEN 3 AND 1e3 AND exposure.can_see_sky AND visit.seq_num IS NOT NULL",
    "visit.region OVERLAPS REGION('POLYGON 1 2 3 4 5 6') AND htm7 IN (240000..240010) AND raw.id = UUID('0')",
    "T'58000.5/tai' IN (exposure.timespan) AND GLOB(raw.run, '*[a-z]?') AND detector = 'R22' AND tract = :v AND v > 2",
    "POLYGON(1, 2, 3, 4, 5, 6) OVERLAPS visit_detector_region.region AND raw.ingest_date < '2025-01-01' OR visit = v",
)
SPACED = " ".join(VALID).replace("(", " ( ").replace(")", " ) ").replace(",", " , ")
WORDS = (*SPACED.split(), "'", "..", "\0", "é", "''")


def mutilated(rng):
    text = rng.choice(VALID)
    for _ in range(rng.randint(1, 4)):
        place, length = rng.randrange(len(text) + 1), rng.choice((0, 1, 3, 10))
        new = rng.choice((rng.choice(WORDS), chr(rng.choice((rng.randrange(128), rng.randrange(0x110000)))), ""))
        text = text[:place] + new + text[place + length :]
    return text


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:ERFA")
def test_a_hundred_thousand_mutilated_expressions_give_only_user_errors():
    rng = random.Random(int(os.environ.get("BUNTER_SEED", "0")))
    slowest, accepted = 0.0, 0
    for _ in range(int(os.environ.get("BUNTER_FUZZ", "100000"))):
        text = mutilated(rng)
        begin = time.process_time()
        try:
            node = parse(text)
            bind_query(
                universe=UNIVERSE,
                kind="datasets",
                result=RAW,
                where=text,
                binds={"v": rng.choice((1, "a", [1, 2], None, 2.5, range(3)))},
                searches=[DatasetSearch("raw", ("run",))],
                dataset_types={"raw": RAW},
                defaults={"instrument": "X", "skymap": "s"},
            )
            accepted += 1
            assert parse(unparse(node)) == node
        except UserError:
            pass
        slowest = max(slowest, time.process_time() - begin)
    assert slowest < 1
    assert accepted

"""Identifiers are unique, ascend, and where repeatable are the same everywhere."""

from __future__ import annotations

import base64
import hashlib
import itertools
import multiprocessing
import re
import threading
import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from bunter.values import derive_nonce, deterministic_id, new_id, new_ids, new_nonce


@given(st.lists(st.integers(0, 2000), max_size=20))
def test_ids_ascend_and_are_unique_over_calls(counts):
    ids = [each for count in counts for each in new_ids(count)]
    assert len(ids) == sum(counts)
    assert all(a < b for a, b in itertools.pairwise(ids))


def test_ids_are_uuids_of_version_7_that_start_with_the_time():
    drawn = new_id()
    assert (drawn.version, drawn.variant) == (7, uuid.RFC_4122)
    assert abs((drawn.int >> 80) - time.time_ns() // 10**6) < 60_000
    assert uuid.UUID(bytes=new_ids(3)[2]).version == 7


def test_threads_never_draw_the_same_id():
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.extend(new_ids(500))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 4000


def _draw(_: int) -> list[bytes]:
    return new_ids(200)


def test_forked_children_never_draw_the_same_id():
    new_ids(10)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = [each for ids in pool.map(_draw, range(8)) for each in ids]
    assert len(set(found)) == 1600


def test_a_repeatable_id_is_that_of_the_reference_system():
    expected = uuid.UUID("f351d49a-e376-5394-a3d5-7e66fcf5abbb")  # as lsst-daf-butler makes it
    data_id = {"instrument": "HSC", "exposure": 903334, "detector": 50}
    assert deterministic_id("raw", data_id, "HSC/raw/all") == expected
    assert deterministic_id("raw", data_id) == uuid.UUID("79d2bd55-ae40-5b69-b6af-722e9506de87")


def test_nonces_are_13_characters_of_base32():
    assert re.fullmatch("[a-z2-7]{13}", new_nonce())
    assert len({new_nonce() for _ in range(1000)}) == 1000


@given(st.lists(st.text(max_size=5), min_size=1, max_size=3), st.lists(st.text(max_size=5), min_size=1, max_size=3))
def test_derived_nonces_depend_on_the_parts_and_where_they_end(a, b):
    assert (derive_nonce(*a) == derive_nonce(*b)) == (a == b)
    assert re.fullmatch("[a-z2-7]{13}", derive_nonce(*a))


@given(st.text(max_size=5))
def test_nonces_are_spelled_as_everywhere(text):
    part = text.encode()
    digest = hashlib.sha256(len(part).to_bytes(8, "big") + part).digest()[:8]
    assert derive_nonce(text) == base64.b32encode(digest).decode()[:13].lower()

"""Digests and ranges of bytes."""

from __future__ import annotations

import hashlib

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from bunter.values import ByteRange, Digesting, Principal, digest, quick_digest


@given(st.lists(st.binary(max_size=50)))
def test_pieces_and_the_whole_have_the_same_digests(pieces):
    whole = b"".join(pieces)
    assert digest(pieces) == digest(whole)
    assert digest(whole).sha256 == hashlib.sha256(whole).digest()
    assert digest(whole).xxh3 == xxhash.xxh3_128_digest(whole) == quick_digest(whole)


def test_a_tee_hands_on_what_it_digests():
    digesting = Digesting()
    assert b"".join(digesting.tee([b"ab", b"c"])) == b"abc"
    assert (digesting.size, digesting.digests()) == (3, digest(b"abc"))


def test_a_byte_range_has_no_negative_parts():
    assert ByteRange(3, 4).end == 7
    with pytest.raises(ValueError, match="negative"):
        ByteRange(-1, 4)


def test_the_current_principal_is_shown_as_user_at_host():
    principal = Principal.current()
    assert str(principal) == f"{principal.user}@{principal.host}"

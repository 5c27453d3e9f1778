"""Headers that are kept one by one share a base, as those that are kept together do."""

import pytest

from bunter.database import Database
from bunter.dataset.header import CardText, Header, headers_change, packed_alike
from bunter.dimensions import Universe
from bunter.registry import Registry
from bunter.values import new_ids


def header(number, **more):
    cards = {f"CARD{n}": f"some value {n}" for n in range(60)} | {"NUMBER": number, **more}
    text = "".join(f"{name:8}= {value!r}".ljust(80) for name, value in cards.items())
    return Header(CardText(text.encode()), cards)


@pytest.fixture
def registry():
    return Registry.create(Database.memory(), Universe.default())


def keep(registry, *headers):
    ids = list(new_ids(len(headers)))
    with registry.database.write() as tx:
        registry.apply(tx, headers_change(zip(ids, packed_alike(headers), strict=True)))
    return ids


def bases(registry):
    with registry.database.read() as connection:
        return connection.fetchall("SELECT uses, length(packed) FROM header_base ORDER BY number")


def sizes(registry):
    with registry.database.read() as connection:
        return [n for (n,) in connection.fetchall("SELECT length(packed) + length(cards) FROM header")]


def test_headers_of_one_sort_share_a_base_however_they_came(registry):
    for number in range(10):
        keep(registry, header(number))
    keep(registry, header(11), header(12))
    assert [uses for uses, _ in bases(registry)] == [12]
    assert max(sizes(registry)) < 150


def test_headers_with_little_in_common_have_bases_of_their_own(registry):
    keep(registry, header(0))
    other = Header(CardText(b"OTHER   = 1".ljust(80)), {"OTHER": 1, "NUMBER": 5})
    keep(registry, other)
    keep(registry, header(1))
    assert [uses for uses, _ in bases(registry)] == [2, 1]


def test_many_headers_together_bring_their_own_base(registry):
    keep(registry, header(0))
    keep(registry, *(header(n, CARD7="another") for n in range(20)))
    assert [uses for uses, _ in bases(registry)] == [1, 20]

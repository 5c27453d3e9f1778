"""What was fetched ahead is what was recorded, and formats read it where it lies."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from bunter.dataset import StoredArtifact
from bunter.datastore.arrived import Arrived
from bunter.datastore.format import ReadRequest, format_names, format_of
from bunter.datastore.whole import WholeReading
from bunter.errors import KeyMissingError
from bunter.values import digest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Service:
    """Gives out contents in pieces, as a storage service does."""

    def __init__(self, **contents: list[bytes]) -> None:
        self.contents = contents

    def chunks(self, key: str) -> Iterator[memoryview]:
        if key not in self.contents:
            raise KeyMissingError(f"no object {key}")
        return map(memoryview, self.contents[key])


def recorded(key: str, content: bytes) -> StoredArtifact:
    found = digest(content)
    return StoredArtifact(
        bytes(16), "", key, "main", len(content), found.sha256, found.xxh3, "text", 1, owned=True, selector=""
    )


def arrived(service: Any, *stored: StoredArtifact) -> Arrived:
    return Arrived(service, stored)


def test_what_came_in_one_piece_is_not_copied_and_several_are_one() -> None:
    whole = b"one piece"
    ahead = arrived(Service(a=[whole], b=[b"two ", b"pieces"]), recorded("a", whole), recorded("b", b"two pieces"))
    content = ahead.content("a")
    assert isinstance(content, memoryview)
    assert content.obj is whole
    assert ahead.read("b") == [b"two pieces"]


def test_what_is_damaged_or_gone_has_not_arrived() -> None:
    good, damaged, gone = recorded("a", b"good"), recorded("b", b"good"), recorded("c", b"good")
    ahead = arrived(Service(a=[b"good"], b=[b"bad!"]), good, damaged, gone)
    assert [ahead.has([each]) for each in (good, damaged, gone)] == [True, False, False]
    with pytest.raises(KeyMissingError):
        ahead.content("b")


@pytest.mark.parametrize("name", [name for name in format_names() if getattr(format_of(name), "takes_buffers", False)])
def test_a_format_that_takes_buffers_reads_the_same_from_them(name: str) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = BytesIO()
    pq.write_table(pa.table({"x": [1, 2, 3]}), table)
    content, wanted = {
        "text": ("Grüße\n".encode(), "builtins:str"),
        "parquet": (table.getvalue(), "pyarrow:Table"),
    }[name]
    request, form = ReadRequest(wanted), format_of(name)
    assert form.from_bytes(memoryview(content), request) == form.from_bytes(content, request)  # type: ignore[arg-type]


def test_other_formats_get_bytes() -> None:
    assert WholeReading("StructuredDataDict", "json").read(memoryview(b'{"n": 1}')) == {"n": 1}

"""What every format promises. Subclass the suite and supply its fixtures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from bunter.datastore.format import Format, ReadRequest, ReadsFiles, TellsDifferences, WritesPieces, format_of
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FormatContract"]


class FormatContract:
    """What every `Format` promises.

    Fixtures: ``form``, the format; ``make``, a function without arguments that makes an object, each time a new and
    equal one; ``other``, an object that is not equal; ``equal``, a function that compares two objects exactly, NaN with
    NaN; ``python_type``, what to ask for when reading.
    """

    @pytest.fixture
    def python_type(self, form: Format) -> str:
        return form.python_types[0]

    def test_what_was_written_is_read_back_equal(
        self, form: Format, make: Callable[[], Any], equal: Callable[[Any, Any], bool], python_type: str
    ) -> None:
        assert equal(form.from_bytes(form.to_bytes(make()), ReadRequest(python_type)), make())

    def test_what_was_read_is_written_as_the_same_bytes(
        self, form: Format, make: Callable[[], Any], python_type: str
    ) -> None:
        first = form.to_bytes(make())
        assert form.to_bytes(form.from_bytes(first, ReadRequest(python_type))) == first

    def test_equal_objects_give_equal_bytes(self, form: Format, make: Callable[[], Any]) -> None:
        assert form.to_bytes(make()) == form.to_bytes(make())

    def test_same_is_true_of_equal_objects_and_false_of_others(
        self, form: Format, make: Callable[[], Any], other: Any
    ) -> None:
        one, two = form.to_bytes(make()), form.to_bytes(other)
        assert form.same(one, form.to_bytes(make()))
        assert not form.same(one, two)
        assert not form.same(two, one)

    def test_it_says_how_artifacts_differ_if_it_can(self, form: Format, make: Callable[[], Any], other: Any) -> None:
        if isinstance(form, TellsDifferences):
            said = form.difference(form.to_bytes(make()), form.to_bytes(other))
            assert said.strip()
            assert "\n" not in said

    def test_pieces_are_the_bytes_and_can_be_asked_for_again(self, form: Format, make: Callable[[], Any]) -> None:
        if isinstance(form, WritesPieces):
            pieces = form.to_pieces(make())
            once, again = bytes(pieces), bytes(pieces)
            assert once == again == form.to_bytes(make())

    def test_a_file_is_read_as_its_bytes_are(
        self, form: Format, make: Callable[[], Any], equal: Callable[[Any, Any], bool], python_type: str
    ) -> None:
        if isinstance(form, ReadsFiles):
            assert equal(form.read_file(io.BytesIO(form.to_bytes(make())), ReadRequest(python_type)), make())

    def test_it_is_found_by_its_name(self, form: Format) -> None:
        assert type(format_of(form.name)) is type(form)
        assert form.extension.startswith(".")
        assert form.version >= 1

    def test_objects_of_other_kinds_are_refused(self, form: Format) -> None:
        with pytest.raises(FormatError):
            form.to_bytes(object())

    def test_an_unknown_component_is_refused(self, form: Format, make: Callable[[], Any]) -> None:
        with pytest.raises(FormatError):
            form.from_bytes(form.to_bytes(make()), ReadRequest(component="no_such_part"))

    def test_an_unknown_parameter_is_refused(self, form: Format, make: Callable[[], Any], python_type: str) -> None:
        request = ReadRequest(python_type, parameters={"no_such_parameter": 1})
        with pytest.raises(FormatError):
            form.from_bytes(form.to_bytes(make()), request)

    def test_bytes_of_another_kind_are_refused_or_taken_as_they_are(self, form: Format) -> None:
        junk = b"\x00\xff\xfejunk {[" * 40
        try:
            read = form.from_bytes(junk, ReadRequest())
        except FormatError:
            return
        assert form.to_bytes(read) == junk

    def test_a_file_cut_short_is_refused_or_read_as_what_is_left(self, form: Format, make: Callable[[], Any]) -> None:
        whole = form.to_bytes(make())
        for size in {len(whole) // 2, 1, 0}:  # a last byte of padding or a line end may be missing
            try:
                read = form.from_bytes(whole[:size], ReadRequest())
            except FormatError:
                continue
            assert not form.same(form.to_bytes(read), whole)

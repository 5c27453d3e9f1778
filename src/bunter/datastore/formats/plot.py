"""Plots as PNG images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bunter.errors import FormatError

if TYPE_CHECKING:
    from bunter.datastore.format import ReadRequest

__all__ = ["PngFormat", "SvgFormat"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class PngFormat:
    """PNG bytes, or a matplotlib figure that is drawn when written; reading gives the bytes."""

    name = "png"
    version = 1
    extension = ".png"
    python_types = ("builtins:bytes", "matplotlib.figure:Figure")

    def to_bytes(self, obj: object) -> bytes:
        """Draw a figure, without the date and program that would make equal plots differ."""
        if hasattr(obj, "savefig"):
            out = io.BytesIO()
            obj.savefig(out, format="png", metadata={"Software": None, "Creation Time": None})
            return out.getvalue()
        if isinstance(obj, bytes | bytearray | memoryview) and bytes(obj[:8]) == _SIGNATURE:
            return bytes(obj)
        svg = isinstance(obj, bytes) and _is_svg(obj)
        what = "SVG; configure the format svg for it" if svg else type(obj).__name__
        raise FormatError(f"a plot is PNG bytes or a matplotlib figure, not {what}")

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Return the PNG bytes."""
        _refuse_parts(request)
        if not data.startswith(_SIGNATURE):
            raise FormatError("not a PNG image")
        return data

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether the bytes are equal."""
        return old == new


class SvgFormat:
    """SVG bytes, or a matplotlib figure that is drawn when written; reading gives the bytes."""

    name = "svg"
    version = 1
    extension = ".svg"
    python_types = ("builtins:bytes", "matplotlib.figure:Figure")

    def to_bytes(self, obj: object) -> bytes:
        """Draw a figure, without the date and with the same names in equal plots."""
        if hasattr(obj, "savefig"):
            import matplotlib as mpl

            out = io.BytesIO()
            with mpl.rc_context({"svg.hashsalt": "bunter"}):
                obj.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
            return out.getvalue()
        if isinstance(obj, bytes | bytearray | memoryview) and _is_svg(bytes(obj)):
            return bytes(obj)
        raise FormatError(f"a plot is SVG bytes or a matplotlib figure, not {type(obj).__name__}")

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Return the SVG bytes."""
        _refuse_parts(request)
        if not _is_svg(data):
            raise FormatError("not an SVG image")
        return data

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether the bytes are equal."""
        return old == new


def _refuse_parts(request: ReadRequest) -> None:
    if request.is_partial:
        part = request.component or request.selector or next(iter(request.parameters))
        raise FormatError(f"a plot has no part {part!r}; it is read as a whole")


def _is_svg(data: bytes) -> bool:
    head = data[:1000].lstrip()
    return head.startswith((b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE")) and b"<svg" in head and b"</svg>" in data[-200:]

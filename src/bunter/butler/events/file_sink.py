"""Events appended to a file, one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.errors import SubscriptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset.event import Subscription

__all__ = ["FileSink"]


class FileSink:
    """Appends to the file that is the target, and returns when that is on stable storage.

    A process that dies while it appends may leave half a line; the next one begins a new line, with the same event.

    Parameters
    ----------
    subscription : Subscription
        Its target is the absolute path of a file in a folder that is there. Its name ends in ``.jsonl``: whoever may
        write to the repository chooses it, and whoever delivers may have rights that others have not.
    """

    def __init__(self, subscription: Subscription) -> None:
        self._path = Path(subscription.target)
        is_fit = self._path.is_absolute() and self._path.parent.is_dir() and not self._path.is_dir()
        if not is_fit or self._path.suffix != ".jsonl":
            raise SubscriptionError(
                "the target of a subscription by file is the path of a file such as events.jsonl, in a folder that is there, "
                f"not {subscription.target!r}"
            )

    def send(self, events: Sequence[dict[str, Any]]) -> None:
        """See `EventSink`."""
        lines = "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in events).encode()
        is_torn = self._is_torn()
        file = effects.open_append(self._path)
        try:
            file.append(b"\n" + lines if is_torn else lines)
            file.sync()
        finally:
            file.close()

    def _is_torn(self) -> bool:
        stat = effects.stat(self._path)
        return stat is not None and stat.st_size > 0 and effects.read_range(self._path, stat.st_size - 1, 1) != b"\n"

    def close(self) -> None:
        """See `EventSink`."""

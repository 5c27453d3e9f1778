"""Scalars sent to a metrics database elsewhere, over HTTP."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from uuid import UUID

from bunter import effects
from bunter.datastore.sink import scalars_of
from bunter.errors import ConfigurationError
from bunter.values import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.datastore.config import SinkConfig
    from bunter.datastore.sink import SinkItem

__all__ = ["HttpSink"]

_TIMEOUT_S = 10.0


class HttpSink:
    """Posts JSON to an address: ``{"records": [{"value": {...}}, ...]}``, one record for each dataset.

    A record has ``id``, ``dataset_type``, ``run``, ``data_id`` and ``values``; of a removed dataset ``id`` and
    ``removed``. The id is the key: a record that comes again is the same one; posts that come again have the same
    ``Idempotency-Key``. A token in the environment variable ``BUNTER_SINK_TOKEN_<NAME>`` is sent as bearer token.

    Parameters
    ----------
    name : str
        Name of the sink.
    config : SinkConfig
        Its address.
    """

    def __init__(self, name: str, config: SinkConfig) -> None:
        if config.address is None or not config.address.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"datastore.sinks.{name}.address must be an address such as https://metrics.example.org"
            )
        self.address = config.address
        self._variable = f"BUNTER_SINK_TOKEN_{name.upper()}"

    def send(self, items: Sequence[SinkItem]) -> None:
        """Send the scalars of datasets; see `OuterSink`."""
        self._post(
            [
                {
                    "id": str(item.ref.id),
                    "dataset_type": item.ref.dataset_type.name,
                    "run": item.ref.run,
                    "data_id": dict(item.ref.data_id.mapping),
                    "values": scalars_of(item.content, item.ref.dataset_type.name),
                }
                for item in items
            ]
        )

    def forget(self, ids: Sequence[bytes]) -> None:
        """Tell that datasets were removed; see `OuterSink`."""
        self._post([{"id": str(UUID(bytes=id_)), "removed": True} for id_ in ids])

    def _post(self, values: Sequence[object]) -> None:
        body = json.dumps({"records": [{"value": value} for value in values]}, default=str).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": digest(body).sha256.hex()}
        if token := os.environ.get(self._variable):
            headers["Authorization"] = f"Bearer {token}"
        effects.request("post", self.address, changes=True)
        asked = urllib.request.Request(self.address, body, headers, method="POST")  # noqa: S310 - http only, see __init__
        with urllib.request.urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above
            answer.read()

"""What telling costs: puts with and without somebody who subscribes, delivery, stamps in FITS headers, telemetry.

    python telling.py [--puts 400] [--events 10000] [--scratch DIR]

Prints CPU milliseconds of one operation. The receiver of the webhook is a thread of this process and is counted.
"""

# A script of plain calls: it measures, it is no example of style.
# ruff: noqa: PTH118

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import numpy as np
from astropy.nddata import CCDData

from bunter.butler import Butler
from bunter.dataset.event import Event
from bunter.dataset.stamp import Stamp
from bunter.datastore.format import format_of
from bunter.execution.otlp import Exporter

REPEAT = 3


def fill(root: str, detectors: int) -> Butler:
    """Make an empty repository."""
    butler = Butler.create(root)
    butler.dimension_records.insert("instrument", {"name": "Cam"})
    records = [{"instrument": "Cam", "id": n, "full_name": str(n)} for n in range(detectors)]
    butler.dimension_records.insert("detector", records)
    for name in ("one", "many"):
        butler.dataset_types.register(name, ["instrument", "detector"], "StructuredDataDict")
    butler.collections.register("run")
    return butler


def puts(root: str, count: int, *, subscribed: bool) -> tuple[float, float]:
    """Return CPU of a put, and of a dataset among many that are put at once, in ms."""
    with fill(root, count + 50) as butler:
        if subscribed:
            butler.events.subscribe("me")
        for n in range(50):
            butler.put({"n": n}, "one", instrument="Cam", detector=n, run="run")
        begin = time.process_time()
        for n in range(50, count + 50):
            butler.put({"n": n}, "one", instrument="Cam", detector=n, run="run")
        single = (time.process_time() - begin) / count
        keys = [{"instrument": "Cam", "detector": n} for n in range(count)]
        begin = time.process_time()
        butler.put_many([{"n": 1}] * count, "many", keys, run="run")
        return 1e3 * single, 1e3 * (time.process_time() - begin) / count


class Taker(BaseHTTPRequestHandler):
    """Takes everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def deliveries(root: str, count: int) -> dict[str, float]:
    """Return CPU of the delivery of one event to a file and to a webhook, in ms."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with fill(root, 1) as butler:
        butler.events.subscribe("file", "file", os.path.join(root, "events.jsonl"))
        butler.events.subscribe("webhook", "webhook", f"http://127.0.0.1:{server.server_port}")
        for first in range(0, count, 100):
            butler.events.tell(*(Event("run.ended", "run", {"n": n}) for n in range(first, first + 100)))
        found = {}
        for name in ("file", "webhook"):
            begin = time.process_time()
            assert butler.events.deliver(name)[0].events == count
            found[name] = 1e3 * (time.process_time() - begin) / count
    server.shutdown()
    server.server_close()
    return found


def stamps() -> tuple[float, float]:
    """Return CPU of writing an image of 4096 pixels, and of stamping it, in ms."""
    form = format_of("fits")
    image = CCDData(np.zeros((64, 64), "f4"), unit="adu")
    read = tuple((UUID(int=n), "raw") for n in range(3))
    stamp = Stamp(UUID(int=1), "calexp", "u/run", {"visit": 3}, "isr", "m.Isr", "1", "g", 7, {"bunter": "1"}, read)
    written = form.to_bytes(image)
    begin = time.process_time()
    for _ in range(100):
        form.to_bytes(image)
    middle = time.process_time()
    for _ in range(100):
        form.stamped(written, stamp)  # type: ignore[attr-defined]
    return 10 * (middle - begin), 10 * (time.process_time() - middle)


def sending(count: int = 100_000) -> float:
    """Return CPU of handing a record to an exporter whose collector is dead, in ms."""
    exporter = Exporter("http://127.0.0.1:9")
    begin = time.process_time()
    for n in range(count):
        exporter.send("logs", {"n": n})
    spent = time.process_time() - begin
    exporter.close(0.1)
    return 1e3 * spent / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--puts", type=int, default=400)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--scratch")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.scratch) as scratch:
        for subscribed in (False, True):
            best = [
                puts(os.path.join(scratch, f"{subscribed}{n}"), asked.puts, subscribed=subscribed)
                for n in range(REPEAT)
            ]
            who = "somebody subscribes" if subscribed else "nobody subscribes"
            print(f"put, {who:20} {min(one for one, _ in best):8.3f} ms; one of many {min(m for _, m in best):7.3f} ms")
        for name, spent in deliveries(os.path.join(scratch, "delivery"), asked.events).items():
            print(f"event delivered by {name:12} {spent:8.4f} ms")
    written, stamped = stamps()
    print(f"FITS image of 4096 pixels        {written:8.3f} ms; its stamp   {stamped:7.3f} ms")
    print(f"record for a dead collector      {sending():8.4f} ms")


if __name__ == "__main__":
    main()

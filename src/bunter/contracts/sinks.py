"""What a repository promises whose datastore feeds sinks: subclass `SinkContract` and supply a ``make`` fixture."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pytest
from astropy.table import Table

from bunter.butler import Butler
from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef, FileDataset
from bunter.values import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Make = Callable[[dict[str, Any]], Butler]

__all__ = ["SinkContract"]

METRICS = {"sinks": {"metrics": {"kind": "metrics", "constraints": {"accept": ["seeing"]}}}}
ROWS = {"sinks": {"sources": {"kind": "rows", "constraints": {"accept": ["src"]}}}}


def filled(butler: Butler) -> Butler:
    """Give an empty repository dataset types and runs."""
    fill_dimensions(butler)
    butler.dataset_types.register("seeing", ["instrument", "detector"], "StructuredDataDict")
    butler.dataset_types.register("src", ["instrument", "detector"], "AstropyTable")
    butler.dataset_types.register("note", ["instrument", "detector"], "StructuredDataDict")
    for run in ("run1", "run2"):
        butler.collections.register(run)
    return butler


def put(butler: Butler, content: object, kind: str = "seeing", detector: int = 0, run: str = "run1") -> DatasetRef:
    """Store an object."""
    return butler.put(content, kind, instrument="Cam", detector=detector, run=run)


def feeding(butler: Butler) -> Any:
    """Return what feeds the sinks; only repositories of one's own have it."""
    repository: Any = butler.repository
    return repository.feeding


class _Listener(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.posts += 1
        server.keys.append(self.headers["Idempotency-Key"])
        if not server.is_down:
            server.received += [record["value"] for record in body["records"]]
        time.sleep(server.delay_s)
        self.send_response(503 if server.is_down else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class SinkContract:
    """Promises about sinks.

    A subclass has a fixture ``make`` that makes an empty repository with the datastore configuration that it is given.
    """

    @pytest.fixture
    def elsewhere(self) -> Iterator[Any]:
        """Serve a metrics database on loopback."""
        server: Any = HTTPServer(("127.0.0.1", 0), _Listener)
        server.received, server.is_down, server.posts, server.keys, server.delay_s = [], False, 0, [], 0.0
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        server.server_close()

    def test_scalars_become_rows_that_can_be_asked_for(self, make: Make) -> None:
        butler = filled(make(METRICS))
        refs = [
            put(butler, {"fwhm": 0.5 + d, "ok": True, "fit": {"chi2": 1.5}, "who": "ann"}, detector=d) for d in (0, 1)
        ]
        put(butler, {"fwhm": 9.0}, "note")
        rows = butler.sql("SELECT id, name, value, text FROM v1_metric ORDER BY id, name").rows
        assert rows[:4] == [
            (str(refs[0].id), "fit.chi2", 1.5, None),
            (str(refs[0].id), "fwhm", 0.5, None),
            (str(refs[0].id), "ok", 1.0, None),
            (str(refs[0].id), "who", None, "ann"),
        ]
        assert len(rows) == 8
        joined = butler.sql(
            "SELECT d.detector, m.value FROM v1_datasets_seeing d JOIN v1_metric m ON m.id_bytes = d.id_bytes "
            "WHERE m.name = 'fwhm' ORDER BY 1"
        )
        assert joined.rows == [(0, 0.5), (1, 1.5)]
        assert butler.get(refs[0])["fwhm"] == 0.5

    def test_rows_go_with_their_dataset_and_with_their_run(self, make: Make) -> None:
        butler = filled(make(METRICS))
        first = put(butler, {"fwhm": 1.0})
        put(butler, {"fwhm": 2.0}, detector=1)
        put(butler, {"fwhm": 3.0}, run="run2")
        count = "SELECT run, value FROM v1_metric ORDER BY value"
        butler.remove_datasets([first])
        assert butler.sql(count).rows == [("run1", 2.0), ("run2", 3.0)]
        butler.remove_runs("run1")
        assert butler.sql(count).rows == [("run2", 3.0)]

    def test_rows_of_catalogues_are_appended_singly_and_in_bulk(self, make: Make) -> None:
        butler = filled(make(ROWS))
        put(butler, Table({"ra": [1.5, 2.5], "name": ["a", "b"]}), "src")
        data_ids = [{"instrument": "Cam", "detector": d} for d in (1, 2)]
        tables = [Table({"ra": [3.5], "flux": [7]}), Table({"ra": [4.5], "flux": [8]})]
        butler.put_many(tables, "src", data_ids, run="run2")
        found = butler.sql("SELECT run, row_number, ra, name, flux FROM v1_rows_sources ORDER BY ra").rows
        assert found == [
            ("run1", 0, 1.5, "a", None),
            ("run1", 1, 2.5, "b", None),
            ("run2", 0, 3.5, None, 7),
            ("run2", 0, 4.5, None, 8),
        ]
        butler.remove_runs("run2")
        assert butler.sql("SELECT count(*) FROM v1_rows_sources").rows == [(2,)]

    def test_arrays_in_catalogues_have_columns_or_are_texts(self, make: Make) -> None:
        butler = filled(make(ROWS))
        table = Table({"flux": [[1.0, 2.0], [3.0, float("nan")]], "psf": [[0.5] * 20, [1.0] * 20]})
        table["cov"] = np.arange(8.0).reshape(2, 2, 2)
        put(butler, table, "src")
        found = butler.sql("SELECT flux_0, flux_1, cov_0, cov_3, psf FROM v1_rows_sources ORDER BY row_number").rows
        assert found[0] == (1.0, 2.0, 0.0, 3.0, str([0.5] * 20))
        assert found[1][0] == 3.0
        assert found[1][1] is None or found[1][1] != found[1][1]  # SQLite has no NaN
        assert json.loads(found[1][4]) == [1.0] * 20

    def test_what_feeds_a_sink_need_not_be_a_file(self, make: Make) -> None:
        ram = {"kind": "memory", "constraints": {"accept": ["seeing"]}}
        butler = filled(make({**METRICS, "constraints": {"reject": ["seeing"]}, "stores": {"ram": ram}}))
        ref = put(butler, {"fwhm": 1.0})
        put(butler, {"fwhm": 2.0}, "note")
        assert butler.sql("SELECT value FROM v1_metric").rows == [(1.0,)]
        assert butler.get(ref) == {"fwhm": 1.0}
        repository: Any = butler.repository
        assert [name for name, store in repository.datastore.stores.items() for _ in store.walk()] == ["main", "ram"]

    def test_few_numbers_of_an_array_are_metrics(self, make: Make) -> None:
        butler = filled(make(METRICS))
        put(butler, {"zero": [1.5, 2.5], "names": ["a", "b"], "many": list(range(17)), "fit": {"c": [[1, 2], [3, 4]]}})
        rows = butler.sql("SELECT name, value FROM v1_metric ORDER BY name").rows
        assert rows == [("zero.0", 1.5), ("zero.1", 2.5)]

    def test_files_that_are_ingested_are_fed_too(self, make: Make, tmp_path: Path) -> None:
        butler = filled(make(METRICS))
        (tmp_path / "s.json").write_text('{"fwhm": 4.0}')
        data_id = butler.standardize({"instrument": "Cam", "detector": 1}, ["instrument", "detector"])
        ref = DatasetRef(new_id(), butler.dataset_types.get("seeing"), data_id, "run1")
        butler.ingest(FileDataset(str(tmp_path / "s.json"), [ref]), transfer="copy")
        assert butler.sql("SELECT value FROM v1_metric").rows == [(4.0,)]

    def test_what_is_transferred_or_imported_is_fed_too(self, make: Make, tmp_path: Path) -> None:
        butler = make(METRICS)
        with filled(Butler.create(f"memory://{uuid4()}")) as source:
            refs = [put(source, {"fwhm": float(d)}, detector=d) for d in (0, 1)]
            others = [put(source, {"fwhm": 5.0}, detector=d, run="run2") for d in (0, 1)]
            butler.transfer_from(source, refs)
            assert butler.sql("SELECT value FROM v1_metric ORDER BY 1").rows == [(0.0,), (1.0,)]
            source.export(tmp_path / "export", refs=others)
        butler.import_(tmp_path / "export")
        assert butler.sql("SELECT count(*) FROM v1_metric").rows == [(4,)]
        assert feeding(butler).counts() == [("metrics", "sent", 4)]

    def test_a_sink_may_take_what_is_of_one_instrument(self, make: Make) -> None:
        sinks = {
            "mine": {"kind": "metrics", "constraints": {"accept": ["instrument<Cam>.seeing"]}},
            "yours": {"kind": "rows", "constraints": {"accept": ["instrument<Other>"]}},
        }
        butler = filled(make({"sinks": sinks}))
        put(butler, {"fwhm": 1.0})
        put(butler, {"fwhm": 2.0}, "note")
        assert feeding(butler).counts() == [("mine", "sent", 1)]

    def test_what_is_brought_back_before_a_sink_heard_of_its_removal_stays_there(
        self, make: Make, elsewhere: Any
    ) -> None:
        address = f"http://127.0.0.1:{elsewhere.server_port}/"
        butler = filled(make({"sinks": {"site": {"kind": "http", "address": address}}, "trash_days": 3}))
        ref = put(butler, {"fwhm": 1.0})
        elsewhere.is_down = True
        butler.remove_datasets([ref])
        butler.undo()
        elsewhere.is_down = False
        feeding(butler).deliver()
        assert {record["id"] for record in elsewhere.received} == {str(ref.id)}
        assert not any(record.get("removed") for record in elsewhere.received)
        assert feeding(butler).counts() == [("site", "sent", 1)]

    def test_a_database_elsewhere_that_takes_long_to_fail_delays_one_put_only(self, make: Make, elsewhere: Any) -> None:
        address = f"http://127.0.0.1:{elsewhere.server_port}/"
        butler = filled(make({"sinks": {"site": {"kind": "http", "address": address}}}))
        elsewhere.is_down, elsewhere.delay_s = True, 1.1
        for detector in (0, 1, 2):
            put(butler, {"fwhm": 1.0}, detector=detector)
        assert elsewhere.posts == 1
        assert feeding(butler).counts() == [("site", "to send", 3)]
        elsewhere.is_down, elsewhere.delay_s = False, 0.0
        assert feeding(butler).deliver() == {"site": 3}
        assert len(elsewhere.received) == 3
        assert len(set(elsewhere.keys)) == 2

    def test_what_cannot_be_taken_in_is_kept_and_told(self, make: Make) -> None:
        butler = filled(make(METRICS))
        with butler.transaction():
            put(butler, {"fwhm": 1.0})
        put(butler, {"nothing": ["that", "is", "a", "scalar"]}, detector=1)
        assert butler.sql("SELECT value FROM v1_metric").rows == [(1.0,)]
        assert feeding(butler).counts() == [("metrics", "sent", 2)]

    def test_a_dataset_that_does_not_fit_harms_no_other(self, make: Make) -> None:
        butler = filled(make({"sinks": {"all": {"kind": "rows"}}}))
        with butler.transaction():
            put(butler, {"no": "table"})
            good = put(butler, Table({"ra": [1.5]}), "src", detector=1)
        assert butler.sql("SELECT id, ra FROM v1_rows_all").rows == [(str(good.id), 1.5)]
        assert feeding(butler).counts() == [("all", "sent", 1), ("all", "unfit", 1)]

    def test_a_database_elsewhere_is_told_later_if_it_was_down(self, make: Make, elsewhere: Any) -> None:
        address = f"http://127.0.0.1:{elsewhere.server_port}/"
        butler = filled(make({"sinks": {"site": {"kind": "http", "address": address}}}))
        elsewhere.is_down = True
        first = put(butler, {"fwhm": 1.0})
        assert elsewhere.received == []
        assert feeding(butler).counts() == [("site", "to send", 1)]
        elsewhere.is_down = False
        second = put(butler, {"fwhm": 2.0}, detector=1)
        assert {record["id"]: record["values"] for record in elsewhere.received} == {
            str(first.id): {"fwhm": 1.0},
            str(second.id): {"fwhm": 2.0},
        }
        assert elsewhere.received[0]["data_id"] == {"instrument": "Cam", "detector": 0}
        elsewhere.is_down = True
        butler.remove_runs("run1")
        elsewhere.is_down = False
        assert feeding(butler).deliver() == {"site": 2}
        assert [record["id"] for record in elsewhere.received if record.get("removed")] == [
            str(first.id),
            str(second.id),
        ]
        assert feeding(butler).counts() == []

"""Events: the contract over every kind of registry, and deliveries to a receiver that fails, hangs and comes back."""

import json
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bunter import Butler, effects
from bunter.butler.events import delivery, webhook
from bunter.butler.events.webhook import signature
from bunter.contracts.events import EventContract
from bunter.contracts.small_camera import fill_small_camera, put_thing


class TestEventsOfFolder(EventContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestEventsInMemory(EventContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestEventsOnPostgres(EventContract):
    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "repo") as butler:
            yield butler


@pytest.fixture
def butler(tmp_path):
    with Butler.create(tmp_path / "repo") as made:
        fill_small_camera(made)
        yield made


class Receiver(BaseHTTPRequestHandler):
    """Answers as the next of the server's plans says, 200 without one."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((dict(self.headers.items()), body))
        plan = self.server.plans.pop(0) if self.server.plans else 200
        if plan == "hang":
            self.server.go_on.wait(20)
            return
        if plan == "cut":
            return
        if plan == 200:
            self.server.taken += json.loads(body)
        self.send_response(plan)
        if plan == 429:
            self.send_header("Retry-After", "1")
        if plan == 302:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def started(port=0):
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    server.plans, server.asked, server.taken, server.go_on = [], [], [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def ended(server):
    server.go_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def receiver():
    server = started()
    yield server
    ended(server)


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(effects, "sleep", lambda seconds: time.sleep(min(seconds, 0.05)))


def address(server):
    return f"http://127.0.0.1:{server.server_port}/hook"


def put(butler, exposure):
    return put_thing(butler, exposure % 3, exposure // 3, run="run1")


def ids(server):
    return [event["data"]["ids"][0] for event in server.taken]


def test_a_webhook_gets_what_is_signed_with_the_secret(butler, receiver, monkeypatch):
    monkeypatch.setenv("BUNTER_EVENTS_SECRET_MY_HOOK", "open sesame")
    butler.events.subscribe("my-hook", "webhook", address(receiver))
    refs = [put(butler, n) for n in range(3)]
    assert butler.events.deliver()[0].events == 3
    [(headers, body)] = receiver.asked
    assert ids(receiver) == [str(ref.id) for ref in refs]
    assert headers["Content-Type"] == "application/cloudevents-batch+json"
    signed = signature("open sesame", headers["Webhook-Id"], headers["Webhook-Timestamp"], body)
    assert headers["Webhook-Signature"] == signed
    assert abs(int(headers["Webhook-Timestamp"]) - time.time()) < 60


def test_the_signature_is_that_of_the_standard():
    """The example that the specification of Standard Webhooks gives."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    assert (
        signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("plans", [[503], [500, 503], [429], ["cut"], [302], [404]])
def test_what_a_receiver_refuses_comes_again_in_order(butler, receiver, plans):
    butler.events.subscribe("hook", "webhook", address(receiver))
    receiver.plans += plans
    refs = [put(butler, n) for n in range(2)]
    done = butler.events.deliver()
    if done[0].problem:
        assert butler.events.get("hook").failures == 1
        assert butler.events.get("hook").problem == done[0].problem
        butler.events.deliver()
    assert ids(receiver) == [str(ref.id) for ref in refs]
    assert butler.events.get("hook").failures == 0
    assert {headers["Webhook-Id"] for headers, _ in receiver.asked} == {receiver.asked[0][0]["Webhook-Id"]}


def test_a_receiver_that_hangs_is_left_for_later_and_holds_up_no_other(butler, receiver, tmp_path, monkeypatch):
    monkeypatch.setattr(webhook, "_TIMEOUT_S", 0.3)
    butler.events.subscribe("hook", "webhook", address(receiver))
    butler.events.subscribe("log", "file", str(tmp_path / "events.jsonl"))
    receiver.plans += ["hang"] * 2
    ref = put(butler, 0)
    begin = time.monotonic()
    told = {done.name: done for done in butler.events.deliver(tries=2)}
    assert time.monotonic() - begin < 15  # it hangs for 20
    assert told["log"].events == 1
    assert "timed out" in told["hook"].problem
    receiver.go_on.set()
    butler.events.deliver()
    assert ids(receiver) == [str(ref.id)]


def test_a_receiver_that_is_restarted_gets_what_it_missed(butler):
    first = started()
    butler.events.subscribe("hook", "webhook", address(first))
    refs = [put(butler, 0)]
    butler.events.deliver()
    ended(first)
    refs += [put(butler, n) for n in range(1, 4)]
    [done] = butler.events.deliver(tries=1)
    assert "does not answer" in done.problem
    second = started(first.server_port)
    try:
        assert butler.events.deliver()[0].events == 3
        assert ids(first) + ids(second) == [str(ref.id) for ref in refs]
    finally:
        ended(second)


def test_pauses_after_failures_grow_and_a_receiver_that_asks_for_time_gets_it(butler, receiver):
    butler.events.subscribe("hook", "webhook", address(receiver))
    receiver.plans += [503] * 12
    put(butler, 0)
    pauses = []
    for _ in range(4):
        butler.events.deliver(tries=1)
        pauses.append(butler.events.get("hook").next_try)
    outbox = butler.repository.outbox
    assert pauses == sorted(pauses)
    assert delivery.Delivery(outbox, "x").deliver(only_due=True) == []
    assert len(receiver.asked) == 4


def test_ten_thousand_events_arrive_in_their_order_in_few_requests(butler, receiver):
    from bunter.dataset.event import Event

    butler.events.subscribe("hook", "webhook", address(receiver))
    for begin in range(0, 10_000, 100):
        butler.events.tell(*(Event("run.ended", "run1", {"n": n}) for n in range(begin, begin + 100)))
    assert butler.events.deliver()[0].events == 10_000
    assert [event["data"]["n"] for event in receiver.taken] == list(range(10_000))
    assert len(receiver.asked) == 20


def test_two_who_deliver_at_once_send_nothing_out_of_order(butler, receiver, tmp_path):
    butler.events.subscribe("hook", "webhook", address(receiver))
    done = threading.Event()

    def deliver():
        with Butler(tmp_path / "repo", writeable=True) as mine:
            while not done.is_set() or mine.events.waiting("hook"):
                mine.events.deliver()

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    refs = [put(butler, n) for n in range(9)]
    done.set()
    for thread in threads:
        thread.join(60)
    assert ids(receiver) == [str(ref.id) for ref in refs]


def test_who_goes_on_for_ever_delivers_what_comes_and_leaves_to_others_what_is_theirs(butler, receiver):
    butler.events.subscribe("hook", "webhook", address(receiver))
    outbox = butler.repository.outbox
    going_on = butler.events.keep_delivering()
    ref = put(butler, 0)
    [done] = next(going_on)
    assert (done.events, ids(receiver)) == (1, [str(ref.id)])
    assert outbox.claim("hook", "somebody else") is not None
    put(butler, 1)
    assert delivery.Delivery(outbox, "x").deliver(only_due=True) == []
    [told] = butler.events.deliver()
    assert told.problem == "another process delivers to it"
    outbox.release(["hook"], "somebody else")
    [done] = next(going_on)
    assert done.events == 1


class Broker:
    """Stands for Kafka: keeps what a producer flushes, or refuses it."""

    def __init__(self):
        self.messages, self.refusals, self.settings = [], [], None

    def Producer(self, settings):  # noqa: N802 - its name there
        self.settings, waiting = settings, []

        class Producer:
            def produce(_, topic, *, value, key, on_delivery):  # noqa: N805 - the broker is meant by self
                waiting.append(((topic, key, value), on_delivery))

            def flush(_, _limit_s):  # noqa: N805
                error = self.refusals.pop(0) if self.refusals else None
                for message, on_delivery in waiting:
                    on_delivery(error, None)
                    self.messages += [] if error else [message]
                waiting.clear()
                return 0

        return Producer()


def test_a_package_brings_a_sink_of_its_own_such_as_kafka(butler, monkeypatch):
    broker = Broker()
    entry = EntryPoint("kafka", "kafka_sink:KafkaSink", "bunter.event_sinks")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry] if group == "bunter.event_sinks" else [])
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(sys.modules, "confluent_kafka", broker)
    butler.events.subscribe("bus", "kafka", "kafka://broker:9092/nights", kinds=["datasets.*"])
    refs = [put(butler, n) for n in range(3)]
    broker.refusals += ["the leader is away"] * 3
    [done] = butler.events.deliver()
    assert (done.events, done.problem) == (0, "the leader is away")
    assert broker.messages == []
    assert butler.events.deliver()[0].events == 3
    assert broker.settings["bootstrap.servers"] == "broker:9092"
    assert {(topic, key) for topic, key, _ in broker.messages} == {("nights", "run1")}
    assert [json.loads(value)["data"]["ids"] for *_, value in broker.messages] == [[str(ref.id)] for ref in refs]


def test_a_sink_that_fails_in_its_own_way_loses_nothing(butler, monkeypatch, tmp_path):
    from bunter.butler.events.file_sink import FileSink

    butler.events.subscribe("log", "file", str(tmp_path / "events.jsonl"))
    put(butler, 0)
    monkeypatch.setattr(FileSink, "send", lambda *_: 1 / 0)
    [done] = butler.events.deliver()
    assert done.problem == "division by zero"
    monkeypatch.undo()
    assert butler.events.deliver()[0].events == 1

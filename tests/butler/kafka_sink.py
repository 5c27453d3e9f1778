"""A sink for Kafka, as a package of its own would bring it.

Its ``pyproject.toml`` says::

    [project.entry-points."bunter.event_sinks"]
    kafka = "bunter_kafka:KafkaSink"

and then ``bunter events subscribe REPO --name bus --sink kafka --to kafka://broker:9092/topic`` uses it.
"""

import json
import os

FLUSH_S = 30.0


class KafkaSink:
    """Produces each event as a message: the run or collection is the key, so that all about one stays in order.

    Credentials come from the environment, never from the repository.
    """

    def __init__(self, subscription):
        from confluent_kafka import Producer

        servers, _, self.topic = subscription.target.removeprefix("kafka://").partition("/")
        if not (servers and self.topic):
            raise ValueError(f"give a target such as kafka://broker:9092/topic, not {subscription.target!r}")
        settings = {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "client.id": f"bunter-{subscription.name}",
        }
        if password := os.environ.get("BUNTER_KAFKA_PASSWORD"):
            user = os.environ["BUNTER_KAFKA_USER"]
            settings |= {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}
            settings |= {"sasl.username": user, "sasl.password": password}
        self.producer = Producer(settings)
        self.problems = []

    def send(self, events):
        """Return once the broker has all of them; otherwise raise, and all of them come again."""
        self.problems.clear()
        for event in events:
            self.producer.produce(
                self.topic, value=json.dumps(event), key=event.get("subject", ""), on_delivery=self._delivered
            )
        waiting = self.producer.flush(FLUSH_S)
        if waiting or self.problems:
            raise OSError(self.problems[0] if self.problems else f"{waiting} messages were not taken in time")

    def _delivered(self, error, _message):
        if error is not None:
            self.problems.append(str(error))

    def close(self):
        """Leave nothing behind: `send` has flushed."""
